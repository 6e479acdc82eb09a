import Stats
import Testing

@testable import StatCatalog

/// Making stats through the table.
@Suite struct StoreTests {
    @Test func theTableSaysWhatIsMade() {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        _ = writer.counter(store.stat(HTTPCounter.downstream_rq_total, in: HTTPScope("in")))
        _ = writer.gauge(store.stat(ServerGauge.live, in: ServerScope()))
        _ = writer.histogram(store.stat(ClusterHistogram.upstream_rq_time, in: ClusterScope("a")))
        let rare = store.stat(OriginStatusCounter.upstream_rq_code, in: ClusterOriginScope("a", .external), "418")
        writer.counter(rare).increment()
        let made = store.snapshot().stats.filter { $0.name != "stats.overflow" }
        #expect(
            made.map(\.name) == [
                "cluster.a.external.upstream_rq_418", "cluster.a.upstream_rq_time", "http.in.downstream_rq_total",
                "server.live",
            ])
        for stat in made {
            let described = StatCatalog.describe(stat.name)
            #expect(described?.kind == stat.kind)
            #expect(described?.flags == stat.flags)
        }
        #expect(made[1].unit == .milliseconds)
    }

    @Test func everyGroupCanBeMade() {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        func make<Name: StatGroup>(_: Name.Type, _ scope: any StatScope) {
            guard let scope = scope as? Name.Scope else { return }
            for stat in Name.allCases {
                let values = stat.name.contains("<code>") ? "200" : nil
                let id = values.map { store.stat(stat, in: scope, $0) } ?? store.stat(stat, in: scope)
                switch Name.kind {
                case .counter: _ = writer.counter(id)
                case .gauge: _ = writer.gauge(id)
                case .histogram: _ = writer.histogram(id)
                case .text: _ = writer.text(id)
                }
            }
        }
        let scopes: [any StatScope] = [
            HTTPScope("p"), RouteDiscoveryScope("p", "r"), CodecScope(), AsyncClientScope(), TCPScope("p"),
            ListenerScope("l"), ListenerWorkerScope("l", worker: 0),
            ListenerHTTPScope("l", statPrefix: "p"), ProxyProtocolScope(""), ProxyProtocolVersionScope("p", version: 1),
            ConnectionLimitScope("p"), ConnectionRateScope("p"), FaultScope("p"), CORSScope("p"),
            LocalRateLimitScope("p"),
            ClusterScope("c"), ClusterOriginScope("c", .internal),
            ClusterRetryScope("c"), ClusterLimitScope("c", .high),
            ClusterHealthCheckScope("c"), ClusterOutlierScope("c"),
            ClusterRingHashScope("c"), ClusterMaglevScope("c"),
            RequestClassScope(host: "h", .vcluster, "n"),
            ServerScope(), HotRestartScope(), ListenerManagerScope(), ClusterManagerScope(), ClusterDiscoveryScope(),
            ListenerDiscoveryScope(),
            RuntimeScope(),
            OverloadScope(), OverloadMonitorScope("m"), OverloadActionScope("a"),
            FilesystemScope(),
            AdminHTTPScope(), AdminListenerScope(), StatsScope(), UnusedScope(),
        ]
        for group in StatCatalog.groups { for scope in scopes { make(group, scope) } }
        let found = Set(store.snapshot().stats.compactMap { StatCatalog.describe($0.name)?.fullName })
        // What is hidden is not in a snapshot of a store without a region.
        let missing = StatCatalog.all.filter { !$0.isOnDemand && !found.contains($0.fullName) }.map(\.fullName)
        #expect(missing == [])
    }
}
