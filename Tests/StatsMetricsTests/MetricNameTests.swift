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
        // A tag of Envoy's ends at the next dot: it must not be one of a dimension's.
        ("http.requests", [("host", "a.b")], "http.requests;host=a%2Eb"),
        ("http.server.requests", [("host", "a.b")], "http.server.requests;host=a.b"),
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

    @Test(arguments: [
        ("cluster.upstream_rq_total", [("envoy_cluster_name", "blue")], "cluster.blue.upstream_rq_total"),
        ("cluster.upstream_rq_total", [("envoy_cluster_name", "a.b")], "cluster.a%2Eb.upstream_rq_total"),
        ("http.downstream_rq_total", [("envoy_http_conn_manager_prefix", "in")], "http.in.downstream_rq_total"),
        ("vhost.upstream_rq", [("envoy_virtual_host", "site")], "vhost.site.upstream_rq"),
        (
            "cluster.upstream_rq", [("envoy_response_code", "200"), ("envoy_cluster_name", "blue")],
            "cluster.blue.upstream_rq_200"
        ),
        ("upstream_rq", [("envoy_response_code", "200"), ("x", "y")], "upstream_rq;envoy_response_code=200;x=y"),
        ("upstream_rq", [("envoy_cluster_name", "blue")], "upstream_rq;envoy_cluster_name=blue"),
    ])
    func whatEnvoyHasATagForIsWhereEnvoyHasIt(label: String, dimensions: [(String, String)], name: String) {
        #expect(MetricName.encode(label: label, dimensions: dimensions) == name)
    }

    @Test func envoysTagsComeOutAsLabels() throws {
        try withFactories { factory in
            let dimensions = [("envoy_cluster_name", "blue"), ("envoy_response_code", "200")]
            Counter(label: "cluster.upstream_rq", dimensions: dimensions, factory: factory).increment()
            Counter(label: "http.requests", dimensions: [("host", "a.b")], factory: factory).increment()
            let output = factory.snapshot().formatted(.prometheus)
            #expect(
                output.contains(
                    "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"blue\"} 1\n"),
                "\(output)")
            #expect(output.contains("envoy_http_requests"), "\(output)")
            #expect(!output.contains("conn_manager_prefix"), "\(output)")
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
