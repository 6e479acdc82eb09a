import Glibc
import ProxyConfig
import StatCatalog
import Stats

/// RDS from files: whenever a file is replaced, the connection managers that it is for get the routes that it has. Main thread.
final class RouteDiscovery {
    /// Connection managers that count together.
    private final class Subscriber {
        let source: RouteSource
        /// Of the connection managers.
        var rows: [Int]
        let statPrefix: String
        let stats: SubscriptionStats
        let counters: CounterGroup<RouteDiscoveryCounter>
        let reloadTime: Gauge
        /// Of the routes in use.
        var digest: Int
        /// For `/config_dump`.
        var shown: RoutesInUse

        init(_ manager: Snapshot.Manager, _ source: RouteSource, _ store: StatsStore, _ writer: StatsWriter) {
            self.source = source
            rows = [manager.row]
            statPrefix = manager.http.statPrefix
            let scope = RouteDiscoveryScope(Snapshot.statName(manager.http.statPrefix), Snapshot.statName(source.name))
            counters = GroupIDs(store, in: scope).cells(writer)
            let gauges = GroupIDs<RouteDiscoveryGauge>(store, in: scope).cells(writer)
            stats = SubscriptionStats(
                attempts: counters[.update_attempt], successes: counters[.update_success],
                failures: counters[.update_failure], rejections: counters[.update_rejected],
                updateTime: gauges[.update_time], version: gauges[.version],
                versionText: writer.text(store.stat(RouteDiscoveryText.version_text, in: scope)))
            reloadTime = gauges[.config_reload_time_ms]
            digest = manager.http.routes.digest
            shown = RoutesInUse(
                name: source.name, text: source.text, version: source.version, updatedMs: SubscriptionStats.nowMs())
        }

        func reloaded() {
            counters[.config_reload].increment()
            reloadTime.set(SubscriptionStats.nowMs())
        }
    }

    private let pool: WorkerPool
    private let tables: RouteTables
    private let clusters: ClusterManager
    private let sources: DataSources
    private let log: Log
    private var subscribers: [FileSource: [Subscriber]] = [:]
    private var watch: FileWatch?

    private let store: StatsStore
    private let writer: StatsWriter

    init(
        _ tables: RouteTables, pool: WorkerPool, clusters: ClusterManager, sources: DataSources, store: StatsStore,
        writer: StatsWriter, log: Log
    ) {
        self.tables = tables
        self.pool = pool
        self.clusters = clusters
        self.sources = sources
        self.log = log
        self.store = store
        self.writer = writer
        for manager in tables.all { subscribe(manager) }
    }

    /// The file of a connection manager that has one.
    @discardableResult
    private func subscribe(_ manager: Snapshot.Manager) -> FileSource? {
        guard let source = manager.http.routeSource else { return nil }
        let known = subscribers[source.file]?.first {
            // What is in use elsewhere may be newer, or older, than what this one has been compiled with.
            $0.source.name == source.name && $0.statPrefix == manager.http.statPrefix
                && $0.digest == manager.http.routes.digest
        }
        if let known {
            known.rows.append(manager.row)
            return source.file
        }
        let subscriber = Subscriber(manager, source, store, writer)
        subscriber.stats.attempts.increment()
        subscriber.stats.taken(version: source.version)
        subscriber.reloaded()
        subscribers[source.file, default: []].append(subscriber)
        return source.file
    }

    /// A connection manager has come; what has changed since its file was read is read again.
    func follow(_ manager: Snapshot.Manager, readAt time: timespec) {
        guard let file = subscribe(manager) else { return }
        watch?.add(file, readAt: time)
    }

    /// It has another row.
    func move(_ row: Int, to other: Int) {
        for subscriber in subscribers.values.joined() {
            subscriber.rows = subscriber.rows.map { $0 == row ? other : $0 }
        }
    }

    /// It has gone.
    func remove(row: Int) {
        for file in subscribers.keys {
            for subscriber in subscribers[file] ?? [] { subscriber.rows.removeAll { $0 == row } }
            subscribers[file]?.removeAll { $0.rows.isEmpty }
        }
    }

    /// What there is, each once: several connection managers may have the same.
    var shown: [RoutesInUse] {
        var seen: Set<String> = []
        let all = subscribers.sorted { $0.key.path < $1.key.path }.flatMap(\.value)
        return all.filter { seen.insert("\($0.source.file.path)\n\($0.source.name)\n\($0.digest)").inserted }
            .map(\.shown)
    }

    /// From now on what changes is seen, and what has changed since the configuration was read.
    func start(_ watcher: MoveWatcher, readAt time: timespec) {
        watch = FileWatch(
            Array(subscribers.keys), on: watcher, readAt: time, warn: { [log] in log.warning("rds: \($0)") },
            { [weak self] source in self?.tables.whenSettled { [weak self] in self?.read(source) } })
    }

    /// Another process serves: what changes is its business.
    func pause() { watch?.pause() }

    func resume() { watch?.resume() }

    private func read(_ file: FileSource) {
        let members = subscribers[file] ?? []
        for member in members { member.stats.attempts.increment() }
        let found: DiscoveredRoutes
        do throws(DiscoveryError) {
            let read = try DiscoveryLoader.routes(
                file.path, clusters: clusters.names, sources: sources)
            for line in read.warnings { log.warning("rds: \(line)") }
            found = read.routes
        } catch {
            for line in error.diagnostics { log.warning("rds: \(line); \(Self.whatStays)") }
            for member in members {
                (error.wasRead ? member.stats.rejections : member.stats.failures).increment()
            }
            return
        }
        for member in members { take(found, file, member) }
    }

    private func take(_ found: DiscoveredRoutes, _ file: FileSource, _ member: Subscriber) {
        // As in Envoy nothing is not the same as no routes.
        if found.configurations.isEmpty {
            member.counters[.update_empty].increment()
            return
        }
        do throws(DiscoveryProblem) {
            let routes = try found.configuration(named: member.source.name)
            if routes.digest != member.digest { try use(routes, found, member) }
        } catch {
            log.warning("rds: \(file.path): \(error.reason); \(Self.whatStays)")
            member.stats.rejections.increment()
            return
        }
        member.stats.taken(version: found.version)
    }

    private func use(
        _ routes: RouteConfiguration, _ found: DiscoveredRoutes, _ member: Subscriber
    ) throws(DiscoveryProblem) {
        let (changes, warnings) = try tables.compile(routes, rows: member.rows)
        for line in warnings { log.warning("rds: \(line)") }
        member.digest = routes.digest
        tables.prepare(changes)
        pool.change(changes) { [weak self, weak member] in
            guard let self, let member else { return }
            self.tables.note(changes)
            member.reloaded()
            member.shown.text = found.text
            member.shown.version = found.version
            member.shown.updatedMs = SubscriptionStats.nowMs()
            self.log.info("rds: \(member.source.name): \(routes.virtualHosts.count) virtual hosts are in use")
        }
    }

    private static let whatStays = "the routes stay as they are"
}
