import Glibc
import ProxyConfig
import StatCatalog
import Stats

/// RDS from files: whenever a file is replaced, the connection managers that it is for get the routes that it has. Main thread.
final class RouteDiscovery {
    /// Connection managers that count together.
    private final class Subscriber {
        let source: RouteSource
        var managers: [Snapshot.Manager]
        let stats: SubscriptionStats
        let counters: CounterGroup<RouteDiscoveryCounter>
        let reloadTime: Gauge
        /// Of the routes in use.
        var digest: Int
        /// By row; none: they are as the process has begun with them.
        var inUse: [Int: Snapshot.RouteChange] = [:]

        init(_ manager: Snapshot.Manager, _ source: RouteSource, _ store: StatsStore, _ writer: StatsWriter) {
            self.source = source
            managers = [manager]
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
        }

        func reloaded() {
            counters[.config_reload].increment()
            reloadTime.set(SubscriptionStats.nowMs())
        }
    }

    private let bootstrap: Bootstrap
    private let pool: WorkerPool
    private let runtime: Runtime
    private let sources: DataSources
    private let log: Log
    private let loop: MainLoop
    private var subscribers: [FileSource: [Subscriber]] = [:]
    private var watch: FileWatch?
    /// Memory of routes that are in use no more, and into which requests may still point.
    private var retired: [KeptMemory] = []

    /// nil: there are no such connection managers.
    init?(
        _ bootstrap: Bootstrap, pool: WorkerPool, runtime: Runtime, sources: DataSources, loop: MainLoop,
        store: StatsStore, writer: StatsWriter, log: Log
    ) {
        self.bootstrap = bootstrap
        self.pool = pool
        self.runtime = runtime
        self.sources = sources
        self.loop = loop
        self.log = log
        for manager in Snapshot.managers(bootstrap) {
            guard let source = manager.http.routeSource else { continue }
            let known = subscribers[source.file]?.first {
                $0.source.name == source.name && $0.managers[0].http.statPrefix == manager.http.statPrefix
            }
            if let known {
                known.managers.append(manager)
                continue
            }
            let subscriber = Subscriber(manager, source, store, writer)
            subscriber.stats.attempts.increment()
            subscriber.stats.taken(version: source.version)
            subscriber.reloaded()
            subscribers[source.file, default: []].append(subscriber)
        }
        if subscribers.isEmpty { return nil }
    }

    /// From now on what changes is seen, and what has changed since the configuration was read.
    func start(_ watcher: MoveWatcher, readAt time: timespec) {
        watch = FileWatch(
            Array(subscribers.keys), on: watcher, readAt: time, warn: { [log] in log.warning("rds: \($0)") },
            { [weak self] in self?.read($0) })
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
                file.path, clusters: bootstrap.clusters.map(\.name), sources: sources)
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
            if routes.digest != member.digest { try use(routes, member) }
        } catch {
            log.warning("rds: \(file.path): \(error.reason); \(Self.whatStays)")
            member.stats.rejections.increment()
            return
        }
        member.stats.taken(version: found.version)
    }

    private func use(_ routes: RouteConfiguration, _ member: Subscriber) throws(DiscoveryProblem) {
        var changes: [Snapshot.RouteChange] = []
        for i in member.managers.indices {
            var manager = member.managers[i]
            manager.http.routes = routes
            let (errors, warnings) = DiscoveryLoader.check(manager.http)
            for line in warnings { log.warning("rds: \(line)") }
            if let first = errors.first { throw DiscoveryProblem(reason: "\(first)") }
            guard let change = pool.snapshot.compile(manager, of: bootstrap) else {
                throw DiscoveryProblem(
                    reason: "its filters add more headers to a request than this process has room for; a restart has it"
                )
            }
            changes.append(change)
            member.managers[i] = manager
        }
        member.digest = routes.digest
        for change in changes { runtime.add(change.shares) }
        pool.change(changes) { [weak self, weak member] in
            guard let self, let member else { return }
            for change in changes {
                if let old = member.inUse.updateValue(change, forKey: change.row) {
                    self.runtime.remove(old.shares)
                    self.retired.append(old.memory)
                }
            }
            member.reloaded()
            self.log.info("rds: \(member.source.name): \(routes.virtualHosts.count) virtual hosts are in use")
            self.freeRetired()
        }
    }

    /// Memory goes when no request points into it; until then it is looked after now and then.
    private func freeRetired() {
        guard !retired.isEmpty else { return }
        pool.unused(retired) { [weak self] unused in
            guard let self else { return }
            self.retired.removeAll { memory in unused.contains { $0 === memory } }
            if !self.retired.isEmpty { self.loop.after(ms: 10_000) { [weak self] in self?.freeRetired() } }
        }
    }

    private static let whatStays = "the routes stay as they are"
}
