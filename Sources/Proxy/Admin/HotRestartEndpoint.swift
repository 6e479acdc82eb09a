import HotRestart
import ProxyConfig

/// The last hot restart that this process took part in.
struct LastHotRestart: Equatable {
    enum Result: String, Sendable {
        /// This process took over.
        case tookOver = "took_over"
        /// Another process took over from this one.
        case handedOver = "handed_over"
        /// It was given up; this process went on.
        case aborted
        /// The process that had taken over died; this one serves again.
        case takenBack = "taken_back"
    }
    var result: Result
    /// The other process.
    var pid: UInt64
    /// When it ended, in seconds since 1970.
    var atSeconds: UInt64
    var report: HandOverReport
    /// What moved, what stayed and why; or why it was given up.
    var text: String
}

/// `/hot_restart`: the last one, in JSON.
enum HotRestartEndpoint {
    static func answer(_: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        guard let last = context.lastHotRestart else { return .json(JSON.object(["result": .string("none")]).text) }
        let report = last.report
        return .json(
            JSON.object([
                "result": .string(last.result.rawValue),
                "epoch": .number(UInt64(context.epoch)),
                "other_pid": .number(last.pid),
                "unix_time": .number(last.atSeconds),
                "connections_moved": .number(report.moved),
                "connections_moved_busy": .number(report.busy),
                "upstream_connections_moved": .number(report.upstream),
                "connections_kept": .number(report.kept),
                "stall_us": .number(report.stallNs / 1000),
                "duration_us": .number(report.durationNs / 1000),
                "text": .string(last.text),
            ]).text)
    }
}
