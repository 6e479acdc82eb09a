import ArgumentParser
import Proxy

struct ConfigFlags: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config-path")],
        help: ArgumentHelp("Bootstrap file, YAML or JSON.", valueName: "file"))
    var configPath: String?

    @Option(
        name: .customLong("config-yaml"),
        help: ArgumentHelp("Inline YAML, merged over the file.", valueName: "text"))
    var configYaml: String?

    @Option(name: .customLong("mode"), help: "serve, validate (check the configuration and exit) or init_only.")
    var mode: ServerOptions.Mode = .serve

    @Option(
        name: .customLong("concurrency"),
        help: ArgumentHelp("Worker threads. (default: hardware threads)", valueName: "n"))
    var concurrency: PositiveNumber?

    @Option(
        name: .customLong("admin-address-path"),
        help: ArgumentHelp("Write the admin listener's bound address to this file.", valueName: "file"))
    var adminAddressPath: String?

    func fill(_ options: inout ServerOptions) {
        options.configPath = configPath
        options.configYAML = configYaml
        options.mode = mode
        options.concurrency = concurrency?.value
        options.adminAddressPath = adminAddressPath
    }
}

struct HotRestartFlags: ParsableArguments {
    @Option(
        name: .customLong("base-id"),
        help: ArgumentHelp("Keeps proxies of one host apart: stats region and restart socket.", valueName: "n"))
    var baseId: UInt32 = 0

    @Flag(name: .customLong("use-dynamic-base-id"), help: "Pick a base id that has no region.")
    var useDynamicBaseId = false

    @Option(
        name: .customLong("base-id-path"),
        help: ArgumentHelp("Write the base id in use to this file.", valueName: "file"))
    var baseIdPath: String?

    @Option(
        name: .customLong("restart-epoch"),
        help: ArgumentHelp(
            "0 starts cold, N takes over from N-1, auto does what fits. Not needed with --hot-restart-file.",
            valueName: "n|auto"))
    var restartEpoch: EpochFlag?

    @Option(
        name: .customLong("hot-restart-file"),
        help: ArgumentHelp(
            "Restart socket. With a process behind it: take over from it; else start cold and listen on it.",
            valueName: "path"))
    var hotRestartFile: String?

    @Option(
        name: .customLong("socket-path"),
        help: ArgumentHelp(
            "Restart socket Envoy's way: the base id is appended, a leading @ is the abstract name space. "
                + "(default: @envoyd_domain_socket)", valueName: "path"))
    var socketPath: String?

    @Option(
        name: .customLong("socket-mode"),
        help: ArgumentHelp("Permissions of the restart socket, octal.", valueName: "mode"))
    var socketMode = OctalMode(value: 0o600)

    @Flag(name: .customLong("require-hot-restart"), help: "Exit when the restart socket cannot be used.")
    var requireHotRestart = false

    @Flag(
        name: .customLong("skip-hot-restart-on-no-parent"),
        help: "With --restart-epoch N > 0 and nobody there: start cold instead of failing.")
    var skipHotRestartOnNoParent = false

    @Flag(
        name: .customLong("skip-hot-restart-parent-stats"),
        help: "Accepted for Envoy's sake: stats are shared, there is nothing to take over.")
    var skipHotRestartParentStats = false

    @Option(
        name: .customLong("hand-over"),
        help: ArgumentHelp(
            "What a hot restart hands over: all (listeners and live connections), listeners (the parent drains its "
                + "connections, as with Envoy) or none. What both processes allow is done."))
    var handOver: ServerOptions.HandOver = .all

    @Option(
        name: .customLong("hand-over-timeout"),
        help: ArgumentHelp(
            "How long either process waits for the other before it gives a hot restart up.", valueName: "seconds"))
    var handOverTimeout = PositiveNumber(value: 5)

    @Flag(name: .customLong("disable-hot-restart"), help: "No shared memory and no restart socket.")
    var disableHotRestart = false

    @Flag(name: .customLong("reset-stats"), help: "Start the stats of this base id afresh (cold starts only).")
    var resetStats = false

    @Flag(name: .customLong("hot-restart-version"), help: "Print the hot restart version and exit.")
    var hotRestartVersion = false

    func fill(_ options: inout ServerOptions) {
        options.baseID = baseId
        options.useDynamicBaseID = useDynamicBaseId
        options.baseIDPath = baseIdPath
        options.restartEpoch = restartEpoch?.epoch ?? .unspecified
        options.hotRestartFile = hotRestartFile
        options.socketPath = socketPath
        options.socketMode = socketMode.value
        options.requireHotRestart = requireHotRestart
        options.skipHotRestartOnNoParent = skipHotRestartOnNoParent
        options.skipHotRestartParentStats = skipHotRestartParentStats
        options.handOver = handOver
        options.handOverTimeoutMs = UInt64(handOverTimeout.value) * 1000
        options.disableHotRestart = disableHotRestart
        options.resetStats = resetStats
    }
}

