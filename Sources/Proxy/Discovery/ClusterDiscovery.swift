import CLinux
import Glibc
import ProxyConfig
import StatCatalog
import Stats

/// CDS from a file: whenever it is replaced, clusters come, change and go. Main thread.
///
/// Clusters that come or have changed are prepared first, as at the start: their names are resolved and their hosts checked once. Then all
/// of the change is put in place at once, with routes that know of it.
final class ClusterDiscovery {
    /// What the rest of the server has to do with it.
    struct Surroundings {
        let clusters: ClusterManager
        let pool: WorkerPool
        let routes: RouteTables
        let endpoints: EndpointDiscovery
        let runtime: Runtime
        let stats: ServerStats
    }

    /// A cluster of the file.
    private struct Known {
        var position: Int
        var digest: Int
    }

    private let source: ClusterSource
    /// Those of the configuration itself.
    private let others: [Cluster]
    private let around: Surroundings
    private let sources: DataSources
    private let loop: MainLoop
    private let log: Log
    private let stats: SubscriptionStats
    private let counters: CounterGroup<ClusterDiscoveryCounter>
    private let reloadTime: Gauge
    private var watch: FileWatch?
    /// For `/config_dump`.
    private(set) var shown: ResourcesInUse
    private var known: [String: Known] = [:]
    /// What the rows have that have changed.
    private var inUse: [Int: Snapshot.ClusterChange] = [:]
    /// By which clusters are found by name; nil: as the process has begun.
    private var names: KeptMemory?
    /// A change is being prepared, and the file has changed again meanwhile.
    private var isChanging = false
    private var isMissed = false
    /// CLOCK_REALTIME: when the files were last read.
    private var readAt = timespec()
    private static let longestWaitMs: UInt64 = 5000

    /// nil: clusters come from the configuration only.
    init?(
        _ bootstrap: Bootstrap, _ around: Surroundings, sources: DataSources, loop: MainLoop, store: StatsStore,
        writer: StatsWriter, log: Log
    ) {
        guard let source = bootstrap.clusterSource else { return nil }
        self.source = source
        others = bootstrap.clusters.filter { !$0.isDiscovered }
        self.around = around
        self.sources = sources
        self.loop = loop
        self.log = log
        counters = GroupIDs(store, in: ClusterDiscoveryScope()).cells(writer)
        let gauges = GroupIDs<ClusterDiscoveryGauge>(store, in: ClusterDiscoveryScope()).cells(writer)
        stats = SubscriptionStats(
            attempts: counters[.update_attempt], successes: counters[.update_success],
            failures: counters[.update_failure], rejections: counters[.update_rejected],
            updateTime: gauges[.update_time], version: gauges[.version],
            versionText: writer.text(store.stat(ClusterDiscoveryText.version_text, in: ClusterDiscoveryScope())))
        reloadTime = gauges[.config_reload_time_ms]
        shown = ResourcesInUse(
            source.text, version: source.version, names: bootstrap.clusters.filter(\.isDiscovered).map(\.name),
            nowMs: SubscriptionStats.nowMs())
        for (position, cluster) in bootstrap.clusters.enumerated() where cluster.isDiscovered {
            known[cluster.name] = Known(position: position, digest: cluster.digest)
        }
        stats.attempts.increment()
        stats.taken(version: source.version)
        reloaded()
    }

    /// From now on what changes is seen, and what has changed since the configuration was read.
    func start(_ watcher: MoveWatcher, readAt time: timespec) {
        watch = FileWatch(
            [source.file], on: watcher, readAt: time, warn: { [log] in log.warning("cds: \($0)") },
            { [weak self] _ in self?.read() })
    }

    /// Another process serves: what changes is its business.
    func pause() { watch?.pause() }

    func resume() { watch?.resume() }

    private func reloaded() {
        counters[.config_reload].increment()
        reloadTime.set(SubscriptionStats.nowMs())
    }

    private func read() {
        if isChanging {
            isMissed = true
            return
        }
        stats.attempts.increment()
        clock_gettime(CLOCK_REALTIME, &readAt)
        let found: DiscoveredClusters
        do throws(DiscoveryError) {
            let read = try DiscoveryLoader.clusters(source, others: others, sources: sources)
            for line in read.warnings { log.warning("cds: \(line)") }
            found = read.clusters
        } catch {
            for line in error.diagnostics { log.warning("cds: \(line); \(Self.whatStays)") }
            (error.wasRead ? stats.rejections : stats.failures).increment()
            return
        }
        take(found)
    }

