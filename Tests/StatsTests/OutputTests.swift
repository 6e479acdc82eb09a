import Testing

@testable import Stats

/// The forms of output, to the byte.
struct OutputTests {
    /// Counters, gauges, histograms; one hidden, one unused, one with an interval.
    private func example() -> StatsSnapshot {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        writer.counter(store.counter("cluster.a.upstream_rq_200")).add(3)
        writer.counter(store.counter("cluster.b.upstream_rq_200")).add(4)
        writer.counter(store.counter("http.i.downstream_rq_2xx")).add(7)
        _ = writer.counter(store.counter("cluster.a.upstream_rq_404", flags: .hiddenWhenZero))
        writer.gauge(store.gauge("server.live", import: .neverImport)).set(1)
        let time = writer.histogram(store.histogram("cluster.a.upstream_rq_time", unit: .milliseconds))
        for value in [1, 42] as [UInt64] { time.record(value) }
        store.closeInterval()
        for value in [44, 44] as [UInt64] { time.record(value) }
        store.closeInterval()
        _ = writer.histogram(store.histogram("a.unused", unit: .bytes))
        return store.snapshot()
    }

    @Test func text() {
        #expect(
            example().formatted(.text) == """
                cluster.a.upstream_rq_200: 3
                cluster.b.upstream_rq_200: 4
                http.i.downstream_rq_2xx: 7
                server.live: 1
                stats.overflow: 0
                a.unused: No recorded values
                cluster.a.upstream_rq_time: P0(44.333333333333336,1.05) P25(44.333333333333336,1.05) \
                P50(44.333333333333336,42.5) P75(44.666666666666664,44.333333333333336) \
                P90(44.666666666666664,44.666666666666664) P95(44.666666666666664,44.666666666666664) \
                P99(44.666666666666664,44.666666666666664) P99.5(44.666666666666664,44.666666666666664) \
                P99.9(44.666666666666664,44.666666666666664) P100(44.666666666666664,44.666666666666664)

                """)
    }

    @Test func histogramsAsBuckets() {
        let only = example().filtered { $0.name == "cluster.a.upstream_rq_time" }
        #expect(
            only.formatted(.text, histograms: .cumulative) == """
                cluster.a.upstream_rq_time: B0.5(0,0) B1(0,1) B5(0,1) B10(0,1) B25(0,1) B50(2,4) B100(2,4) B250(2,4) \
                B500(2,4) B1000(2,4) B2500(2,4) B5000(2,4) B10000(2,4) B30000(2,4) B60000(2,4) B300000(2,4) \
                B600000(2,4) B1.8e+06(2,4) B3.6e+06(2,4)

                """)
        #expect(
            only.formatted(.text, histograms: .disjoint) == """
                cluster.a.upstream_rq_time: B0.5(0,0) B1(0,1) B5(0,0) B10(0,0) B25(0,0) B50(2,3) B100(0,0) B250(0,0) \
                B500(0,0) B1000(0,0) B2500(0,0) B5000(0,0) B10000(0,0) B30000(0,0) B60000(0,0) B300000(0,0) \
                B600000(0,0) B1.8e+06(0,0) B3.6e+06(0,0)

                """)
        let detailed = only.formatted(.text, histograms: .detailed)
        #expect(
            detailed.hasPrefix(
                """
                cluster.a.upstream_rq_time:
                  totals=1,0.1:1, 42,1:1, 44,1:2
                  intervals=44,1:2
                  summary=P0(44.333333333333336,1.05) P25(
                """))
    }

    @Test func json() {
        let six = Array(
            repeating: #"{"cumulative":44.666666666666664,"interval":44.666666666666664}"#, count: 6
        ).joined(separator: ",")
        let empty = Array(repeating: #"{"cumulative":null,"interval":null}"#, count: 10).joined(separator: ",")
        #expect(
            example().formatted(.json)
                == #"{"stats":[{"name":"cluster.a.upstream_rq_200","value":3},"#
                + #"{"name":"cluster.b.upstream_rq_200","value":4},"#
                + #"{"name":"http.i.downstream_rq_2xx","value":7},{"name":"server.live","value":1},"#
                + #"{"name":"stats.overflow","value":0},"#
                + #"{"histograms":{"supported_quantiles":[0,25,50,75,90,95,99,99.5,99.9,100],"computed_quantiles":["#
                + #"{"name":"a.unused","values":[\#(empty)]},"#
                + #"{"name":"cluster.a.upstream_rq_time","values":["#
                + #"{"cumulative":1.05,"interval":44.333333333333336},"#
                + #"{"cumulative":1.05,"interval":44.333333333333336},"#
                + #"{"cumulative":42.5,"interval":44.333333333333336},"#
                + #"{"cumulative":44.333333333333336,"interval":44.666666666666664},"#
                + six + #"]}]}}]}"#)
        #expect(StatsSnapshot(stats: []).formatted(.json) == #"{"stats":[]}"#)
    }

    @Test func namesAreQuoted() {
        #expect(StatsSnapshot.jsonString("a\"b\\c\n\r\t\u{1}é") == #""a\"b\\c\n\r\t\u0001é""#)
    }

    @Test func prometheus() {
        let shown = example().filtered { $0.name != "a.unused" }.formatted(.prometheus)
        #expect(
            shown == """
                # TYPE envoy_cluster_upstream_rq counter
                envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="a"} 3
                envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="b"} 4
                # TYPE envoy_http_downstream_rq_xx counter
                envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="i"} 7
                # TYPE envoy_stats_overflow counter
                envoy_stats_overflow{} 0
                # TYPE envoy_server_live gauge
                envoy_server_live{} 1
                # TYPE envoy_cluster_upstream_rq_time histogram
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="0.5"} 0
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="1"} 1
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="5"} 1
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="10"} 1
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="25"} 1
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="50"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="100"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="250"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="500"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="1000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="2500"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="5000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="10000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="30000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="60000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="300000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="600000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="1800000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="3600000"} 4
                envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="a",le="+Inf"} 4
                envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="a"} 131
                envoy_cluster_upstream_rq_time_count{envoy_cluster_name="a"} 4

                """)
    }

    /// Other characters than letters, digits and underscores become underscores; label values escape.
    @Test func prometheusNamesAndLabels() {
        var stat = StatValue(name: #"cluster.a"\b.x-y z"#, kind: .counter, value: 1)
        stat.tags = TagExtractor.tags(Array(stat.name.utf8))
        #expect(
            StatsSnapshot(stats: [stat]).formatted(.prometheus) == #"""
                # TYPE envoy_cluster_x_y_z counter
                envoy_cluster_x_y_z{envoy_cluster_name="a\"\\b"} 1

                """#)
    }

    @Test func hiddenStatsAppearWhenTheyCount() {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        let counter = writer.counter(store.counter("c", flags: .hiddenWhenZero))
        let histogram = writer.histogram(store.histogram("h", unit: .bytes, flags: .hiddenWhenZero))
        _ = writer.counter(store.counter("shown"))
        #expect(store.snapshot().formatted(.text) == "shown: 0\nstats.overflow: 0\n")
        counter.increment()
        histogram.record(0)
        let shown = store.snapshot().formatted(.text)
        #expect(shown.hasPrefix("c: 1\nshown: 0\nstats.overflow: 0\nh: P0(nan,0) P25(nan,0) "))
        let used = store.snapshot().filtered { $0.isUsed }
        #expect(used.stats.map(\.name) == ["c", "h"])
    }
}
