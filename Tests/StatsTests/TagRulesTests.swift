import SharedMemory
import Testing

@testable import Stats

/// Tags of a configuration, as Envoy 1.40 shows them.
@Suite struct TagRulesTests {
    private static func shown(_ names: [String], _ rules: [TagRules.Rule], usesDefaults: Bool = true) throws -> [String]
    {
        let store = StatsStore.heapOnly(naming: .envoy)
        let writer = store.makeWriter()
        for name in names { writer.counter(store.counter(name)).increment() }
        var view = StatsView()
        view.tags = try TagRules(rules, usesDefaults: usesDefaults)
        view.accepts = { !$0.elementsEqual("stats.overflow".utf8) }
        var lines = store.source().lines()
        lines.apply(view, withTags: true)
        var text = ""
        lines.write(.prometheus) { text += String(decoding: $0, as: UTF8.self) }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    @Test func fixedOnesStandBehindThoseOfCodes() throws {
        #expect(
            try Self.shown(
                ["cluster.one.upstream_rq_200", "server.live"], [.fixed(name: "zone.x", value: "a-b")])
                == [
                    #"envoy_cluster_upstream_rq{envoy_response_code="200",zone_x="a-b",envoy_cluster_name="one"} 1"#,
                    #"envoy_server_live{zone_x="a-b"} 1"#,
                ])
    }

    /// The first of a name is the one; the default one does not even cut its part out.
    @Test func theFirstOfAName() throws {
        let rules: [TagRules.Rule] = [
            .fixed(name: "envoy.cluster_name", value: "dup"),
            .expression(name: "uo", text: #"^((clu)ster)?\."#), .expression(name: "emp", text: #"^cluster\.(x?)"#),
        ]
        #expect(
            try Self.shown(["cluster.one.upstream_rq_completed"], rules)
                == [#"envoy__one_upstream_rq_completed{envoy_cluster_name="dup",uo="clu",emp=""} 1"#])
    }

    @Test func withoutTheDefaultOnes() throws {
        let rules: [TagRules.Rule] = [
            .usual(name: "envoy.response_code"), .expression(name: "q", text: "(ups(tre)am_)"),
            .fixed(name: "b c", value: "d\"e"),
        ]
        #expect(
            try Self.shown(["cluster.one.upstream_rq_200", "http.h.downstream_rq_2xx"], rules, usesDefaults: false)
                == [
                    #"envoy_cluster_one_rq{envoy_response_code="200",q="tre",b_c="d\"e"} 1"#,
                    #"envoy_http_h_downstream_rq_2xx{b_c="d\"e"} 1"#,
                ])
    }

    /// An expression without groups finds nothing.
    @Test func withoutGroups() throws {
        #expect(
            try Self.shown(["server.live"], [.expression(name: "a", text: "live")]) == [#"envoy_server_live{} 1"#])
    }

    @Test(arguments: [
        (#"^cluster\.((one)\.)"#, true), ("^cluster.((o)ne.)", false), (#"cluster\."#, false),
        (#"^cluster(?=\.).*"#, true), ("^a$", true), ("^a", false), (#"^\.a"#, false), ("", false),
    ])
    func prefixes(text: String, has: Bool) { #expect(TagRules.hasPrefix(text) == has) }

    @Test(arguments: [
        (0.25, "0.25", "0.25", "0.25"), (250.5, "250.5", "250.5", "250.5"),
        (1e15, "1e+15", "1000000000000000", "1e+15"),
        (1000.123456789, "1000.12", "1000.1234567889999880208051763475", "1000.123456789"),
        (300_000, "300000", "300000", "3e+05"), (1_800_000, "1.8e+06", "1800000", "1800000"),
        (0.0001, "0.0001", "0.00010000000000000000479217360238593", "1e-04"),
    ])
    func bounds(value: Double, stream: String, long: String, json: String) {
        #expect(Numbers.bound(value) == stream)
        #expect(Numbers.longBound(value) == long)
        #expect(Numbers.jsonBound(value) == json)
    }

    /// With tags behind the value they are as Envoy has them; what the protocol is made of is not.
    @Test func inLinesForServers() throws {
        let rules = try TagRules(
            [.fixed(name: "zone.x", value: "a:b|c"), .expression(name: "one,more", text: #"_rq(_(\d))"#)],
            usesDefaults: true)
        let name = Array("cluster.one.upstream_rq_200".utf8)
        name.withUnsafeBufferPointer { name in
            let line = StatsdLine(name: name, tags: rules.tags(of: name), rules: rules)
            var text = OutputBuffer()
            var suffix = OutputBuffer()
            text.beginStatsd(line, StatsdFormat(hasTags: true), suffix: &suffix)
            #expect(text.text == "envoy.cluster.upstream_rq:")
            #expect(
                suffix.text
                    == "|#envoy.response_code:200,zone.x:a_b_c,one_more:2,envoy.cluster_name:one")
        }
    }
}
