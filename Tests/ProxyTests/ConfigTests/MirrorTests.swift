import Testing

@testable import ProxyConfig

/// `request_mirror_policies`.
@Suite struct MirrorTests {
    private static func route(_ policies: String) -> String {
        Sample.route("{match: {prefix: /}, route: {cluster: c, request_mirror_policies: [\(policies)]}}")
    }

    @Test func everyField() throws {
        let loaded = try load(
            Self.route(
                """
                {cluster: c, runtime_fraction: {default_value: {numerator: 5, denominator: MILLION}, runtime_key: k},
                disable_shadow_host_suffix_append: true, trace_sampled: false, host_rewrite_literal: h,
                request_headers_mutations: [{remove: X-A}, {append: {header: {key: x-b, value: b}}}]},
                {cluster_header: X-To}
                """))
        let all = try #require(loaded.forward?.mirrors)
        #expect(all.map(\.target) == [.cluster("c"), .header("x-to")])
        let first = try #require(all.first)
        #expect(first.fraction == RuntimeFraction(FractionalPercent(5, of: 1_000_000), key: "k"))
        #expect(!first.appendsSuffix && first.host == "h")
        #expect(first.changes.map(\.removed) == [["x-a"], []] && first.changes.last?.added.map(\.name) == ["x-b"])
        #expect(all.last?.appendsSuffix == true && all.last?.fraction == nil && all.last?.host == nil)
    }

    @Test(arguments: [
        ("{}", "one of cluster, cluster_header is required"),
        ("{cluster: c, cluster_header: x}", "only one of"),
        ("{cluster: nope}", "nope"),
        ("{cluster_header: 'a b'}", "\"a b\" is not the name of a header"),
        ("{cluster: c, runtime_key: k}", "replaced by runtime_fraction"),
        ("{cluster: c, request_headers_mutations: [{remove: host}]}", "neither host nor names"),
    ])
    func refused(policy: String, message: String) {
        let found = errors(Self.route(policy))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }
}
