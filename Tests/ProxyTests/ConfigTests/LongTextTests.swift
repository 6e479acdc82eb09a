import ProxyConfig
import Testing

/// Of texts of more than 64 KiB libyaml's events come from another thread, and clusters are decoded while the text is read.
@Suite("Long texts")
struct LongTextTests {
    static let count = 3_000

    /// Each cluster takes two lines, the first begins in line 3. `change` replaces some.
    static func text(_ change: [Int: String] = [:], clusters: String = "", rest: String = "") -> String {
        var text = "static_resources:\n  clusters:\(clusters)\n"
        for i in 0..<count {
            text += change[i] ?? "  - name: cluster\(i)\n    connect_timeout: \(i + 1)s\n"
        }
        return text + rest
    }

    @Test("every cluster is there, in order, at its place")
    func clusters() throws {
        let bootstrap = try load(Self.text())
        #expect(bootstrap.clusters.map(\.name) == (0..<Self.count).map { "cluster\($0)" })
        #expect(bootstrap.clusters.map(\.connectTimeoutMs) == (0..<Self.count).map { UInt64($0 + 1) * 1000 })
        #expect(bootstrap.clusters.map(\.location.line) == (0..<Self.count).map { 2 * $0 + 3 })
    }

    @Test("errors are told in the order of the text, those of clusters and others, across all of it")
    func errorsInOrder() {
        let change = [
            1: "  - name: cluster1\n    connect_time: 1s\n", 2000: "  - [1]\n\n",
            2999: "  - name: cluster7\n    type: STATIC\n",
        ]
        #expect(
            errors(Self.text(change, rest: "nodes: {}\n") + "#\n") == [
                "envoy.yaml:6:5: static_resources.clusters[1].connect_time: unknown field \"connect_time\" "
                    + "(did you mean \"connect_timeout\"?)",
                "envoy.yaml:4003:5: static_resources.clusters[2000]: expected a mapping, got a list",
                "envoy.yaml:6001:11: static_resources.clusters[2999].name: duplicate cluster name \"cluster7\", "
                    + "already in line 17",
                "envoy.yaml:6003:1: nodes: unknown field \"nodes\" (did you mean \"node\"?)",
            ])
    }

    @Test("of a text that ends as no YAML only that is told")
    func brokenEnd() {
        let change = [1: "  - name: cluster1\n    connect_time: 1s\n"]
        #expect(
            errors(Self.text(change, rest: "node: {id: a\n")) == [
                "envoy.yaml:6004:1: YAML syntax: did not find expected ',' or '}' while parsing a flow mapping (from line 6003)"
            ])
    }

    @Test("reading stops far before the end", arguments: [0, 1_500, 2_999])
    func stops(at position: Int) {
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        let text = Self.text([position: "  - name: \(deep)\n    type: STATIC\n"])
        #expect(errors(text) == ["envoy.yaml:\(2 * position + 3):108: nested deeper than 100 levels"])
    }

    @Test("a scalar may be longer than what is handed over at once")
    func longScalar() throws {
        let name = String(repeating: "n", count: 400_000)
        #expect(try load("node: {id: \(name)}\n" + Self.text()).node.id == name)
    }

    @Test("a list of clusters with an anchor can be used elsewhere")
    func anchoredList() throws {
        let text = Self.text(clusters: " &all", rest: "node: {metadata: {list: *all}}\n")
        #expect(try load(text).clusters.count == Self.count)
    }

    @Test(
        "clusters that stand elsewhere are found: behind an alias, under the other spelling, in the text of the command line"
    )
    func elsewhere() throws {
        let list = (0..<Self.count).map { "{name: c\($0)}" }.joined(separator: ",\n")
        for text in [
            "node: {metadata: {list: &all [\(list)]}}\nstatic_resources: {clusters: *all}",
            "staticResources: {clusters: [\(list)]}",
        ] {
            #expect(try load(text).clusters.count == Self.count)
        }
        let merged = try BootstrapLoader.load(
            file: ("envoy.yaml", Array(Self.text().utf8)),
            inline: Array("static_resources: {clusters: [{name: more}]}".utf8))
        #expect(merged.bootstrap.clusters.count == Self.count + 1)
        #expect(merged.bootstrap.clusters.last?.name == "more")
    }

    @Test("a second list of clusters is an error, and what stands in it is not told twice")
    func twice() {
        let text = "static_resources:\n  clusters: [{name: a}]\n  clusters: [{name: a, x: 1}]\n"
        #expect(errors(text) == ["envoy.yaml:3:3: duplicate key \"clusters\", already given in line 2"])
    }

    private func load(_ text: String) throws -> Bootstrap {
        try BootstrapLoader.load(file: ("envoy.yaml", Array(text.utf8)), inline: nil).bootstrap
    }
}
