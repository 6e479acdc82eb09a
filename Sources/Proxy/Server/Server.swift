import CLinux
import Glibc
import HotRestart
import ProxyConfig
import SharedMemory
import Stats

/// One envoyd process: the main thread with everything that is rare, and the workers.
///
/// Its life, in extensions of one subject each: `+Start` (cold start or take-over), `+Listeners`, `+Standby` (handing over
/// to a child, taking back), `+Shutdown`, `+Admin`.
final class Server {
    /// What this process is to its base id.
    enum Role {
        case starting
        /// Accepts connections.
        case serving
        /// A child serves; the duplicates of the listeners are kept for it.
        case standby
        /// Lets its last connections finish.
        case leaving
    }

    let options: ServerOptions
    let bootstrap: Bootstrap
    let node: Node
    let log: Log
    let loop: MainLoop
    let signals: Signals
    var claim: Claim
    let store: StatsStore
    /// What `stats_config` says of them.
    let statsView: StatsView
    /// What the region had counted just before this process committed, until it is written down.
    var totalsAtStart: RegionTotals?
    let writer: StatsWriter
    let stats: ServerStats
    let concurrency: Int
    let clusterManager: ClusterManager
    let pool: any DataPlane
    /// nil: there are no access logs.
    let accessLog: AccessLogWriter?
    /// nil: there are no stats sinks.
    let sinks: StatsSinks?
    /// What they get, once this process serves.
    var sender: StatsSender?
    let runtime: Runtime
    let endpointDiscovery: EndpointDiscovery
    /// nil: clusters come from the configuration only.
    let clusterDiscovery: ClusterDiscovery?
    /// nil: no connection manager has its routes from a file.
    let routeDiscovery: RouteDiscovery
    let listenerDiscovery: ListenerDiscovery?
    let watcher: MoveWatcher
    /// nil: there is no overload manager.
    let overload: OverloadMonitor?
    let startNs = cl_monotonic_ns()
    /// CLOCK_REALTIME just before the configuration was read.
    var configurationReadAt = timespec()
    /// What the configuration was made of.
    var texts = BootstrapTexts()
    /// When, in milliseconds since 1970.
    let loadedMs = SubscriptionStats.nowMs()

    var role = Role.starting
    var state = ServerState.preInitializing { didSet { stats.gauges[.state].set(state.rawValue) } }
    /// `/healthcheck/fail` was asked for, here or of a process before this one.
    var healthCheckFailed = false
    /// Runs once, just after this process has begun to serve.
    var whenServing: (() -> Void)?
    /// There are clusters without stats, and the main thread is at it.
    var makesClusterStats = false
    /// The listeners that there are, by their first row in `Snapshot.listeners`.
    var listeners: [Int: Listener]
    /// Those of stopped listeners are gone.
    var sockets: [ListenerSockets] = []
    /// What the parent has and this configuration has not: to be released by the parent.
    var notAdopted: Set<String> = []
    var admin: AdminServer?
    /// The admin listener's socket, as long as this process has it.
    var adminSocket: Int32?
    var restartSocket: RestartSocket?
    /// The hand-over to a child, and the link to it afterwards.
    var parentSession: RestartParent?
    /// The link to the process whose place this one took: its standby.
    var childSession: RestartChild?
    var hotRestartGeneration: UInt64 = 1
    /// SIGTERM came while a hand-over was undecided.
    var terminationIsKept = false
    /// This process is ending and has begun to close its listeners.
    var hasStoppedListening = false
    var drainTimer: MainTimer?
    /// The drain time has passed: what has not finished is ended.
    var drainIsOver = false
    /// The child drained everything on purpose: nothing is opened again for it.
    var everythingIsReleased = false
    /// `commit_sequence` of the process whose place is taken.
    var predecessor: UInt64 = .max
    var takeOverError: StartupError?
    /// Told to exit while it was starting.
    var endsBeforeServing = false
    /// The parent closed the link before it had given anything.
    var endedUnasked = false
    var exitStatus: Int32 = 0
    /// Connections that were sent to a child whose fate is not decided.
    var export: ConnectionExport?
    var lastHotRestart: LastHotRestart?
    /// What of the hosts' health the child was told; see `ClusterManager.healthRevisions`.
    var offeredHealth: [UInt64] = []
    /// When a child asked.
    var handOverBeganNs: UInt64 = 0
    /// When the workers were stopped for it.
    var frozenNs: UInt64 = 0
    /// When they stood, when all was sent, and when the child was prepared, in milliseconds after that; for the log.
    var freezeSteps: [Double] = []

