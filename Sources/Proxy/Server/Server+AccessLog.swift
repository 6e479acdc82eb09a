import ProxyConfig
import Stats

/// The access logs of this process's listeners.
extension Server {
    /// Places that lines of listeners may go to that come later.
    static let spareLogSinks = 64

    /// Opens the files; nil when no listener has an access log, nor may one come that has.
    static func openAccessLogs(
        _ configuration: CompiledConfiguration, mayHaveMore: Bool, _ options: ServerOptions, _ store: StatsStore,
        _ log: Log
    ) throws -> AccessLogWriter? {
        let sinks = configuration.snapshot.logSinks
        if sinks.entries.isEmpty, !mayHaveMore { return nil }
        return try AccessLogWriter(
            sinks, spare: mayHaveMore ? spareLogSinks : 0, descriptors: try sinks.open(),
            cells: FilesystemCells(store, store.makeWriter()),
            chunkBytes: options.fileFlushMinKiB * 1024, intervalMs: options.fileFlushIntervalMs,
            report: { log.error($0) })
    }

    /// How long a disk that stands still may keep a process from ending.
    private static let finishLimitMs: Int32 = 5000

    /// The workers have ended: what they have logged is written.
    func finishAccessLogs() {
        guard let accessLog, !accessLog.finish(limitMs: Self.finishLimitMs) else { return }
        log.error("access logs: not all lines could be written within \(Self.finishLimitMs / 1000) s")
    }
}
