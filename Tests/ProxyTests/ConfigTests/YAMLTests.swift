import ProxyConfig
import Testing

@Suite("YAML and hostile text")
struct YAMLTests {
    static let faults: [(text: String, error: String)] = [
        ("", "envoy.yaml:1:1: the text is empty"),
        ("# nothing\n", "envoy.yaml:1:1: the text is empty"),
        ("[]", "envoy.yaml:1:1: expected a mapping with the fields of a bootstrap, got a list"),
        ("~", "envoy.yaml:1:1: expected a mapping with the fields of a bootstrap, got null"),
        (
            "node: {id: a\n",
            "envoy.yaml:2:1: YAML syntax: did not find expected ',' or '}' "
                + "while parsing a flow mapping (from line 1)"
        ),
        (
            "node:\n\tid: a",
            "envoy.yaml:2:1: YAML syntax: found character that cannot start any token "
                + "while scanning for the next token (from line 2)"
        ),
        ("node: {id: a}\n---\nnode: {id: b}", "envoy.yaml:2:1: only one document is supported, this starts a second"),
        ("node: {id: a\u{0}}", "envoy.yaml:1:13: the text holds a NUL byte"),
        ("node:\n  id: \"ä\u{1}\"", "envoy.yaml:2:9: the text holds a control character"),
        ("node: {id: a, cluster: b, id: c}", "envoy.yaml:1:27: duplicate key \"id\", already given in line 1"),
        (
            "node: {id: a}\nadmin: {}\nnode: {id: c}\n",
            "envoy.yaml:3:1: duplicate key \"node\", already given in line 1"
        ),
        ("node: *a", "envoy.yaml:1:7: alias \"a\" names no finished anchor before it"),
        ("node: &a {metadata: {x: *a}}", "envoy.yaml:1:25: alias \"a\" names no finished anchor before it"),
        ("node: {<<: {id: a}}", "envoy.yaml:1:8: merge keys (<<) are not supported; write the fields out"),
        ("{[a]: b}", "envoy.yaml:1:2: a key must be a plain word, not a list"),
        ("node: !mine {id: a}", "envoy.yaml:1:7: YAML tag \"!mine\" is not supported"),
    ]

    @Test("is refused at its line and column", arguments: faults)
    func refused(text: String, error: String) { #expect(errors(text) == [error]) }

    static let badUTF8: [(bytes: [UInt8], column: Int)] = [
        ([0xFF], 9), ([0xC0, 0x80], 9), ([0xED, 0xA0, 0x80], 9), ([0xF5, 0x80, 0x80, 0x80], 9),
        ([0xC3, 0xA4, 0xE2, 0x82], 10),
    ]

    @Test("invalid UTF-8 is refused", arguments: badUTF8)
    func invalidUTF8(bytes: [UInt8], column: Int) {
        let text = Array("node:\n  id: \"".utf8.dropLast()) + Array("\"a".utf8) + bytes + Array("\"\n".utf8)
        #expect(errors(bytes: text) == ["envoy.yaml:2:\(column): the text is not valid UTF-8"])
    }

    /// Few keys are compared one by one, many by hash: the same is found.
    @Test("equal keys are refused, however many there are", arguments: [2, 16, 17, 18, 40])
    func equalKeys(count: Int) {
        var keys = (0..<count).map { "key\($0)" }
        keys += ["key0", "key\(count - 1)", "more", "more"]
        let text = "node:\n  metadata:\n" + keys.map { "    \($0): 1\n" }.joined()
        #expect(
            errors(text) == [
                "envoy.yaml:\(count + 3):5: duplicate key \"key0\", already given in line 3",
                "envoy.yaml:\(count + 4):5: duplicate key \"key\(count - 1)\", already given in line \(count + 2)",
                "envoy.yaml:\(count + 6):5: duplicate key \"more\", already given in line \(count + 5)",
            ])
    }

    @Test("deep nesting is refused", arguments: ["[", "{a: ", "- "])
    func nesting(_ open: String) {
        let text = "node: {metadata: \(String(repeating: open, count: 100_000))"
        let found = errors(open == "- " ? String(repeating: open, count: 100_000) : text)
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(": nested deeper than 100 levels") == true)
    }

    @Test("aliases that multiply are refused")
    func aliasBomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(errors(text) == ["envoy.yaml:5:45: aliases expand to more than 100000 nodes"])
    }

    @Test("aliases stacked in depth are refused")
    func aliasDepth() {
        let half = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        let text = "node: {metadata: {a: &a \(half), b: \(half.replacingMiddle(with: "*a"))}}"
        #expect(errors(text).first?.hasSuffix("nested deeper than 100 levels") == true)
    }

    @Test("random damage never crashes and every error is one line")
    func damage() {
        let original = Array(Sample.route("{match: {prefix: /}, route: {cluster: c}}").utf8)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var text = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            for line in errors(bytes: text) {
                #expect(line.hasPrefix("envoy.yaml:"))
                #expect(!line.contains("\n"))
            }
        }
    }

    @Test("an anchor's value is read at each alias")
    func alias() throws {
        let loaded = try load("node: {id: &name one, cluster: *name}")
        #expect(loaded.bootstrap.node.id == "one")
        #expect(loaded.bootstrap.node.cluster == "one")
    }

    @Test("a byte order mark, comments, CRLF and an end marker are fine")
    func forms() throws {
        #expect(try load("\u{FEFF}# c\r\nnode:\r\n  id: x # c\r\n...\r\n").bootstrap.node.id == "x")
    }

    @Test("JSON in camelCase is read like YAML")
    func json() throws {
        let text = """
            {"staticResources": {"clusters": [{"name": "c", "connectTimeout": "1.5s", "dnsLookupFamily": "V6_ONLY",
              "type": "STRICT_DNS", "perConnectionBufferLimitBytes": "4096", "altStatName": "\\u00e4"}]},
             "statsFlushInterval": "1s"}
            """
        let loaded = try load(text)
        let cluster = try #require(loaded.bootstrap.clusters.first)
        #expect(cluster.connectTimeoutMs == 1500)
        #expect(cluster.dnsFamily == .v6Only)
        #expect(cluster.bufferLimit == 4096)
        #expect(cluster.altStatName == "ä")
        #expect(cluster.location == SourceLocation(file: "envoy.yaml", line: 1, column: 35))
        #expect(loaded.bootstrap.statsFlushIntervalMs == 1000)
    }

    @Test("one field in both spellings is an error")
    func bothSpellings() {
        #expect(
            errors("stats_flush_interval: 1s\nstatsFlushInterval: 2s") == [
                "envoy.yaml:2:1: statsFlushInterval: field given twice, already as \"stats_flush_interval\" in line 1"
            ])
    }
}

extension String {
    /// The text put between the two halves.
    fileprivate func replacingMiddle(with text: String) -> String { prefix(count / 2) + text + suffix(count / 2) }
}
