/// What the command line says, in the units of the server. `envoyd` fills it; see `envoyd --help` for the flags.
public struct ServerOptions: Sendable {
    public enum Mode: String, Sendable, CaseIterable { case serve, validate, initOnly = "init_only" }
    public enum Epoch: Sendable, Equatable {
        /// `--restart-epoch` was not given.
        case unspecified
        /// `--restart-epoch auto`: take over where somebody lives, else start cold.
        case automatic
        case number(UInt32)
    }
    /// What a hot restart hands over.
    public enum HandOver: String, Sendable, CaseIterable {
        /// Listeners and live connections.
        case all
        /// Listeners; the parent drains its connections, as Envoy does.
        case listeners
        /// Nothing: this process neither takes over nor lets itself be taken over.
        case none
    }
    public enum DrainStrategy: String, Sendable, CaseIterable { case gradual, immediate }

    public var configPath: String?
    public var configYAML: String?
    public var mode = Mode.serve
    public var baseID: UInt32 = 0
    public var useDynamicBaseID = false
    public var baseIDPath: String?
    public var restartEpoch = Epoch.unspecified
    /// `--hot-restart-file`: the restart socket's path.
    public var hotRestartFile: String?
    /// `--socket-path`: Envoy's name for the same, a leading `@` is the abstract name space.
    public var socketPath: String?
    /// `--socket-mode`, octal on the command line.
    public var socketMode: UInt32 = 0o600
    public var requireHotRestart = false
    public var skipHotRestartOnNoParent = false
    public var skipHotRestartParentStats = false
    public var disableHotRestart = false
    public var handOver = HandOver.all
    /// `--hand-over-timeout`: how long either side waits for the other before connections are frozen.
    public var handOverTimeoutMs: UInt64 = 5000
    public var parentShutdownSeconds: UInt32 = 900
    public var drainSeconds: UInt32 = 600
    public var drainStrategy = DrainStrategy.gradual
    public var serviceCluster: String?
    public var serviceNode: String?
    public var serviceZone: String?
    /// Worker threads, at least 1; nil: one a hardware thread.
    public var concurrency: Int?
    public var logLevel = "info"
    public var logPath: String?
    /// `--file-flush-interval-msec`: how long a line of an access log waits for others.
    public var fileFlushIntervalMs: UInt64 = 10_000
    /// `--file-flush-min-size-kb`: how many kilobytes of lines wait at most.
    public var fileFlushMinKiB: Int = 64
    public var adminAddressPath: String?
    public var resetStats = false
    public init() {}
}
