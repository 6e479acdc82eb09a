import Glibc
import ProxyConfig
import StatCatalog
import Stats

/// EDS from files: whenever a file is replaced, the clusters that it is for get the endpoints that it has. Main thread.
final class EndpointDiscovery {
    /// A cluster that has a file.
    private struct Subscriber {
        let cluster: Int
        let name: String
        let stats: SubscriptionStats
        let empties: Counter
    }

    private let clusters: ClusterManager
    private let sources: DataSources
    private let log: Log
    private let store: StatsStore
    private let writer: StatsWriter
    private var subscribers: [FileSource: [Subscriber]] = [:]
    private var watch: FileWatch?

    init(_ clusters: ClusterManager, sources: DataSources, store: StatsStore, writer: StatsWriter, log: Log) {
        self.clusters = clusters
        self.sources = sources
        self.log = log
        self.store = store
        self.writer = writer
        for position in clusters.clusters.indices { subscribe(position) }
    }

    /// Another cluster has this place, or none; what has changed since its files were read is read again.
    func follow(cluster position: Int, readAt time: timespec) {
        for source in subscribers.keys { subscribers[source]?.removeAll { $0.cluster == position } }
        guard let source = subscribe(position) else { return }
        watch?.add(source, readAt: time)
    }

    /// The file of a cluster that has one.
    @discardableResult
    private func subscribe(_ position: Int) -> FileSource? {
        let cluster = clusters.clusters[position].cluster
        guard let source = cluster.endpointSource else { return nil }
        let scope = ClusterScope(Snapshot.statName(cluster.altStatName ?? cluster.name))
        let counts: CounterGroup<MembershipCounter> = clusters.clusters[position].stats.counters
        let own = GroupIDs<EndpointDiscoveryCounter>(store, in: scope).cells(writer)
        let gauges = GroupIDs<EndpointDiscoveryGauge>(store, in: scope).cells(writer)
        let stats = SubscriptionStats(
            attempts: counts[.update_attempt], successes: counts[.update_success],
            failures: counts[.update_failure], rejections: own[.update_rejected],
            updateTime: gauges[.update_time], version: gauges[.version],
            versionText: writer.text(store.stat(EndpointDiscoveryText.version_text, in: scope)))
        stats.attempts.increment()
        stats.taken(version: source.version)
        subscribers[source.file, default: []].append(
            Subscriber(cluster: position, name: cluster.name, stats: stats, empties: counts[.update_empty]))
        return source.file
    }

    /// From now on what changes is seen, and what has changed since the configuration was read.
    func start(_ watcher: MoveWatcher, readAt time: timespec) {
        watch = FileWatch(
            Array(subscribers.keys), on: watcher, readAt: time, warn: { [log] in log.warning("eds: \($0)") },
            { [weak self] in self?.read($0) })
    }

    /// Another process serves: what changes is its business.
    func pause() { watch?.pause() }

    func resume() { watch?.resume() }

    private func read(_ source: FileSource) {
        let members = subscribers[source] ?? []
        for member in members { member.stats.attempts.increment() }
        let file: DiscoveredAssignments
        do throws(DiscoveryError) {
            file = try DiscoveryLoader.assignments(source.path, sources: sources)
        } catch {
            for line in error.diagnostics { log.warning("eds: \(line); \(Self.whatStays)") }
            for member in members {
                (error.wasRead ? member.stats.rejections : member.stats.failures).increment()
            }
            return
        }
        for member in members {
            do throws(DiscoveryProblem) {
                try clusters.assign(file, cluster: member.cluster)
                member.stats.taken(version: file.version)
            } catch {
                let place = error.location.map { "\($0)" } ?? source.path
                log.warning("eds: \(place): cluster \(member.name): \(error.reason); \(Self.whatStays)")
                member.stats.rejections.increment()
            }
        }
    }

    private static let whatStays = "the endpoints stay as they are"
}
