/// `hot_restart.` counters, counted by the process that hands over.
public enum HotRestartCounter: Int, CounterNames {
    public typealias Scope = HotRestartScope

    case completed, aborted, connections_moved, connections_kept, connections_failed

    public var entry: StatEntry {
        switch self {
        case .completed: StatEntry("Hot restarts in which the new process took over.")
        case .aborted: StatEntry("Hot restarts that were given up: the running process went on.")
        case .connections_moved: StatEntry("Connections of clients that went over to the new process.")
        case .connections_kept:
            StatEntry("Connections of clients that stayed with the process that handed over, which drains them.")
        case .connections_failed:
            StatEntry("Connections of clients that were lost, since the new process died when it had just taken them.")
        }
    }
}

/// `hot_restart.` histograms.
public enum HotRestartHistogram: Int, HistogramNames {
    public typealias Scope = HotRestartScope

    case duration_ms, stall_ms

    public var entry: StatEntry {
        switch self {
        case .duration_ms:
            StatEntry(
                "Time from the new process's first word to the end of the hand-over, in which all goes on.",
                unit: .milliseconds)
        case .stall_ms: StatEntry("Time in which live connections stood still.", unit: .milliseconds)
        }
    }
}
