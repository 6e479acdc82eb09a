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
    let completed: Counter
    let classes: UnsafeMutablePointer<Counter>
    let codes: UnsafeMutablePointer<Counter>
    let time: Histogram
}

/// The ids of everything the data plane counts, made by the main thread from the snapshot; `resolve` gives a worker its
/// own cells.
final class DataPlaneStats {
    private struct ListenerIDs {
        let listener, listenerGauges, listenerHistograms: GroupIDs
        let worker, workerGauges: [GroupIDs]
        let http, httpGauges, httpHistograms, listenerHTTP: GroupIDs
        let tcp: GroupIDs
    }
    private struct OriginIDs {
        let completed: StatID
        let classes: [StatID]
        let codes: [StatID]
        let time: StatID
    }
    private struct ClusterIDs {
        let counters, gauges, histograms: GroupIDs
        let codes: [StatID]
        let external, inside: OriginIDs
    }
    private var listeners: [ListenerIDs] = []
    private var clusters: [ClusterIDs] = []
    private let store: StatsStore
    private let clusterNames: [String]

    init(store: StatsStore, snapshot: Snapshot, concurrency: Int) {
        self.store = store
        clusterNames = snapshot.clusterStatNames
        // Groups that a listener does not have (HTTP of a TCP one) all point at one hidden group.
        for listener in snapshot.listenerNames {
            let address = "listener.\(listener.statName)"
            let http = listener.httpPrefix.map { "http.\($0)" }
            let tcp = listener.tcpPrefix.map { "tcp.\($0)" }
            listeners.append(
                ListenerIDs(
                    listener: .counters(store, address, ListenerCounter.self),
                    listenerGauges: .gauges(store, address, ListenerGauge.self),
                    listenerHistograms: .histograms(store, address, ListenerHistogram.self),
                    worker: (0..<concurrency).map {
                        .counters(store, "\(address).worker_\($0)", ListenerWorkerCounter.self)
                    },
                    workerGauges: (0..<concurrency).map {
                        .gauges(store, "\(address).worker_\($0)", ListenerWorkerGauge.self)
                    },
                    http: Self.counters(store, http, HTTPCounter.self),
                    httpGauges: Self.gauges(store, http, HTTPGauge.self),
                    httpHistograms: Self.histograms(store, http, HTTPHistogram.self),
                    listenerHTTP: Self.counters(store, http.map { "\(address).\($0)" }, ListenerHTTPCounter.self),
                    tcp: Self.counters(store, tcp, TCPCounter.self)))
        }
        for name in snapshot.clusterStatNames {
            let prefix = "cluster.\(name)"
            clusters.append(
                ClusterIDs(
                    counters: .counters(store, prefix, ClusterCounter.self),
                    gauges: .gauges(store, prefix, ClusterGauge.self),
                    histograms: .histograms(store, prefix, ClusterHistogram.self),
                    codes: Self.codes(store, prefix),
                    external: Self.origin(store, "\(prefix).external"),
                    inside: Self.origin(store, "\(prefix).internal")))
        }
    }

    private static func counters<Name: RawRepresentable & CaseIterable>(
        _ store: StatsStore, _ prefix: String?, _ names: Name.Type
    ) -> GroupIDs {
        if let prefix { return .counters(store, prefix, names) }
        let hidden = store.counter("envoyd.unused_counter", flags: .hiddenWhenZero)
        return GroupIDs(ids: names.allCases.map { _ in hidden })
    }

    private static func gauges<Name: RawRepresentable & CaseIterable>(
        _ store: StatsStore, _ prefix: String?, _ names: Name.Type
    ) -> GroupIDs {
        if let prefix { return .gauges(store, prefix, names) }
        let hidden = store.gauge("envoyd.unused_gauge", import: .accumulate, flags: .hiddenWhenZero)
        return GroupIDs(ids: names.allCases.map { _ in hidden })
    }

