import Testing

@testable import ProxyConfig

/// `virtual_clusters` of virtual hosts and `stat_prefix` of routes.
@Suite struct RequestClassConfigTests {
    private static func hosts(_ clusters: String, route: String = "") -> String {
        let route = "{match: {prefix: /}, route: {cluster: c}\(route)}"
        let host = "{name: v, domains: [\"*\"], routes: [\(route)], virtual_clusters: \(clusters)}"
        return Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {virtual_hosts: [\(host)]}")
    }

    @Test func whatIsCountedApart() throws {
        let text = Self.hosts(
            "[{name: a, headers: [{name: ':path', prefix_match: /a}, {name: X, present_match: true, invert_match: true}]}, "
                + "{name: b, headers: [{name: ':method', string_match: {exact: POST}}]}]", route: ", stat_prefix: r")
        let loaded = try load(text)
        #expect(loaded.route?.statPrefix == "r")
        let host = try #require(loaded.http?.routes.virtualHosts.first)
        #expect(host.virtualClusters.map(\.name) == ["a", "b"])
        #expect(host.virtualClusters[0].headers.map(\.name) == [":path", "x"])
        #expect(host.virtualClusters[0].headers[1].isInverted)
    }

    @Test(arguments: [
        ("[{headers: [{name: x}]}]", "required field \"name\" is missing"),
        ("[{name: '', headers: [{name: x}]}]", "virtual_clusters[0].name"),
        ("[{name: a}]", "required field \"headers\" is missing"),
        ("[{name: a, headers: []}]", "virtual_clusters[0].headers: must have at least one matcher"),
        ("[{name: a, headers: [{name: x, string_match: {safe_regex: {regex: '('}}}]}]", "bad regular expression"),
        ("[{name: a, pattern: /x, headers: [{name: x}]}]", "pattern: unknown field"),
    ])
    func whatIsWrong(clusters: String, message: String) {
        let found = errors(Self.hosts(clusters))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
