import StatCatalog
import Stats

/// What one worker counts for a listener.
struct ListenerStats: BitwiseCopyable {
    let listener: CounterGroup<ListenerCounter>
    let listenerGauges: GaugeGroup<ListenerGauge>
    let listenerHistograms: HistogramGroup<ListenerHistogram>
    let worker: CounterGroup<ListenerWorkerCounter>
    let workerGauges: GaugeGroup<ListenerWorkerGauge>
    /// `http.<prefix>.`; of a TCP listener: cells that nobody shows.
    let http: CounterGroup<HTTPCounter>
    let httpGauges: GaugeGroup<HTTPGauge>
    let httpHistograms: HistogramGroup<HTTPHistogram>
    let listenerHTTP: CounterGroup<ListenerHTTPCounter>
    let tcp: CounterGroup<TCPCounter>
}

/// What one worker counts for a cluster.
struct ClusterStats: BitwiseCopyable {
    let counters: CounterGroup<ClusterCounter>
    let gauges: GaugeGroup<ClusterGauge>
    let histograms: HistogramGroup<ClusterHistogram>
    /// `upstream_rq_<code>` by `CommonStatus.index`.
    let codes: UnsafeMutablePointer<Counter>
    /// `external.` and `internal.` repeat the response counters by origin of the request.
    let external: OriginStats
    let inside: OriginStats
}

struct OriginStats: BitwiseCopyable {
    let counters: CounterGroup<OriginCounter>
    let codes: UnsafeMutablePointer<Counter>
    let histograms: HistogramGroup<OriginHistogram>
}

/// The ids of everything the data plane counts, made by the main thread from the snapshot; `resolve` gives a worker its
/// own cells.
final class DataPlaneStats {
    private struct ListenerIDs {
        let listener: GroupIDs<ListenerCounter>
        let listenerGauges: GroupIDs<ListenerGauge>
        let listenerHistograms: GroupIDs<ListenerHistogram>
        let worker: [GroupIDs<ListenerWorkerCounter>]
        let workerGauges: [GroupIDs<ListenerWorkerGauge>]
        let http: GroupIDs<HTTPCounter>
        let httpGauges: GroupIDs<HTTPGauge>
        let httpHistograms: GroupIDs<HTTPHistogram>
        let listenerHTTP: GroupIDs<ListenerHTTPCounter>
        let tcp: GroupIDs<TCPCounter>
    }
    private struct OriginIDs {
        let counters: GroupIDs<OriginCounter>
        let codes: [StatID]
        let histograms: GroupIDs<OriginHistogram>
    }
    private struct ClusterIDs {
        let counters: GroupIDs<ClusterCounter>
        let gauges: GroupIDs<ClusterGauge>
        let histograms: GroupIDs<ClusterHistogram>
        let codes: [StatID]
        let external, inside: OriginIDs
    }
    private var listeners: [ListenerIDs] = []
    private var clusters: [ClusterIDs] = []
    private let store: StatsStore
    private var clusterNames: [String]
    /// What all workers have of the configured clusters.
    let activity: ClusterActivity

    /// Clusters that the workers' tables have room for.
    private let room: Int

    init(store: StatsStore, snapshot: Snapshot, concurrency: Int) {
        self.store = store
        activity = ClusterActivity(workers: max(concurrency, 1))
        room = snapshot.clusterCount + Snapshot.maxGoneClusters
        clusterNames = snapshot.clusterStatNames
        listeners = snapshot.listenerNames.map { Self.listener(store, $0, concurrency: concurrency) }
        clusters = snapshot.clusterStatNames.map { Self.cluster(store, $0) }
    }

    private static func cluster(_ store: StatsStore, _ name: String) -> ClusterIDs {
        let scope = ClusterScope(name)
        return ClusterIDs(
            counters: GroupIDs(store, in: scope), gauges: GroupIDs(store, in: scope),
            histograms: GroupIDs(store, in: scope),
            codes: CommonStatus.codes.map {
                store.stat(ClusterStatusCounter.upstream_rq_code, in: scope, "\($0)")
            },
            external: Self.origin(store, ClusterOriginScope(name, .external)),
            inside: Self.origin(store, ClusterOriginScope(name, .internal)))
    }

    /// A cluster that this configuration has no more, but a request in flight of the predecessor: it goes on being counted
    /// under its name. Returns its position, or -1 when there is no room for more of them.
    func addGone(_ statName: String) -> Int32 {
        guard clusters.count < room else { return -1 }
        clusters.append(Self.cluster(store, statName))
        clusterNames.append(statName)
        return Int32(clusters.count - 1)
    }

    /// The cells of cluster `index` in a worker's plane.
    func cells(cluster index: Int, _ writer: StatsWriter) -> ClusterStats { Self.cells(clusters[index], writer) }

    private static func cells(_ ids: ClusterIDs, _ writer: StatsWriter) -> ClusterStats {
        ClusterStats(
            counters: ids.counters.cells(writer),
            gauges: ids.gauges.cells(writer),
            histograms: ids.histograms.cells(writer),
            codes: writer.counters(ids.codes),
            external: cells(ids.external, writer), inside: cells(ids.inside, writer))
    }

