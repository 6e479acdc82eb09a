import CLinux
import Glibc
import ProxyConfig
import StatCatalog
import Stats

/// LDS from a file: whenever it is replaced, listeners come, change and go. Main thread.
///
/// A listener of which only filter chains have changed keeps the others, with their connections; what goes, a filter chain or a listener,
/// drains: its connections are asked to go away, and closed when the drain time is over.
final class ListenerDiscovery {
    /// What the rest of the server has to do with it.
    struct Surroundings {
        let clusters: ClusterManager
        let pool: WorkerPool
        let tables: RouteTables
        let routes: RouteDiscovery
        let runtime: Runtime
        let stats: ServerStats
        let accessLog: AccessLogWriter?
        let drainStrategy: ServerOptions.DrainStrategy
        let drainSeconds: UInt32
    }

    private let source: ListenerSource
    /// Those of the configuration itself.
    private let others: [Listener]
    private let node: Node
    private let mayHaveMoreClusters: Bool
    private let around: Surroundings
    private let rows: ListenerRows
    private let sources: DataSources
    private let loop: MainLoop
    private let log: Log
    private let stats: SubscriptionStats
    private var watch: FileWatch?
    /// For `/config_dump`.
    private(set) var shown: ResourcesInUse
    /// Who has the sockets; set before `start`.
    weak var owner: (any ListenerSocketOwner)?
    /// A change is on its way, and the file has changed again meanwhile.
    private var isChanging = false
    private var isMissed = false
    /// CLOCK_REALTIME: when the files were last read.
    private var readAt = timespec()
    /// How long a hand-over that is not decided, or another change, is waited for before it is looked after again.
    private static let pauseMs: UInt64 = 5

    /// nil: listeners come from the configuration only.
    init?(
        _ bootstrap: Bootstrap, _ around: Surroundings, sources: DataSources, loop: MainLoop, store: StatsStore,
        writer: StatsWriter, log: Log
    ) {
        guard let source = bootstrap.listenerSource else { return nil }
        self.source = source
        others = bootstrap.listeners.filter { !$0.isDiscovered }
        node = bootstrap.node
        mayHaveMoreClusters = bootstrap.clusterSource != nil
        self.around = around
        self.sources = sources
        self.loop = loop
        self.log = log
        rows = ListenerRows(bootstrap, around, loop: loop)
        let counters = GroupIDs<ListenerDiscoveryCounter>(store, in: ListenerDiscoveryScope()).cells(writer)
        let gauges = GroupIDs<ListenerDiscoveryGauge>(store, in: ListenerDiscoveryScope()).cells(writer)
        stats = SubscriptionStats(
            attempts: counters[.update_attempt], successes: counters[.update_success],
            failures: counters[.update_failure], rejections: counters[.update_rejected],
            updateTime: gauges[.update_time], version: gauges[.version],
            versionText: writer.text(store.stat(ListenerDiscoveryText.version_text, in: ListenerDiscoveryScope())))
        shown = ResourcesInUse(
            source.text, version: source.version, names: bootstrap.listeners.filter(\.isDiscovered).map(\.name),
            nowMs: SubscriptionStats.nowMs())
        stats.attempts.increment()
        stats.taken(version: source.version)
    }

    /// From now on what changes is seen, and what has changed since the configuration was read.
    func start(_ watcher: MoveWatcher, readAt time: timespec) {
        watch = FileWatch(
            [source.file], on: watcher, readAt: time, warn: { [log] in log.warning("lds: \($0)") },
            { [weak self] _ in self?.read() })
    }

    /// Another process serves: what changes is its business.
    func pause() { watch?.pause() }

    func resume() {
        watch?.resume()
        if isMissed, !isChanging { goOn() }
    }

    private func read() {
        guard !isChanging, let owner, owner.listenerChanges == .now, around.pool.isSettled else {
            isMissed = true
            if !isChanging, let owner, owner.listenerChanges != .never {
                isChanging = true
                loop.after(ms: Self.pauseMs) { [weak self] in self?.goOn() }
            }
            return
        }
        stats.attempts.increment()
        clock_gettime(CLOCK_REALTIME, &readAt)
        let found: DiscoveredListeners
        do throws(DiscoveryError) {
            let read = try DiscoveryLoader.listeners(
                source.file.path, others: others, clusters: around.clusters.names,
                mayHaveMoreClusters: mayHaveMoreClusters, sources: sources)
            for line in read.warnings { log.warning("lds: \(line)") }
            found = read.listeners
        } catch {
            for line in error.diagnostics { log.warning("lds: \(line); \(Self.whatStays)") }
            (error.wasRead ? stats.rejections : stats.failures).increment()
            return
        }
        do throws(DiscoveryProblem) {
            try take(found, owner)
        } catch {
            let place = error.location.map { "\($0)" } ?? source.file.path
            log.warning("lds: \(place): \(error.reason); \(Self.whatStays)")
            stats.rejections.increment()
        }
    }