    init(
        options: ServerOptions, bootstrap: Bootstrap, claim: Claim, log: Log, loop: MainLoop, signals: Signals
    ) throws {
        self.options = options
        self.bootstrap = bootstrap
        listeners = Dictionary(uniqueKeysWithValues: bootstrap.listeners.enumerated().map { ($0, $1) })
        self.claim = claim
        self.log = log
        self.loop = loop
        self.signals = signals
        var node = bootstrap.node
        node.id = options.serviceNode ?? node.id
        node.cluster = options.serviceCluster ?? node.cluster
        node.zone = options.serviceZone ?? node.zone
        self.node = node
        store = StatsStore(region: claim.region, naming: .envoy, takesTotals: true)
        statsView = StatsView(bootstrap.statsConfig)
        store.report = { log.error("\($0)") }
        writer = store.makeWriter()
        stats = ServerStats(store, writer)
        concurrency = max(options.concurrency ?? Int(cl_online_processors()), 1)
        try HealthEventLogs.check(bootstrap.clusters)
        // While a parent serves nobody waits; else nobody serves yet, and the rest of many is made afterwards.
        let earlyStats = claim.parent == nil && bootstrap.clusterSource == nil ? DataPlaneStats.fewClusters : .max
        let clusterManager = try ClusterManager(
            bootstrap.clusters, concurrency: concurrency, loop: loop, store: store, writer: writer, log: log,
            earlyStats: earlyStats)
        self.clusterManager = clusterManager
        var named = bootstrap
        named.node = node
        let configuration = CompiledConfiguration(named, localAddress: LocalAddress.find())
        clusterManager.memberships = configuration.snapshot.memberships
        accessLog = try Self.openAccessLogs(
            configuration, mayHaveMore: bootstrap.listenerSource != nil, options, store, log)
        sinks = try Self.makeSinks(bootstrap, log)
        runtime = Runtime(
            bootstrap.runtimeLayers, shares: configuration.snapshot.shares, serviceCluster: node.cluster, store: store,
            writer: writer, warn: { log.warning($0) })
        endpointDiscovery = EndpointDiscovery(
            clusterManager, sources: .process, store: store, writer: writer, log: log)
        watcher = MoveWatcher(loop: loop)
        let pool = try WorkerPool(
            configuration: configuration, store: store, concurrency: concurrency, mailbox: loop.mailbox,
            log: { log.warning($0) }, accessLog: accessLog, earlyStats: earlyStats)
        pool.hostEvent = { [weak clusterManager] cluster, host, event in
            clusterManager?.handle(event, cluster: cluster, host: host)
        }
        pool.originalHost = { [weak clusterManager] in clusterManager?.addOriginalHost(cluster: $0, $1) }
        pool.limitReached = { [weak clusterManager] in clusterManager?.refreshLimits(cluster: $0) }
        self.pool = pool
        let tables = RouteTables(named, pool: pool, runtime: runtime, loop: loop)
        let routeDiscovery = RouteDiscovery(
            tables, pool: pool, clusters: clusterManager, sources: .process, store: store, writer: writer, log: log)
        clusterDiscovery = ClusterDiscovery(
            named,
            .init(
                clusters: clusterManager, pool: pool, routes: tables, endpoints: endpointDiscovery, runtime: runtime,
                stats: stats),
            sources: .process, loop: loop, store: store, writer: writer, log: log)
        self.routeDiscovery = routeDiscovery
        listenerDiscovery = ListenerDiscovery(
            named,
            .init(
                clusters: clusterManager, pool: pool, tables: tables, routes: routeDiscovery, runtime: runtime,
                stats: stats, accessLog: accessLog, drainStrategy: options.drainStrategy,
                drainSeconds: options.drainSeconds),
            sources: .process, loop: loop, store: store, writer: writer, log: log)
        if let manager = bootstrap.overload {
            overload = OverloadMonitor(manager, loop: loop, pool: pool, store: store, writer: writer, log: log)
        } else {
            overload = nil
        }
        claim.region?.hasNamesToCome = pool.hasStatsToMake
        store.topUp()
        listenerDiscovery?.owner = self
    }

    var epoch: UInt32 { claim.epoch }

    /// Runs until the process is to end; returns its exit status.
    func run() throws -> Int32 {
        try signals.deliver(on: loop) { [weak self] in self?.signaled($0) }
        state = .initializing
        runtime.watch(watcher)
        clusterManager.start()
        endpointDiscovery.start(watcher, readAt: configurationReadAt)
        try accessLog?.start()
        try sinks?.start()
        try pool.start()
        routeDiscovery.start(watcher, readAt: configurationReadAt)
        clusterDiscovery?.start(watcher, readAt: configurationReadAt)
        listenerDiscovery?.start(watcher, readAt: configurationReadAt)
        clusterManager.workers = pool
        // A parent knows what names have resolved to, and which hosts are well.
        if claim.parent == nil { waitForHosts() }
        if !endsBeforeServing {
            if let parent = claim.parent { try takeOver(from: parent) } else { try startCold() }
        }
        if !endsBeforeServing {
            scheduleFlush()
            loop.run()
            // What workers have asked for and wait for: the cells of rare status codes.
            loop.mailbox.run()
            keepDiscoveryStats()
        }
        pool.shutdown()
        finishAccessLogs()
        finishSinks()
        return exitStatus
    }

    /// Envoy does not listen before every cluster's hosts are known, or cannot be, and have been checked once.
    func waitForHosts() {
        clusterManager.prepareHealth()
        let limitMs = 5000 + clusterManager.firstChecksMs
        if !loop.run(until: { clusterManager.isInitialized || role == .leaving }, limitMs: limitMs) {
            log.warning("not all clusters have resolved and checked their hosts in \(limitMs) ms; serving without them")
        }
    }

    private func signaled(_ signal: Int32) {
        switch signal {
        case SIGTERM, SIGINT: terminate(signal == SIGTERM ? "SIGTERM" : "SIGINT")
        case SIGUSR1: reopenLogs()
        default: break
        }
    }

    /// Every `stats_flush_interval`: histogram intervals end, workers get what they may need, gauges are measured.
    private func scheduleFlush() {
        refreshGauges()
        loop.after(ms: UInt64(max(bootstrap.statsFlushIntervalMs, 1))) { [weak self] in
            guard let self else { return }
            self.store.checkMemory()
            self.store.topUp()
            if !self.bootstrap.statsFlushOnAdmin { self.flushStats() }
            self.scheduleFlush()
        }
    }

    func refreshGauges() {
        stats.gauges[.uptime].set(uptime.currentEpoch)
        stats.gauges[.total_connections].set(UInt64(pool.connectionCount))
        clusterManager.refreshLimits()
        stats.measureMemory()
    }
}
