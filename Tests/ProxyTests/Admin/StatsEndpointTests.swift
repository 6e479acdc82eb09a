import Testing

@testable import Proxy

@Suite("Admin stats")
struct StatsEndpointTests {
    let context = FakeContext()

    init() {
        context.count("http.in.downstream_rq_total", 3)
        context.count("http.in.downstream_rq_2xx", 0)
        context.set("http.in.downstream_rq_active", 1)
        context.record("http.in.downstream_rq_time", 5)
        context.record("http.out.downstream_rq_time")
    }

    /// The names that a query shows.
    private func names(_ query: String) -> [String] {
        let body = context.get("/stats\(query)").body
        return body.split(separator: "\n").map { String($0.prefix { $0 != ":" }) }
    }

    @Test(
        "What is shown",
        arguments: [
            ("?filter=^http", [0, 1, 2, 3, 4]), ("?filter=%5Ehttp", [0, 1, 2, 3, 4]), ("?filter=rq_total$", [2]),
            ("?usedonly", [1, 2, 3]), ("?usedonly&filter=time", [3]), ("?type=Counters&filter=^http", [0, 2]),
            ("?type=Gauges", [1]), ("?type=Histograms", [3, 4]), ("?type=TextReadouts", []),
            ("?type=All&usedonly=", [1, 2, 3]), ("?filter=http&invert_filter&usedonly", []),
            ("?type=&filter=&usedonly", [1, 2, 3]), ("?hidden=only", []), ("?hidden=include&usedonly", [1, 2, 3]),
        ])
    func shown(query: String, expected: [Int]) {
        let all = [
            "http.in.downstream_rq_2xx", "http.in.downstream_rq_active", "http.in.downstream_rq_total",
            "http.in.downstream_rq_time", "http.out.downstream_rq_time",
        ]
        #expect(names(query) == expected.map { all[$0] })
    }

    @Test("Text")
    func text() {
        #expect(
            context.get("/stats?filter=rq_(total|active)$")
                == .text(
                    "http.in.downstream_rq_active: 1\nhttp.in.downstream_rq_total: 3\n"))
        #expect(context.get("/stats?filter=out").body == "http.out.downstream_rq_time: No recorded values\n")
    }

    @Test("Histograms, each way")
    func histograms() {
        func line(_ mode: String) -> String {
            context.get("/stats?filter=in.downstream_rq_time&histogram_buckets=\(mode)").body
        }
        #expect(line("cumulative").hasPrefix("http.in.downstream_rq_time: B0.5(0,0) B1(0,0) B5("))
        #expect(line("disjoint").hasPrefix("http.in.downstream_rq_time: B0.5(0,0)"))
        #expect(line("detailed").hasPrefix("http.in.downstream_rq_time:\n  totals=5,"))
        #expect(line("summary").hasPrefix("http.in.downstream_rq_time: P0("))
        #expect(line("none") == line("summary"))
    }

    @Test("Histograms in JSON and Prometheus, each way")
    func histogramForms() {
        func answer(_ query: String) -> String { context.get("/stats\(query)&filter=in.downstream_rq_time").body }
        let start = "{\"stats\":[{\"histograms\":"
        let name = "{\"name\":\"http.in.downstream_rq_time\","
        let cumulative = answer("?format=json&histogram_buckets=cumulative")
        #expect(cumulative.hasPrefix(start + "[" + name + "\"buckets\":["))
        #expect(cumulative.contains("[{\"upper_bound\":0.5,\"interval\":0,\"cumulative\":0},"))
        #expect(cumulative.contains("{\"upper_bound\":3e+05,\"interval\":0,\"cumulative\":1},{\"upper_bound\":6e+05,"))
        #expect(cumulative.hasSuffix("{\"upper_bound\":3600000,\"interval\":0,\"cumulative\":1}]}]}]}"))
        let disjoint = answer("?format=json&histogram_buckets=disjoint")
        #expect(disjoint.contains("{\"upper_bound\":5,\"interval\":0,\"cumulative\":1}"))
        #expect(disjoint.contains("{\"upper_bound\":10,\"interval\":0,\"cumulative\":0}"))
        let detailed = answer("?format=json&histogram_buckets=detailed")
        #expect(
            detailed.hasPrefix(
                start + "{\"supported_percentiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"details\":[" + name
                    + "\"totals\":[{\"lower_bound\":5,\"width\":0.1,\"count\":1}],\"intervals\":[],"
                    + "\"percentiles\":[{\"cumulative\":5.05,\"interval\":null}"))
        #expect(detailed.hasSuffix("]}]}}]}"))
        let summary = answer("/prometheus?histogram_buckets=summary")
        let metric = "envoy_http_downstream_rq_time"
        #expect(
            summary.hasPrefix(
                "# TYPE \(metric) summary\n\(metric){envoy_http_conn_manager_prefix=\"in\",quantile=\"0\"} 5.05\n"))
        #expect(summary.hasSuffix("\(metric)_count{envoy_http_conn_manager_prefix=\"in\"} 1\n"))
    }

    @Test("JSON and Prometheus")
    func forms() {
        #expect(
            context.get("/stats?format=json&filter=rq_total")
                == .json("{\"stats\":[{\"name\":\"http.in.downstream_rq_total\",\"value\":3}]}"))
        let answer = context.get("/stats/prometheus?filter=rq_total")
        #expect(answer.content == .text)
        #expect(answer.body.hasPrefix("# TYPE envoy_http_downstream_rq_total counter\n"))
        #expect(context.get("/stats?format=prometheus&filter=rq_total") == answer)
        #expect(context.get("/stats/prometheus?format=nonsense&filter=rq_total") == answer)
    }

    @Test(
        "Queries that cannot be answered",
        arguments: [
            ("/stats?filter=(", "Invalid re2 regex: missing ): ("),
            ("/stats/prometheus?filter=(", "Invalid re2 regex: missing ): ("),
            ("/stats?format=foo", "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n"),
            ("/stats?type=Foo", "invalid &type= param"), ("/stats?type=counters", "invalid &type= param"),
            (
                "/stats?histogram_buckets=foo",
                "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n"
            ),
            ("/stats?hidden=foo", "usage: /stats?hidden=(include|only|exclude)\n\n"),
            ("/stats/prometheus?histogram_buckets=detailed", "unsupported prometheus histogram bucket mode"),
        ])
    func refused(target: String, body: String) {
        #expect(context.get(target) == .text(body, status: 400))
    }
}
