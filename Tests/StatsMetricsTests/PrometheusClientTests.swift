import Metrics
import PrometheusTesting
import RegionTesting
import SharedMemory
import StatsMetrics
import Testing
import ThreadTesting

@testable import Stats

/// What `statdump --format prometheus` prints, read by Prometheus' own parser.
@Suite(.timeLimit(.minutes(Pace.minutes(2))))
struct PrometheusClientTests {
    typealias Sample = PrometheusClient.Sample

    private func read(_ scratch: Scratch) throws -> PrometheusClient {
        try PrometheusClient(
            Command.output(
                Command.product("statdump"), ["--base-id", "\(scratch.baseID)", "--format", "prometheus"]))
    }

    @Test func metricsAreRead() throws {
        try withScratch { scratch in
            let factory = try StatsMetricsFactory(baseID: scratch.baseID)
            let odd = "\"quoted\" \\back\\ \n{},=# \u{1F680}"
            let dimensions = [("method", "GET"), ("http.response.status_code", "200"), ("odd", odd)]
            Counter(label: "http.requests", dimensions: dimensions, factory: factory).increment(by: 3)
            Counter(label: "http.requests", dimensions: [("method", "PUT")], factory: factory).increment(by: 4)
            Counter(label: "cluster.a.upstream_rq_200", factory: factory).increment(by: 5)
            Meter(label: "temperature", dimensions: [("le", "1"), ("2nd", "")], factory: factory).set(6)
            Timer(label: "time", dimensions: [("route", "/")], factory: factory).recordMicroseconds(70)
            let read = try read(scratch)
            #expect(
                read.named("http_requests") == [
                    Sample(
                        "counter", "http_requests", ["http_response_status_code": "200", "method": "GET", "odd": odd], 3
                    ),
                    Sample("counter", "http_requests", ["method": "PUT"], 4),
                ])
            #expect(
                read.named("cluster_a_upstream_rq_200") == [Sample("counter", "cluster_a_upstream_rq_200", [:], 5)])
            #expect(
                read.named("temperature") == [Sample("gauge", "temperature", ["exported_le": "1", "_2nd": ""], 6)])
            #expect(read.named("time_us_sum") == [Sample("histogram", "time_us_sum", ["route": "/"], 70)])
            #expect(
                read.named("time_us_bucket").contains(
                    Sample("histogram", "time_us_bucket", ["route": "/", "le": "100"], 1)))
            #expect(read.named("stats_overflow").map(\.value) == [0])
            withExtendedLifetime(factory) {}
        }
    }

    /// Names of another program and of Envoy's kind in one region, most of them made to be hard to tell apart.
    @Test func oddNamesAreRead() throws {
        try withScratch { scratch in
            let factory = try StatsMetricsFactory(baseID: scratch.baseID)
            let region = try scratch.member()
            let envoy = StatsStore(region: region, naming: .envoy)
            let writer = envoy.makeWriter()
            var value: Int64 = 0
            func next() -> Int64 {
                value += 1
                return value
            }
            let names = [
                "a.b", "a_b", "a b", "", "5xx", "h", "h_sum", "h.count", "x\u{1b}[2J", "x\\x1b[2J", "# TYPE a counter",
                "line\nfake 1", "quote\"", "back\\slash", "tab\t", "\u{85}", "\u{2028}", "\u{1F680}", "{}",
                "envoy_e_a_b",
            ]
            for name in names {
                for dimensions in [
                    [], [("k.l", name)], [("k_l", name), ("k.l", name)], [("stat", "a.b"), ("le", "2")],
                ] {
                    Counter(label: name, dimensions: dimensions, factory: factory).increment(by: next())
                    Meter(label: name, dimensions: dimensions, factory: factory).set(next())
                    Recorder(label: name, dimensions: dimensions, factory: factory).record(next())
                }
                for name in ["cluster.\(name).rq_200", "cluster.\(name)_.rq_200", "e.\(name)"] {
                    writer.counter(envoy.counter(name)).add(UInt64(next()))
                    writer.gauge(envoy.gauge(name, import: .accumulate)).set(UInt64(next()))
                    let histogram = writer.histogram(envoy.histogram(name, unit: .bytes))
                    envoy.topUp()
                    histogram.record(UInt64(next()))
                }
            }
            // No store makes these: names that are no UTF-8, two of one name.
            for name in [[0x78, 0xff], [0x78, 0xfe], [0xc3, 0x28], [0x61], [0x61]] as [[UInt8]] {
                let cell = try region.append(
                    cells: 1, find: { nil },
                    make: { cell in
                        NameRecord.encode(
                            name: name, kind: .counter, unit: .bytes, gaugeImport: .accumulate, flags: [], value: cell)
                    })
                try region.claimPlane(gauges: { [] }).cell(cell, cells: 1).pointee = UInt64(next())
            }
            let read = try read(scratch)
            // Each of them once, a histogram by its sum; what the region says of itself is zero but for these.
            let values = read.samples.filter { sample in
                sample.type != "histogram" || sample.name.hasSuffix("_sum")
            }.filter { !$0.name.hasPrefix("envoy_stats_") && !$0.name.hasPrefix("envoy_server_") }.map {
                Int64($0.value)
            }
            #expect(values.sorted() == Array(1...value))
            #expect(read.named("a_b").contains { $0.labels == ["stat": "a.b", "le": "2"] } == false, "le is kept free")
            #expect(read.samples.contains { $0.labels["envoy_cluster_name"] == "back\\slash" })
            withExtendedLifetime(factory) {}
        }
    }

    @Test(arguments: [
        "# TYPE a counter\na{} 1\na{} 2\n", "# TYPE a counter\na{} 1\n# TYPE a gauge\na{} 1\n", "a 1\n",
        "# TYPE a counter\na{b=\"1} 1\n", "# TYPE a counter\na{} one\n",
        "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# TYPE h_sum gauge\nh_sum{a=\"1\"} 1\n",
    ]) func whatIsNoneIsRefused(text: String) {
        #expect(throws: Command.Failure.self) { try PrometheusClient(text) }
    }
}
