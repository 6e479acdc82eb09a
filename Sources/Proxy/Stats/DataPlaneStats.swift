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
    /// Of a listener without such a filter: cells that nobody shows.
    let proxy: CounterGroup<ProxyProtocolCounter>
    let proxyV1: CounterGroup<ProxyProtocolVersionCounter>
    let proxyV2: CounterGroup<ProxyProtocolVersionCounter>
    /// Of a filter chain without such a filter: cells that nobody shows.
    let limit: CounterGroup<ConnectionLimitCounter>
    let limitGauges: GaugeGroup<ConnectionLimitGauge>
    /// Of a connection manager without such a filter: cells that nobody shows.
    let fault: CounterGroup<FaultCounter>
    let faultGauges: GaugeGroup<FaultGauge>
    let cors: CounterGroup<CORSCounter>
    /// The same of all listeners.
    let codec: CounterGroup<CodecCounter>
    /// Of all copies of requests.
    let asyncClient: CounterGroup<AsyncClientCounter>
}

/// The ids of everything the data plane counts, made by the main thread from the snapshot; `resolve` gives a worker its
/// own cells.
///
/// A process with thousands of clusters has more than a million names for them. Those of the first clusters are there from
/// the start; the others may be made while it serves already: one cluster at a time by `makeNext`, and at once when a worker
/// needs one (`wanted`).
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
        let proxy: GroupIDs<ProxyProtocolCounter>
        let proxyV1: GroupIDs<ProxyProtocolVersionCounter>
        let proxyV2: GroupIDs<ProxyProtocolVersionCounter>
        let limit: GroupIDs<ConnectionLimitCounter>
        let limitGauges: GroupIDs<ConnectionLimitGauge>
        let fault: GroupIDs<FaultCounter>
        let faultGauges: GroupIDs<FaultGauge>
        let cors: GroupIDs<CORSCounter>
        let codec: GroupIDs<CodecCounter>
        let asyncClient: GroupIDs<AsyncClientCounter>
    }
    private var listeners: [ListenerIDs] = []
    /// Of `RateLimitTable.statPrefixes`.
    private var rateLimits: [GroupIDs<LocalRateLimitCounter>] = []
    /// How many of them the workers' tables have room for.
    private let rateLimitRoom: Int
    /// Of `RateLimitTable.connectionPrefixes`.
    private let connectionRates: [GroupIDs<ConnectionRateCounter>]
    private let template = ClusterTemplate()
    private let store: StatsStore
    private var clusterNames: [String]
    /// The stats of the first clusters.
    private let early: [StatIDs?]
    /// By cluster.
    private var isMade: [Bool]
    /// Where `makeNext` goes on.
    private var next: Int
    /// What workers have: their cells by cluster.
    private var tables: [(writer: StatsWriter, clusters: UnsafeMutablePointer<ClusterStats>)] = []
    /// The cells of clusters that came while the process ran, by worker: one that comes again has the same.
    private var cellsByName: [String: [ClusterStats]] = [:]
    /// What workers wait for.
    let wanted = WantedClusters()
    /// What stands in the tables for stats that are not made: cells that nobody shows.
    private let unmade: ClusterStats
    /// What all workers have of the configured clusters.
    let activity: ClusterActivity

    /// Clusters that the workers' tables have room for.
    private let room: Int
    private let hasMirrors: Bool
    /// So many are no work to speak of.
    static let fewClusters = 64

    /// - Parameter early: how many clusters have their stats from the start.
    init(store: StatsStore, snapshot: Snapshot, concurrency: Int, early: Int) {
        self.store = store
        let template = template
        activity = ClusterActivity(workers: max(concurrency, 1))
        room = snapshot.clusterCount + Snapshot.maxGoneClusters
        hasMirrors = snapshot.hasMirrors
        clusterNames = snapshot.clusterStatNames
        let hidden = StatsStore.heapOnly()
        let ids = hidden.stats(template.stats, prefix: "")
        unmade = ClusterStats(template, hidden.makeWriter().views(template.stats, ids))
        rateLimitRoom = snapshot.rateLimits.room
        connectionRates = snapshot.rateLimits.connectionPrefixes.map {
            GroupIDs(store, in: ConnectionRateScope(Snapshot.statName($0)))
        }
        listeners = snapshot.listenerNames.map { Self.listener(store, $0, concurrency: concurrency) }
        if early >= snapshot.clusterCount { store.reserve(snapshot.clusterCount * template.stats.count) }
        self.early = snapshot.clusterStatNames.prefix(early).map {
            $0.isEmpty ? nil : store.stats(template.stats, prefix: ClusterScope($0).prefix)
        }
        isMade = (0..<snapshot.clusterCount).map { $0 < early }
        next = min(early, snapshot.clusterCount)
        makeRateLimits(snapshot.rateLimits)
    }

    /// Whether there are clusters without stats.
    var hasMore: Bool { next < isMade.count }

    /// Makes the stats of the next cluster that has none; returns which that was, nil: all have.
    func makeNext() -> Int? {
        makeWanted()
        // Room for many takes time of its own, which nobody has before the process serves.
        if next == early.count { store.reserve(isMade.count * template.stats.count) }
        while next < isMade.count, isMade[next] { next += 1 }
        guard next < isMade.count else { return nil }
        make(cluster: next)
        next += 1
        return next - 1
    }

    /// Makes the stats of a cluster, unless they are there: workers may count then.
    func make(cluster index: Int) {
        guard !isMade[index] else { return }
        isMade[index] = true
        fill(index, store.stats(template.stats, prefix: ClusterScope(clusterNames[index]).prefix))
    }

    /// Makes those that workers wait for.
    func makeWanted() {
        for index in wanted.take() {
            make(cluster: index)
            for table in tables { ClusterStats.wake(table.clusters + index) }
            store.topUp()
        }
    }

    /// Another cluster has this place, nil: none: what is counted from now on is its. The workers are held.
    ///
    /// - Returns: whether it has another name than before.
    func rename(cluster index: Int, _ statName: String?) -> Bool {
        // What is still under way of one that is gone goes on being counted under its name.
        guard let statName, statName != clusterNames[index] else { return false }
        clusterNames[index] = statName
        isMade[index] = true
        let cells = cellsByName[statName] ?? makeCells(statName)
        cellsByName[statName] = cells
        for (table, cells) in zip(tables, cells) { ClusterStats.publish(cells, at: table.clusters + index) }
        return true
    }

    private func makeCells(_ statName: String) -> [ClusterStats] {
        let ids = store.stats(template.stats, prefix: ClusterScope(statName).prefix)
        return tables.map { ClusterStats(template, $0.writer.views(template.stats, ids)) }
    }

    private func fill(_ index: Int, _ ids: StatIDs) {
        for table in tables { fill(index, ids, table.writer, table.clusters) }
    }

    private func fill(
        _ index: Int, _ ids: StatIDs, _ writer: StatsWriter, _ table: UnsafeMutablePointer<ClusterStats>
    ) {
        ClusterStats.publish(ClusterStats(template, writer.views(template.stats, ids)), at: table + index)
    }

    /// A cluster that this configuration has no more, but a request in flight of the predecessor: it goes on being counted
    /// under its name. Returns its position, or -1 when there is no room for more of them.
    func addGone(_ statName: String) -> Int32 {
        guard isMade.count < room else { return -1 }
        isMade.append(true)
        clusterNames.append(statName)
        fill(isMade.count - 1, store.stats(template.stats, prefix: ClusterScope(statName).prefix))
        return Int32(isMade.count - 1)
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
            tcp: counters(name.tcpPrefix.map { TCPScope($0) }),
            proxy: counters(name.proxyPrefix.map { ProxyProtocolScope($0) }),
            proxyV1: counters(name.proxyPrefix.map { ProxyProtocolVersionScope($0, version: 1) }),
            proxyV2: counters(name.proxyPrefix.map { ProxyProtocolVersionScope($0, version: 2) }),
            limit: counters(name.limitPrefix.map { ConnectionLimitScope($0) }),
            limitGauges: gauges(name.limitPrefix.map { ConnectionLimitScope($0) }),
            fault: counters(name.faultPrefix.map { FaultScope($0) }),
            faultGauges: gauges(name.faultPrefix.map { FaultScope($0) }),
            cors: counters(name.corsPrefix.map { CORSScope($0) }),
            codec: GroupIDs(store, in: CodecScope()), asyncClient: GroupIDs(store, in: AsyncClientScope()))
    }

    private static func cells(_ ids: ListenerIDs, _ worker: Int, _ writer: StatsWriter) -> ListenerStats {
        ListenerStats(
            listener: ids.listener.cells(writer),
            listenerGauges: ids.listenerGauges.cells(writer),
            listenerHistograms: ids.listenerHistograms.cells(writer),
            worker: ids.worker[worker].cells(writer),
            workerGauges: ids.workerGauges[worker].cells(writer),
            http: ids.http.cells(writer),
            httpGauges: ids.httpGauges.cells(writer),
            httpHistograms: ids.httpHistograms.cells(writer),
            listenerHTTP: ids.listenerHTTP.cells(writer),
            tcp: ids.tcp.cells(writer), proxy: ids.proxy.cells(writer),
            proxyV1: ids.proxyV1.cells(writer), proxyV2: ids.proxyV2.cells(writer),
            limit: ids.limit.cells(writer), limitGauges: ids.limitGauges.cells(writer),
            fault: ids.fault.cells(writer), faultGauges: ids.faultGauges.cells(writer),
            cors: ids.cors.cells(writer),
            codec: ids.codec.cells(writer), asyncClient: ids.asyncClient.cells(writer))
    }

    /// The cells of worker `index` for every listener, and for the clusters that have stats; those of others follow.
    func resolve(worker index: Int, _ writer: StatsWriter) -> (
        listeners: UnsafeMutablePointer<ListenerStats>, clusters: UnsafeMutablePointer<ClusterStats>
    ) {
        let listenerStats = UnsafeMutablePointer<ListenerStats>.allocate(capacity: listeners.count + 1)
        for (i, ids) in listeners.enumerated() { (listenerStats + i).initialize(to: Self.cells(ids, index, writer)) }
        if hasMirrors {
            // They have no client whose connection and request could be counted.
            let hidden = StatsStore.heapOnly()
            let ids = Self.listener(hidden, Snapshot.ListenerName(statName: "m", httpPrefix: "m"), concurrency: 1)
            (listenerStats + listeners.count).initialize(to: Self.cells(ids, 0, hidden.makeWriter()))
        }
        let clusterStats = UnsafeMutablePointer<ClusterStats>.allocate(capacity: room)
        clusterStats.initialize(repeating: unmade, count: room)
        for (i, ids) in early.enumerated() { if let ids { fill(i, ids, writer, clusterStats) } }
        tables.append((writer, clusterStats))
        activity.set(worker: index, clusterStats)
        return (listenerStats, clusterStats)
    }

    /// A worker's cells of local rate limits, by position in `RateLimitTable.statPrefixes`.
    func resolveRateLimits(_ writer: StatsWriter) -> UnsafeMutablePointer<CounterGroup<LocalRateLimitCounter>> {
        let cells = UnsafeMutablePointer<CounterGroup<LocalRateLimitCounter>>.allocate(
            capacity: max(rateLimitRoom, 1))
        for (i, ids) in rateLimits.enumerated() { (cells + i).initialize(to: ids.cells(writer)) }
        return cells
    }

    private func makeRateLimits(_ table: RateLimitTable) {
        for prefix in table.statPrefixes.dropFirst(rateLimits.count) {
            rateLimits.append(GroupIDs(store, in: LocalRateLimitScope(Snapshot.statName(prefix))))
        }
    }

    /// Those of routes that came later: into the table of a worker that is held.
    func addRateLimits(
        _ table: RateLimitTable, from known: Int, to cells: UnsafeMutablePointer<CounterGroup<LocalRateLimitCounter>>,
        _ writer: StatsWriter
    ) {
        makeRateLimits(table)
        for i in known..<max(known, rateLimits.count) { (cells + i).initialize(to: rateLimits[i].cells(writer)) }
    }

    /// So many have stats.
    var rateLimitCount: Int { rateLimits.count }

    /// The same by position in `RateLimitTable.connectionPrefixes`.
    func resolveConnectionRates(
        _ writer: StatsWriter
    ) -> UnsafeMutablePointer<CounterGroup<ConnectionRateCounter>> {
        let cells = UnsafeMutablePointer<CounterGroup<ConnectionRateCounter>>.allocate(
            capacity: max(connectionRates.count, 1))
        for (i, ids) in connectionRates.enumerated() { (cells + i).initialize(to: ids.cells(writer)) }
        return cells
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
}