    private static func histograms<Name: RawRepresentable & CaseIterable>(
        _ store: StatsStore, _ prefix: String?, _ names: Name.Type
    ) -> GroupIDs {
        if let prefix { return .histograms(store, prefix, names) }
        let hidden = store.histogram("envoyd.unused_histogram", unit: .milliseconds, flags: .hiddenWhenZero)
        return GroupIDs(ids: names.allCases.map { _ in hidden })
    }

    private static func codes(_ store: StatsStore, _ prefix: String) -> [StatID] {
        CommonStatus.codes.map { store.counter("\(prefix).upstream_rq_\($0)", flags: .hiddenWhenZero) }
    }

    private static func origin(_ store: StatsStore, _ prefix: String) -> OriginIDs {
        OriginIDs(
            completed: store.counter("\(prefix).upstream_rq_completed", flags: .hiddenWhenZero),
            classes: (1...5).map { store.counter("\(prefix).upstream_rq_\($0)xx", flags: .hiddenWhenZero) },
            codes: codes(store, prefix),
            time: store.histogram("\(prefix).upstream_rq_time", unit: .milliseconds, flags: .hiddenWhenZero))
    }

    /// The cells of worker `index` for every listener and every cluster.
    func resolve(worker index: Int, _ writer: StatsWriter) -> (
        listeners: UnsafeMutablePointer<ListenerStats>, clusters: UnsafeMutablePointer<ClusterStats>
    ) {
        let listenerStats = UnsafeMutablePointer<ListenerStats>.allocate(capacity: max(listeners.count, 1))
        for (i, ids) in listeners.enumerated() {
            (listenerStats + i).initialize(
                to: ListenerStats(
                    listener: ids.listener.counters(writer, ListenerCounter.self),
                    listenerGauges: ids.listenerGauges.gauges(writer, ListenerGauge.self),
                    listenerHistograms: ids.listenerHistograms.histograms(writer, ListenerHistogram.self),
                    worker: ids.worker[index].counters(writer, ListenerWorkerCounter.self),
                    workerGauges: ids.workerGauges[index].gauges(writer, ListenerWorkerGauge.self),
                    http: ids.http.counters(writer, HTTPCounter.self),
                    httpGauges: ids.httpGauges.gauges(writer, HTTPGauge.self),
                    httpHistograms: ids.httpHistograms.histograms(writer, HTTPHistogram.self),
                    listenerHTTP: ids.listenerHTTP.counters(writer, ListenerHTTPCounter.self),
                    tcp: ids.tcp.counters(writer, TCPCounter.self)))
        }
        let clusterStats = UnsafeMutablePointer<ClusterStats>.allocate(capacity: max(clusters.count, 1))
        for (i, ids) in clusters.enumerated() {
            (clusterStats + i).initialize(
                to: ClusterStats(
                    counters: ids.counters.counters(writer, ClusterCounter.self),
                    gauges: ids.gauges.gauges(writer, ClusterGauge.self),
                    histograms: ids.histograms.histograms(writer, ClusterHistogram.self),
                    codes: Self.cells(ids.codes, writer),
                    external: Self.cells(ids.external, writer), inside: Self.cells(ids.inside, writer)))
        }
        return (listenerStats, clusterStats)
    }

    /// The stat of a status code that is not common, made now if need be.
    func status(_ key: RareStatusKey) -> StatID {
        let prefix = "cluster.\(clusterNames[Int(key.cluster)])"
        let part: String
        switch key.part {
        case .all: part = ""
        case .external: part = ".external"
        case .inside: part = ".internal"
        }
        return store.counter("\(prefix)\(part).upstream_rq_\(key.status)", flags: .hiddenWhenZero)
    }

    private static func cells(_ ids: OriginIDs, _ writer: StatsWriter) -> OriginStats {
        OriginStats(
            completed: writer.counter(ids.completed), classes: cells(ids.classes, writer),
            codes: cells(ids.codes, writer), time: writer.histogram(ids.time))
    }

    private static func cells(_ ids: [StatID], _ writer: StatsWriter) -> UnsafeMutablePointer<Counter> {
        let cells = UnsafeMutablePointer<Counter>.allocate(capacity: ids.count)
        for (i, id) in ids.enumerated() { (cells + i).initialize(to: writer.counter(id)) }
        return cells
    }
}