    private func take(_ found: DiscoveredListeners, _ owner: any ListenerSocketOwner) throws(DiscoveryProblem) {
        guard var change = try rows.plan(found.listeners) else {
            shown.take(found.text, version: found.version, nowMs: SubscriptionStats.nowMs())
            stats.taken(version: found.version)
            return
        }
        // They stay open also where the rest is not taken: the next file has them most likely.
        for (entry, descriptor) in try openSinks(found.listeners) {
            around.pool.snapshot.addSink(entry)
            around.accessLog?.add(entry, descriptor: descriptor)
        }
        do throws(DiscoveryProblem) {
            try rows.compile(&change, node: node)
            change.sockets = try owner.prepare(
                change.changes.map { ($0.position, $0.listener) }, gone: change.gone.map(\.position))
        } catch {
            around.stats.listeners[.listener_create_failure].increment()
            throw error
        }
        isChanging = true
        rows.apply(change, owner) { [weak self] in
            guard let self else { return }
            for manager in change.changes.flatMap(\.new).compactMap({ self.around.tables.manager(row: $0.row) }) {
                self.around.routes.follow(manager, readAt: self.readAt)
            }
            self.count(change)
            self.shown.take(
                found.text, version: found.version, changed: change.changes.map(\.listener.name),
                gone: change.gone.map(\.name), nowMs: SubscriptionStats.nowMs())
            self.stats.taken(version: found.version)
            self.loop.after(ms: 0) { [weak self] in self?.goOn() }
        }
    }

    /// What has changed meanwhile.
    private func goOn() {
        isChanging = false
        guard isMissed else { return }
        isMissed = false
        read()
    }

    /// The files of access logs that are new.
    private func openSinks(
        _ listeners: [Listener]
    ) throws(DiscoveryProblem) -> [(entry: LogSinks.Entry, descriptor: Int32)] {
        var opened: [(entry: LogSinks.Entry, descriptor: Int32)] = []
        var known = around.pool.snapshot.logSinks
        for entry in listeners.flatMap(LogSinks.of) where known.positions[entry.sink] == nil {
            known.add(entry)
            var problem: String?
            let descriptor = LogSinks.open(entry.sink)
            if descriptor < 0 {
                problem = "cannot open access log \(entry.sink.text): \(SystemError.text(-descriptor))"
            } else if known.entries.count > (around.accessLog?.room ?? 0) {
                problem = "there is no room for more access log files; a hot restart makes it"
            }
            if descriptor >= 0 { opened.append((entry, descriptor)) }
            if let problem {
                for (_, descriptor) in opened where descriptor > 2 { _ = cl_close(descriptor) }
                throw DiscoveryProblem(reason: "\(entry.path): \(problem)", location: entry.location)
            }
        }
        return opened
    }

    private func count(_ change: ListenerRows.Change) {
        let manager = around.stats.listeners
        let (added, modified) = (change.changes.count { $0.isNew }, change.changes.count { !$0.isNew })
        manager[.listener_added].add(UInt64(added))
        manager[.listener_modified].add(UInt64(modified))
        manager[.listener_in_place_updated].add(UInt64(change.changes.count { $0.isInPlace }))
        manager[.listener_removed].add(UInt64(change.gone.count))
        manager[.listener_create_success].add(UInt64((added + modified) * around.pool.workers.count))
        log.info("lds: \(added) listeners came, \(modified) changed, \(change.gone.count) went")
    }

    private static let whatStays = "the listeners stay as they are"
}

/// Who has the listening sockets. Main thread.
protocol ListenerSocketOwner: AnyObject {
    /// Whether sockets may be opened and closed now.
    var listenerChanges: ListenerChanges { get }
    /// Opens what is needed for listeners that come or change; nothing is accepted yet.
    func prepare(
        _ changes: [(position: Int, listener: Listener)], gone: [Int]
    ) throws(DiscoveryProblem) -> SocketChange
    /// Accepts from what was prepared, and closes what goes. The workers are held.
    func apply(_ change: SocketChange)
}

enum ListenerChanges {
    case now
    /// A hand-over is under way.
    case later
    /// Another process serves, or nobody.
    case never
}
