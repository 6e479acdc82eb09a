import StatCatalog
import Stats

/// The ids of everything the data plane counts, made by the main thread from the snapshot; `resolve` gives a worker its
/// own cells.
///
/// A process with thousands of clusters has more than a million names for them. Those of the first clusters are there from
/// the start; the others may be made while it serves already: one cluster at a time by `makeNext`, and at once when a worker
/// needs one (`wanted`).
final class DataPlaneStats {
    private var listeners: [ListenerStatIDs] = []
    /// Of `RateLimitTable.statPrefixes`.
    private var rateLimits: [GroupIDs<LocalRateLimitCounter>] = []
    /// How many of them the workers' tables have room for.
    private let rateLimitRoom: Int
    /// Of `RateLimitTable.connectionPrefixes`.
    private var connectionRates: [GroupIDs<ConnectionRateCounter>] = []
    private let connectionRateRoom: Int
    /// Virtual clusters, and routes with a `stat_prefix`.
    let requestClasses: RequestClassPool
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
    /// The same of listeners.
    private var listenerCells: [Snapshot.ListenerName: [ListenerStats]] = [:]
    /// What workers wait for.
    let wanted = WantedClusters()
    /// What stands in the tables for stats that are not made: cells that nobody shows.
    private let unmade: ClusterStats
    /// What all workers have of the configured clusters.
    let activity: ClusterActivity

    /// Clusters that the workers' tables have room for.
    private let room: Int
    private let hasMirrors: Bool
    private let concurrency: Int
    /// Of the workers' tables of listeners.
    private let rowCount: Int
    /// So many are no work to speak of.
    static let fewClusters = 64