    private static func listener(_ store: StatsStore, _ name: Snapshot.ListenerName, concurrency: Int) -> ListenerIDs {
        let scope = ListenerScope(name.statName)
        let workers = (0..<concurrency).map { ListenerWorkerScope(name.statName, worker: $0) }
        let http = name.httpPrefix.map { HTTPScope($0) }
        // Groups that a listener does not have (HTTP of a TCP one) all point at one hidden stat.
        func counters<Name: CounterNames>(_ scope: Name.Scope?) -> GroupIDs<Name> {
            if let scope { return GroupIDs(store, in: scope) }
            return GroupIDs(unused: store.stat(UnusedCounter.unused_counter, in: UnusedScope()))
        }
        func gauges<Name: GaugeNames>(_ scope: Name.Scope?) -> GroupIDs<Name> {
            if let scope { return GroupIDs(store, in: scope) }
            return GroupIDs(unused: store.stat(UnusedGauge.unused_gauge, in: UnusedScope()))
        }
        func histograms<Name: HistogramNames>(_ scope: Name.Scope?) -> GroupIDs<Name> {
            if let scope { return GroupIDs(store, in: scope) }
            return GroupIDs(unused: store.stat(UnusedHistogram.unused_histogram, in: UnusedScope()))
        }
        return ListenerIDs(
            listener: GroupIDs(store, in: scope), listenerGauges: GroupIDs(store, in: scope),
            listenerHistograms: GroupIDs(store, in: scope), worker: workers.map { GroupIDs(store, in: $0) },
            workerGauges: workers.map { GroupIDs(store, in: $0) }, http: counters(http), httpGauges: gauges(http),
            httpHistograms: histograms(http),
            listenerHTTP: counters(name.httpPrefix.map { ListenerHTTPScope(name.statName, statPrefix: $0) }),
            tcp: counters(name.tcpPrefix.map { TCPScope($0) }))
    }

    private static func origin(_ store: StatsStore, _ scope: ClusterOriginScope) -> OriginIDs {
        OriginIDs(
            counters: GroupIDs(store, in: scope),
            codes: CommonStatus.codes.map { store.stat(OriginStatusCounter.upstream_rq_code, in: scope, "\($0)") },
            histograms: GroupIDs(store, in: scope))
    }

    /// The cells of worker `index` for every listener and every cluster.
    func resolve(worker index: Int, _ writer: StatsWriter) -> (
        listeners: UnsafeMutablePointer<ListenerStats>, clusters: UnsafeMutablePointer<ClusterStats>
    ) {
        let listenerStats = UnsafeMutablePointer<ListenerStats>.allocate(capacity: max(listeners.count, 1))
        for (i, ids) in listeners.enumerated() {
            (listenerStats + i).initialize(
                to: ListenerStats(
                    listener: ids.listener.cells(writer),
                    listenerGauges: ids.listenerGauges.cells(writer),
                    listenerHistograms: ids.listenerHistograms.cells(writer),
                    worker: ids.worker[index].cells(writer),
                    workerGauges: ids.workerGauges[index].cells(writer),
                    http: ids.http.cells(writer),
                    httpGauges: ids.httpGauges.cells(writer),
                    httpHistograms: ids.httpHistograms.cells(writer),
                    listenerHTTP: ids.listenerHTTP.cells(writer),
                    tcp: ids.tcp.cells(writer)))
        }
        let clusterStats = UnsafeMutablePointer<ClusterStats>.allocate(capacity: room)
        for (i, ids) in clusters.enumerated() { (clusterStats + i).initialize(to: Self.cells(ids, writer)) }
        activity.set(worker: index, clusterStats)
        return (listenerStats, clusterStats)
    }

    /// The stat of a status code that is not common, made now if need be.
    func status(_ key: RareStatusKey) -> StatID {
        let name = clusterNames[Int(key.cluster)]
        func origin(_ origin: ClusterOriginScope.Origin) -> StatID {
            store.stat(
                OriginStatusCounter.upstream_rq_code, in: ClusterOriginScope(name, origin), "\(key.status)")
        }
        switch key.part {
        case .all:
            return store.stat(ClusterStatusCounter.upstream_rq_code, in: ClusterScope(name), "\(key.status)")
        case .external: return origin(.external)
        case .inside: return origin(.internal)
        case .retry:
            let scope = ClusterRetryScope(name)
            let classes: [ClusterRetryCounter] = [
                .upstream_rq_completed, .upstream_rq_1xx, .upstream_rq_2xx, .upstream_rq_3xx, .upstream_rq_4xx,
                .upstream_rq_5xx,
            ]
            if key.status < classes.count { return store.stat(classes[Int(key.status)], in: scope) }
            return store.stat(ClusterRetryStatusCounter.upstream_rq_code, in: scope, "\(key.status)")
        }
    }

    private static func cells(_ ids: OriginIDs, _ writer: StatsWriter) -> OriginStats {
        OriginStats(
            counters: ids.counters.cells(writer), codes: writer.counters(ids.codes),
            histograms: ids.histograms.cells(writer))
    }
}