    private func take(_ found: DiscoveredClusters) {
        let names = Set(found.clusters.map(\.name))
        let gone = known.keys.filter { !names.contains($0) }.sorted()
        let changed = found.clusters.filter { known[$0.name].map(\.digest) != $0.digest }
        if gone.isEmpty, changed.isEmpty {
            shown.take(found.text, version: found.version, nowMs: SubscriptionStats.nowMs())
            stats.taken(version: found.version)
            return
        }
        var free = freePlaces()
        let new = changed.filter { known[$0.name] == nil }
        guard new.count <= free.count else {
            log.warning(
                "cds: \(source.file.path): there is no room for \(new.count) clusters more, only for \(free.count): a hot "
                    + "restart makes it; \(Self.whatStays)")
            stats.rejections.increment()
            return
        }
        do throws(SystemError) {
            try around.clusters.expect(changed)
        } catch {
            log.warning("cds: \(error); \(Self.whatStays)")
            stats.rejections.increment()
            return
        }
        isChanging = true
        var places: [(position: Int, cluster: Cluster)] = []
        for cluster in changed {
            let position = known[cluster.name]?.position ?? free.removeFirst()
            around.clusters.begin(cluster, at: position)
            places.append((position, cluster))
        }
        let warming = around.stats.clusterGauges[.warming_clusters]
        warming.set(UInt64(places.count))
        whenReady(places.map(\.position), untilNs: cl_monotonic_ns() + Self.longestWaitMs * 1_000_000) { [weak self] in
            self?.around.routes.whenSettled { [weak self] in
                warming.set(0)
                self?.use(places, gone: gone, found)
            }
        }
    }

    /// Those at the end first, then those that others have left.
    private func freePlaces() -> [Int] {
        let count = around.clusters.clusters.count
        let left = (0..<count).filter {
            around.clusters.clusters[$0].cluster.name.isEmpty && around.pool.isIdle(cluster: $0)
        }
        return Array(count..<max(count, around.pool.snapshot.mostClusters)) + left
    }

    private func whenReady(_ positions: [Int], untilNs: UInt64, _ done: @escaping () -> Void) {
        if positions.allSatisfy({ around.clusters.isReady(at: $0) }) || cl_monotonic_ns() >= untilNs { return done() }
        loop.after(ms: 1) { [weak self] in self?.whenReady(positions, untilNs: untilNs, done) }
    }

    private func use(_ places: [(position: Int, cluster: Cluster)], gone: [String], _ found: DiscoveredClusters) {
        let left = gone.compactMap { known[$0]?.position }
        let all: [(position: Int, cluster: Cluster?)] =
            places.map { ($0.position, $0.cluster) } + left.map { ($0, nil) }
        for position in left { around.clusters.leave(at: position) }
        // Else everything is found where it was.
        let isElsewhere = !left.isEmpty || places.contains { known[$0.cluster.name] == nil }
        around.pool.snapshot.name(all)
        let names = isElsewhere ? around.pool.snapshot.indexNames() : self.names
        let changes = all.map { around.pool.snapshot.compile($0.cluster, at: $0.position) }
        let routes = isElsewhere ? around.routes.compileAll() : []
        for change in changes { around.runtime.add(change.shares) }
        around.routes.prepare(routes)
        let inPlace = { [weak self] in
            guard let self else { return }
            for (position, _) in places { self.around.clusters.use(at: position) }
            self.around.clusters.tellMemberships()
        }
        around.pool.change(changes, routes, inPlace: inPlace) { [weak self] in
            guard let self else { return }
            for change in changes {
                // Workers look into rows only while a turn lasts: nobody is there any more.
                if let old = self.inUse.updateValue(change, forKey: change.position) {
                    self.around.runtime.remove(old.shares)
                }
            }
            self.around.routes.note(routes, retired: isElsewhere ? self.names.map { [$0] } ?? [] : [])
            self.names = names
            for (position, _) in all { self.around.endpoints.follow(cluster: position, readAt: self.readAt) }
            self.count(places, gone)
            self.shown.take(
                found.text, version: found.version, changed: places.map(\.cluster.name), gone: gone,
                nowMs: SubscriptionStats.nowMs())
            self.stats.taken(version: found.version)
            self.reloaded()
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

    private func count(_ places: [(position: Int, cluster: Cluster)], _ gone: [String]) {
        let manager = around.stats.clusters
        var added: [String] = []
        for (position, cluster) in places {
            if known[cluster.name] == nil { added.append(cluster.name) }
            manager[known[cluster.name] == nil ? .cluster_added : .cluster_modified].increment()
            known[cluster.name] = Known(position: position, digest: cluster.digest)
        }
        for name in gone {
            manager[.cluster_removed].increment()
            known[name] = nil
        }
        around.stats.clusterGauges[.active_clusters].set(UInt64(others.count + known.count))
        log.info("cds: \(added.count) clusters came, \(places.count - added.count) changed, \(gone.count) went")
    }

    private static let whatStays = "the clusters stay as they are"
}
