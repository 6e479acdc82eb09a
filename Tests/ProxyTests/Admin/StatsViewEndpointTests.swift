import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// `/stats` with a `stats_config`.
@Suite struct StatsViewEndpointTests {
    @Test func theTagsThatAreKnownByName() { #expect(StatsConfig.usualTags.sorted() == TagRules.usualNames.sorted()) }

    private static func context(_ config: StatsConfig) -> FakeContext {
        let context = FakeContext()
        context.count("cluster.a.upstream_rq_200", 1)
        context.count("cluster.b.upstream_rq_200", 2)
        context.record("cluster.a.upstream_rq_time", 3)
        context.statsView = StatsView(config)
        return context
    }

    @Test func whatIsNotThere() {
        var config = StatsConfig()
        var name = StatsConfig.Name(.contains("CLUSTER.A"))
        name.ignoresCase = true
        config.matcher = .only([name])
        #expect(
            Self.context(config).get("/stats").body
                == "cluster.a.upstream_rq_200: 1\ncluster.a.upstream_rq_time: No recorded values\n"
                || Self.context(config).get("/stats").body.hasPrefix("cluster.a.upstream_rq_200: 1\ncluster.a.upstream")
        )
        config.matcher = .allBut([name, StatsConfig.Name(.exact("stats.overflow"))])
        #expect(Self.context(config).get("/stats").body == "cluster.b.upstream_rq_200: 2\n")
        config.matcher = .none
        #expect(Self.context(config).get("/stats").body == "")
        #expect(Self.context(config).get("/stats?format=json").body == "{\"stats\":[]}")
        #expect(Self.context(config).get("/stats/prometheus").body == "")
    }

    @Test func tagsAndBuckets() {
        var config = StatsConfig()
        config.tags = [.fixed(name: "zone", value: "z")]
        config.buckets = [
            StatsConfig.Buckets(name: StatsConfig.Name(.suffix("_x")), bounds: [1]),
            StatsConfig.Buckets(name: StatsConfig.Name(.prefix("cluster.a")), bounds: [2, 4]),
        ]
        let context = Self.context(config)
        context.store.closeInterval()
        let text = context.get("/stats/prometheus?filter=cluster.a").body
        #expect(
            text.contains(
                #"envoy_cluster_upstream_rq{envoy_response_code="200",zone="z",envoy_cluster_name="a"} 1"#), "\(text)")
        for line in [#"le="2"} 0"#, #"le="4"} 1"#, #"le="+Inf"} 1"#] {
            #expect(text.contains(#"upstream_rq_time_bucket{zone="z",envoy_cluster_name="a","# + line), "\(text)")
        }
        #expect(!text.contains(#"le="5""#))
    }
}
