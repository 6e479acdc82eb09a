import Testing

@testable import Stats
@testable import statdump

/// Names that somebody wrote into a region to do harm, in every form of output.
struct OutputSafetyTests {
    static let hostile = [
        "plain", "cluster.a\u{1b}[2J.x", "cluster.\n# TYPE x counter.y", "line\nfake: 1", "tab\tand\rreturn",
        "\u{7f}del",
        "c1\u{9b}31m", "quote\"back\\slash", "http.p\u{0}\u{85}.rq", "cluster.a.b.c", "cluster.a.b_c", "é", ",\"csv\"",
        "=1+1",
    ]

    private func snapshot() -> StatsSnapshot {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        for (i, name) in Self.hostile.enumerated() {
            writer.counter(store.counter(name)).add(UInt64(i))
            writer.histogram(store.histogram("h." + name, unit: .bytes)).record(UInt64(i * i))
            writer.text(store.text("t." + name)).set(name)
        }
        return store.snapshot()
    }

    private func hasControls(_ text: String, except allowed: [Unicode.Scalar] = ["\n"]) -> Bool {
        text.unicodeScalars.contains { ControlCharacters.has($0) && !allowed.contains($0) }
    }

    @Test func text() {
        let text = snapshot().formatted(.text)
        #expect(!hasControls(text))
        #expect(text.contains("\nline\\nfake: 1: 3\n") && text.contains(#"cluster.a\x1b[2J.x: 1"#))
        #expect(text.contains(#"c1\x9b31m: 6"#) && text.contains(#"\x7fdel: 5"#))
    }

    @Test func json() throws {
        let bytes = Array(snapshot().formatted(.json).utf8)
        #expect(!hasControls(String(decoding: bytes, as: UTF8.self), except: []))
        let items = try #require(try JSONValue(bytes)["stats"]?.array)
        let names = Set(items.compactMap { $0["name"]?.string })
        #expect(names.isSuperset(of: Self.hostile))
    }

    @Test func prometheus() throws {
        let text = snapshot().formatted(.prometheus)
        #expect(!hasControls(text))
        let read = try PrometheusText(text)
        // Two names that a metric name cannot tell apart.
        #expect(read.samples.contains { $0.labels == ["envoy_cluster_name": "a", "stat": "cluster.a.b_c"] })
        #expect(read.samples.contains { $0.labels["envoy_cluster_name"] == #"a\x1b[2J"# })
        #expect(read.types["envoy_plain"] == "counter")
    }

    @Test func csv() {
        let stats = snapshot().stats
        let table = Table(
            columns: ["value"], rows: stats.map { .init(name: $0.name, kind: $0.kind, cells: [$0.cell]) })
        #expect(!hasControls(table.csv, except: ["\r", "\n"]))
        #expect(table.csv.contains("\r\n\",\"\"csv\"\"\",counter,12\r\n"))
        #expect(table.csv.split(separator: "\r\n").count == stats.count + 1)
        #expect(!hasControls(table.text) && !hasControls(table.json))
    }

    /// The strict parser is one.
    @Test(arguments: [
        "a 1", "a 1\n", "# TYPE a counter\na{} x\n", "# TYPE a counter\nb{} 1\n", "# TYPE a counter\na{x=\"\\t\"} 1\n",
        "# TYPE a counter\na{} 1\na{} 2\n", "# TYPE a counter\n# TYPE a gauge\n", "# TYPE 1a counter\n1a 1\n",
        "# TYPE a counter\na{x=\"1\"\n", "# TYPE a counter\n\na 1\n", "# TYPE a counter\na{x=\"1\",x=\"2\"} 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
        "# TYPE a_sum gauge\na_sum 1\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a_sum gauge\n# TYPE a histogram\n",
    ]) func whatIsNotPrometheusIsRefused(text: String) {
        #expect(throws: PrometheusText.Invalid.self) { try PrometheusText(text) }
    }
}
