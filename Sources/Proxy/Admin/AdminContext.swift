import CLinux
import ProxyConfig
import Stats

/// Envoy's server states (`envoy.admin.v3.ServerInfo.State`).
public enum ServerState: UInt64, Sendable {
    case live = 0
    case draining = 1
    case preInitializing = 2
    case initializing = 3

    /// As `/ready` and `/server_info` say it.
    var name: String {
        switch self {
        case .live: "LIVE"
        case .draining: "DRAINING"
        case .preInitializing: "PRE_INITIALIZING"
        case .initializing: "INITIALIZING"
        }
    }
}

/// What the admin listener shows and may do. All of it on the main thread.
protocol AdminContext: AnyObject {
    var state: ServerState { get }
    var options: ServerOptions { get }
    var node: Node { get }
    /// The epoch in use, whatever the command line said.
    var epoch: UInt32 { get }
    var concurrency: Int { get }
    var hotRestartVersion: String { get }
    /// Nil when there was none in this process's life.
    var lastHotRestart: LastHotRestart? { get }
    /// Seconds since this process started, and since the first of its epochs did.
    var uptime: (currentEpoch: UInt64, allEpochs: UInt64) { get }
    /// All stats, with what is only measured when somebody asks brought up to date.
    func statsSource() -> StatsSource
    /// Which of them are shown, and how.
    var statsView: StatsView { get }
    /// Bytes of the heap that are used and held, and resident bytes of the process.
    var memory: (allocated: UInt64, held: UInt64, resident: UInt64) { get }
    var log: Log { get }
    var clusters: [(cluster: Cluster, hosts: [UpstreamHost])] { get }
    /// For `/config_dump`.
    var configInUse: ConfigInUse { get }
    /// The listeners that are open, with the addresses they are bound to.
    var openListeners: [(name: String, addresses: [cl_address])] { get }
    /// `POST /drain_listeners`.
    func drainListeners(graceful: Bool, skipExit: Bool)
    /// `POST /quitquitquit`: the answer goes out first.
    func quit()
    /// `POST /healthcheck/fail` and `POST /healthcheck/ok`.
    func failHealthCheck(_ fails: Bool)
    /// Runtime values, and what `/runtime_modify` sets.
    var runtime: Runtime { get }
    /// A new process is about to take over: it has been told the state of this one already.
    var isHandingOver: Bool { get }
    /// `POST /reset_counters`.
    func resetCounters()
    /// `POST /reopen_logs`.
    func reopenLogs()
}