    /// - Parameter early: how many clusters have their stats from the start.
    init(store: StatsStore, snapshot: Snapshot, concurrency: Int, early: Int) {
        self.store = store
        requestClasses = RequestClassPool(store)
        let template = template
        activity = ClusterActivity(workers: max(concurrency, 1))
        room = snapshot.clusterCount + Snapshot.maxGoneClusters
        hasMirrors = snapshot.hasMirrors
        clusterNames = snapshot.clusterStatNames
        let hidden = StatsStore.heapOnly()
        let ids = hidden.stats(template.stats, prefix: "")
        unmade = ClusterStats(template, hidden.makeWriter().views(template.stats, ids))
        rateLimitRoom = snapshot.rateLimits.room
        connectionRateRoom = snapshot.rateLimits.connectionRoom
        self.concurrency = max(concurrency, 1)
        rowCount = snapshot.rowCount
        listeners = snapshot.listenerNames.prefix(snapshot.chainCount).map {
            ListenerStatIDs(store, $0, concurrency: max(concurrency, 1))
        }
        if early >= snapshot.clusterCount { store.reserve(snapshot.clusterCount * template.stats.count) }
        self.early = snapshot.clusterStatNames.prefix(early).map {
            $0.isEmpty ? nil : store.stats(template.stats, prefix: ClusterScope($0).prefix)
        }
        isMade = (0..<snapshot.clusterCount).map { $0 < early }
        next = min(early, snapshot.clusterCount)
        makeRateLimits(snapshot.rateLimits)
        requestClasses.add(snapshot.requestClasses)
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

    /// The cells of worker `index` for every listener, and for the clusters that have stats; those of others follow.
    func resolve(worker index: Int, _ writer: StatsWriter) -> (
        listeners: UnsafeMutablePointer<ListenerStats>, clusters: UnsafeMutablePointer<ClusterStats>
    ) {
        let listenerStats = UnsafeMutablePointer<ListenerStats>.allocate(capacity: rowCount + 1)
        for (i, ids) in listeners.enumerated() {
            (listenerStats + i).initialize(to: ids.cells(worker: index, writer))
        }
        if hasMirrors {
            // They have no client whose connection and request could be counted.
            let hidden = StatsStore.heapOnly()
            let ids = ListenerStatIDs(hidden, Snapshot.ListenerName(statName: "m", httpPrefix: "m"), concurrency: 1)
            let cells = ids.cells(worker: 0, hidden.makeWriter())
            for i in listeners.count...rowCount { (listenerStats + i).initialize(to: cells) }
        }
        let clusterStats = UnsafeMutablePointer<ClusterStats>.allocate(capacity: room)
        clusterStats.initialize(repeating: unmade, count: room)
        for (i, ids) in early.enumerated() { if let ids { fill(i, ids, writer, clusterStats) } }
        tables.append((writer, clusterStats))
        activity.set(worker: index, clusterStats)
        return (listenerStats, clusterStats)
    }

    /// The cells of all workers for a listener that comes.
    func makeListener(_ name: Snapshot.ListenerName) -> [ListenerStats] {
        if let known = listenerCells[name] { return known }
        let ids = ListenerStatIDs(store, name, concurrency: concurrency)
        let cells = tables.enumerated().map { ids.cells(worker: $0, $1.writer) }
        listenerCells[name] = cells
        return cells
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
        for prefix in table.connectionPrefixes.dropFirst(connectionRates.count) {
            connectionRates.append(GroupIDs(store, in: ConnectionRateScope(Snapshot.statName(prefix))))
        }
    }

    /// Those of routes and listeners that came later: into the tables of workers that are held.
    func addRateLimits(_ table: RateLimitTable, to workers: [Worker]) {
        let known = (requests: rateLimits.count, connections: connectionRates.count)
        makeRateLimits(table)
        for (worker, cells) in zip(workers, tables) {
            for i in known.requests..<max(known.requests, rateLimits.count) {
                (worker.rateLimitStats + i).initialize(to: rateLimits[i].cells(cells.writer))
            }
            for i in known.connections..<max(known.connections, connectionRates.count) {
                (worker.connectionRateStats + i).initialize(to: connectionRates[i].cells(cells.writer))
            }
        }
    }

    /// The same by position in `RateLimitTable.connectionPrefixes`.
    func resolveConnectionRates(
        _ writer: StatsWriter
    ) -> UnsafeMutablePointer<CounterGroup<ConnectionRateCounter>> {
        let cells = UnsafeMutablePointer<CounterGroup<ConnectionRateCounter>>.allocate(
            capacity: max(connectionRateRoom, 1))
        for (i, ids) in connectionRates.enumerated() { (cells + i).initialize(to: ids.cells(writer)) }
        return cells
    }

    /// The stat of a status code that is not common, made now if need be.
    func status(_ key: RareStatusKey) -> StatID {
        if key.part == .requestClass { return requestClasses.status(key.cluster, key.status) }
        let name = clusterNames[Int(key.cluster)]
        func origin(_ origin: ClusterOriginScope.Origin) -> StatID {
            store.stat(
                OriginStatusCounter.upstream_rq_code, in: ClusterOriginScope(name, origin), Self.code(key.status))
        }
        switch key.part {
        case .all:
            return store.stat(ClusterStatusCounter.upstream_rq_code, in: ClusterScope(name), Self.code(key.status))
        case .external: return origin(.external)
        case .inside, .requestClass: return origin(.internal)
        case .retry:
            let scope = ClusterRetryScope(name)
            let classes: [ClusterRetryCounter] = [
                .upstream_rq_completed, .upstream_rq_1xx, .upstream_rq_2xx, .upstream_rq_3xx, .upstream_rq_4xx,
                .upstream_rq_5xx,
            ]
            if key.status < classes.count { return store.stat(classes[Int(key.status)], in: scope) }
            return store.stat(ClusterRetryStatusCounter.upstream_rq_code, in: scope, Self.code(key.status))
        }
    }

    /// As Envoy names it.
    static func code(_ status: UInt16) -> String { 100..<600 ~= status ? "\(status)" : "unknown" }
}
