/// `filesystem.` counters: what becomes of the lines of access logs.
public enum FilesystemCounter: Int, CounterNames {
    public typealias Scope = FilesystemScope

    case write_buffered, write_completed, write_failed, flushed_by_timer, reopen_failed, write_dropped

    public var entry: StatEntry {
        switch self {
        case .write_buffered: StatEntry("Lines that were put into a buffer.")
        case .write_completed: StatEntry("Buffers that were written to their file.")
        case .write_failed: StatEntry("Buffers that could not be written, or not as a whole.")
        case .flushed_by_timer:
            StatEntry("Buffers that were handed over for writing since `--file-flush-interval-msec` had passed.")
        case .reopen_failed:
            StatEntry("Times a file could not be opened again (SIGUSR1, `POST /reopen_logs`); the old one goes on.")
        case .write_dropped:
            StatEntry("Lines that were dropped, since too much was waiting for the disk. Envoy has no such stat.")
        }
    }
}

/// `filesystem.` gauges.
public enum FilesystemGauge: Int, GaugeNames {
    public typealias Scope = FilesystemScope

    case write_total_buffered

    public var entry: StatEntry {
        switch self {
        case .write_total_buffered: StatEntry("Bytes of lines that are not written yet.")
        }
    }
}
