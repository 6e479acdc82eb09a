import Metrics
import Stats
import StatsMetrics
import Testing

/// Labels and dimensions as names, and back.
@Suite struct MetricNameTests {
    @Test(arguments: [
        ("requests", [], "requests"),
        ("requests", [("method", "GET"), ("code", "200")], "requests;code=200;method=GET"),
        ("requests", [("code", "200"), ("method", "GET")], "requests;code=200;method=GET"),
        ("a.b", [("http.route", "/users/{id}")], "a.b;http.route=/users/{id}"),
        ("two words", [("k\n", "v=w;x")], "two%20words;k%0A=v=w%3Bx"),
        ("50%", [("a=b", "")], "50%25;a%3Db="),
        ("", [], "%"),
        ("größe", [], "gr%C3%B6%C3%9Fe"),
        ("nul\0", [("k", "\u{7f}")], "nul%00;k=%7F"),
        ("http.requests", [("host", "a.b")], "http.requests;host=a.b"),
    ])
    func aNameSaysItAll(label: String, dimensions: [(String, String)], name: String) {
        #expect(MetricName.encode(label: label, dimensions: dimensions) == name)
        let back = MetricName.decode(name)
        #expect(back.label == label)
        #expect(back.dimensions.elementsEqual(dimensions.sorted { $0 < $1 }, by: ==))
    }

    @Test func aUnitBelongsToTheLabel() {
        #expect(MetricName.encode(label: "t", dimensions: [("k", "v")], suffix: "_us") == "t_us;k=v")
        #expect(MetricName.encode(label: "", dimensions: [], suffix: "_us") == "%_us")
    }

    /// What Envoy's rules would find in a name of Envoy's is none of it here.
    @Test func dimensionsAreLabels() throws {
        try withFactories { factory in
            let dimensions = [("envoy_cluster_name", "blue"), ("code", "200")]
            Counter(label: "cluster.a.upstream_rq_200", dimensions: dimensions, factory: factory).increment()
            Counter(label: "http.in.requests", factory: factory).increment(by: 2)
            Gauge(label: "größe", dimensions: [("1st", "\"é\"\n")], factory: factory).record(3)
            let snapshot = factory.snapshot()
            let output = snapshot.formatted(.prometheus)
            #expect(
                output.contains(
                    "# TYPE cluster_a_upstream_rq_200 counter\n"
                        + "cluster_a_upstream_rq_200{code=\"200\",envoy_cluster_name=\"blue\"} 1\n"), "\(output)")
            #expect(
                output.contains("\nhttp_in_requests{} 2\n") && output.contains("\nstats_overflow{} 0\n"), "\(output)")
            #expect(output.contains("\ngr____e{_1st=\"\\\"é\\\"\\n\"} 3\n"), "\(output)")
            #expect(!output.split(separator: "\n").contains { $0.contains("envoy_") && !$0.contains("blue") })
            let gauge = try #require(snapshot.stats.first { $0.name.hasPrefix("gr") })
            #expect(gauge.nameWithoutTags == "gr%C3%B6%C3%9Fe")
            #expect(gauge.labels.map(\.label) == ["_1st"] && gauge.labels.map(\.value) == ["\"é\"\n"])
        }
    }

    @Test func dimensionsAreDifferentStats() throws {
        try withFactories { factory in
            let routes = ["/", "/a b", "/\u{1F680}", "/\n", "/%20", "/a%20b", "", ";", "=", "x=y;z"]
            for (i, route) in routes.enumerated() {
                Counter(label: "rq", dimensions: [("route", route)], factory: factory).increment(by: i + 1)
            }
            // The same ones in another handler, and in another order.
            for dimensions in [[("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]] {
                Counter(label: "rq", dimensions: dimensions, factory: factory).increment()
            }
            #expect(factory.value("rq;a=1;b=2") == 2)
            #expect(factory.value("rq") == nil)
            let stats = factory.snapshot().stats.filter { $0.name.hasPrefix("rq;route=") }
            #expect(stats.count == routes.count)
            for stat in stats {
                let route = MetricName.decode(stat.name).dimensions.first?.1
                #expect(routes.firstIndex { $0 == route } == Int(stat.value) - 1, "\(stat.name)")
            }
        }
    }

    @Test func aLongLabelIsCut() throws {
        try withFactories { factory in
            let long = String(repeating: "n", count: 70_000)
            Counter(label: long, factory: factory).increment(by: 3)
            #expect(factory.value(String(long.prefix(4096))) == 3)
        }
    }
}