struct DrainFlags: ParsableArguments {
    @Option(
        name: .customLong("drain-time-s"),
        help: ArgumentHelp("How long connections may take to finish.", valueName: "seconds"))
    var drainTime: UInt32 = 600

    @Option(
        name: .customLong("drain-strategy"), help: "gradual or immediate: how soon responses carry Connection: close.")
    var drainStrategy: ServerOptions.DrainStrategy = .gradual

    @Option(
        name: .customLong("parent-shutdown-time-s"),
        help: ArgumentHelp("After a hot restart the parent is told to exit after this time.", valueName: "seconds"))
    var parentShutdownTime: UInt32 = 900

    func fill(_ options: inout ServerOptions) {
        options.drainSeconds = drainTime
        options.drainStrategy = drainStrategy
        options.parentShutdownSeconds = parentShutdownTime
    }
}

struct ServiceFlags: ParsableArguments {
    @Option(
        name: .customLong("service-cluster"), help: ArgumentHelp("node.cluster, over the file's.", valueName: "name"))
    var serviceCluster: String?

    @Option(name: .customLong("service-node"), help: ArgumentHelp("node.id, over the file's.", valueName: "name"))
    var serviceNode: String?

    @Option(
        name: .customLong("service-zone"), help: ArgumentHelp("node.locality.zone, over the file's.", valueName: "name")
    )
    var serviceZone: String?

    func fill(_ options: inout ServerOptions) {
        options.serviceCluster = serviceCluster
        options.serviceNode = serviceNode
        options.serviceZone = serviceZone
    }
}

struct LoggingFlags: ParsableArguments {
    @Option(
        name: [.customShort("l"), .customLong("log-level")],
        help: "trace, debug, info, warning (warn), error (err), critical or off.")
    var logLevel = LevelFlag(text: "info")

    @Option(
        name: .customLong("log-path"),
        help: ArgumentHelp("Log to this file instead of standard error; SIGUSR1 reopens it.", valueName: "file"))
    var logPath: String?

    @Option(
        name: .customLong("file-flush-interval-msec"),
        help: ArgumentHelp("How long a line of an access log may wait to be written.", valueName: "ms"))
    var fileFlushInterval = FlushNumber(value: 10_000)

    @Option(
        name: .customLong("file-flush-min-size-kb"),
        help: ArgumentHelp("Kilobytes of access log lines that are written without waiting.", valueName: "kb"))
    var fileFlushMinSize = FlushNumber(value: 64)

    func fill(_ options: inout ServerOptions) {
        options.logLevel = logLevel.text
        options.logPath = logPath
        options.fileFlushIntervalMs = UInt64(fileFlushInterval.value)
        options.fileFlushMinKiB = fileFlushMinSize.value
    }
}

// MARK: - Values

extension ServerOptions.Mode: ExpressibleByArgument {}
extension ServerOptions.HandOver: ExpressibleByArgument {}
extension ServerOptions.DrainStrategy: ExpressibleByArgument {}

struct EpochFlag: ExpressibleByArgument {
    var epoch: ServerOptions.Epoch
    init?(argument: String) {
        if argument == "auto" {
            epoch = .automatic
        } else if let n = UInt32(argument) {
            epoch = .number(n)
        } else {
            return nil
        }
    }
}

struct PositiveNumber: ExpressibleByArgument {
    var value: Int
    init(value: Int) { self.value = value }
    init?(argument: String) {
        guard let n = Int(argument), n > 0, n <= 512 else { return nil }
        value = n
    }
}

/// Up to a million: of milliseconds, of kilobytes.
struct FlushNumber: ExpressibleByArgument {
    var value: Int
    init(value: Int) { self.value = value }
    init?(argument: String) {
        guard let n = Int(argument), n > 0, n <= 1_000_000 else { return nil }
        value = n
    }
    var defaultValueDescription: String { "\(value)" }
}

struct OctalMode: ExpressibleByArgument {
    var value: UInt32
    init(value: UInt32) { self.value = value }
    init?(argument: String) {
        guard let mode = UInt32(argument, radix: 8), mode <= 0o777 else { return nil }
        value = mode
    }
    var defaultValueDescription: String { String(value, radix: 8) }
}

struct LevelFlag: ExpressibleByArgument {
    var text: String
    init(text: String) { self.text = text }
    init?(argument: String) {
        guard LogLevel(flag: argument) != nil else { return nil }
        text = argument
    }
    var defaultValueDescription: String { text }
}
