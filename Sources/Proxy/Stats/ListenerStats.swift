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

/// The ids of all that is counted for a listener.
struct ListenerStatIDs {
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

    init(_ store: StatsStore, _ name: Snapshot.ListenerName, concurrency: Int) {
        let scope = ListenerScope(name.statName)
        let workers = (0..<concurrency).map { ListenerWorkerScope(name.statName, worker: $0) }
        let httpScope = name.httpPrefix.map { HTTPScope($0) }
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
        listener = GroupIDs(store, in: scope)
        listenerGauges = GroupIDs(store, in: scope)
        listenerHistograms = GroupIDs(store, in: scope)
        worker = workers.map { GroupIDs(store, in: $0) }
        workerGauges = workers.map { GroupIDs(store, in: $0) }
        http = counters(httpScope)
        httpGauges = gauges(httpScope)
        httpHistograms = histograms(httpScope)
        listenerHTTP = counters(name.httpPrefix.map { ListenerHTTPScope(name.statName, statPrefix: $0) })
        tcp = counters(name.tcpPrefix.map { TCPScope($0) })
        proxy = counters(name.proxyPrefix.map { ProxyProtocolScope($0) })
        proxyV1 = counters(name.proxyPrefix.map { ProxyProtocolVersionScope($0, version: 1) })
        proxyV2 = counters(name.proxyPrefix.map { ProxyProtocolVersionScope($0, version: 2) })
        limit = counters(name.limitPrefix.map { ConnectionLimitScope($0) })
        limitGauges = gauges(name.limitPrefix.map { ConnectionLimitScope($0) })
        fault = counters(name.faultPrefix.map { FaultScope($0) })
        faultGauges = gauges(name.faultPrefix.map { FaultScope($0) })
        cors = counters(name.corsPrefix.map { CORSScope($0) })
        codec = GroupIDs(store, in: CodecScope())
        asyncClient = GroupIDs(store, in: AsyncClientScope())
    }

    /// The cells of a worker.
    func cells(worker index: Int, _ writer: StatsWriter) -> ListenerStats {
        ListenerStats(
            listener: listener.cells(writer),
            listenerGauges: listenerGauges.cells(writer),
            listenerHistograms: listenerHistograms.cells(writer),
            worker: worker[index].cells(writer),
            workerGauges: workerGauges[index].cells(writer),
            http: http.cells(writer),
            httpGauges: httpGauges.cells(writer),
            httpHistograms: httpHistograms.cells(writer),
            listenerHTTP: listenerHTTP.cells(writer),
            tcp: tcp.cells(writer), proxy: proxy.cells(writer),
            proxyV1: proxyV1.cells(writer), proxyV2: proxyV2.cells(writer),
            limit: limit.cells(writer), limitGauges: limitGauges.cells(writer),
            fault: fault.cells(writer), faultGauges: faultGauges.cells(writer),
            cors: cors.cells(writer),
            codec: codec.cells(writer), asyncClient: asyncClient.cells(writer))
    }
}
