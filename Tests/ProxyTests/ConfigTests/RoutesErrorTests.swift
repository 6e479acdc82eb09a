import Testing

@Suite("Errors of the routes")
struct RoutesErrorTests {
    static let cases: [(text: String, errors: [String])] = [
        (
            Sample.hosts("{domains: [\"*\"]}"),
            [
                "envoy.yaml:8:1: \(Sample.typedConfig).route_config.virtual_hosts[0]: required field \"name\" is "
                    + "missing"
            ]
        ),
        (
            Sample.hosts("{name: v, domains: [\"a\", \"A\"]}"),
            [
                "envoy.yaml:8:26: \(Sample.typedConfig).route_config.virtual_hosts[0].domains[1]: duplicate domain "
                    + "\"a\", already in line 8"
            ]
        ),
        (
            Sample.hosts("{name: v, domains: [a]},\n{name: v, domains: [a]}"),
            [
                "envoy.yaml:9:8: \(Sample.typedConfig).route_config.virtual_hosts[1].name: duplicate virtual host "
                    + "name \"v\", already in line 8",
                "envoy.yaml:9:21: \(Sample.typedConfig).route_config.virtual_hosts[1].domains[0]: duplicate domain "
                    + "\"a\", already in line 8",
            ]
        ),
        (
            Sample.hosts("{name: v, domains: []}"),
            [
                "envoy.yaml:8:20: \(Sample.typedConfig).route_config.virtual_hosts[0].domains: must have at least "
                    + "one domain, [\"*\"] for all"
            ]
        ),
        (
            Sample.hosts("{name: v, domains: [\"a*b\", \"*a*\", \"\"]}"),
            [
                "envoy.yaml:8:21: \(Sample.typedConfig).route_config.virtual_hosts[0].domains[0]: \"a*b\": a "
                    + "domain may have one *, at its start or at its end",
                "envoy.yaml:8:28: \(Sample.typedConfig).route_config.virtual_hosts[0].domains[1]: \"*a*\": a "
                    + "domain may have one *, at its start or at its end",
                "envoy.yaml:8:35: \(Sample.typedConfig).route_config.virtual_hosts[0].domains[2]: must not be empty",
            ]
        ),
        (
            Sample.hosts("{name: v, domains: \"*\"}"),
            [
                "envoy.yaml:8:20: \(Sample.typedConfig).route_config.virtual_hosts[0].domains: expected a list, "
                    + "got \"*\""
            ]
        ),
        (
            Sample.hosts("{name: v}, {name: w}"),
            [
                "envoy.yaml:8:12: \(Sample.typedConfig).route_config.virtual_hosts[1]: duplicate domain \"*\", "
                    + "already in line 8"
            ]
        ),
        (
            Sample.hosts("{name: v, domains: [\"*\"], require_tls: SOME, cors: {}}"),
            [
                "envoy.yaml:8:40: \(Sample.typedConfig).route_config.virtual_hosts[0].require_tls: unknown value "
                    + "\"SOME\"; supported: NONE, EXTERNAL_ONLY, ALL"
            ]
        ),
        (
            Sample.route("{}"),
            [
                "envoy.yaml:8:1: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0]: required field "
                    + "\"match\" is missing",
                "envoy.yaml:8:1: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0]: one of route, "
                    + "direct_response, redirect is required",
            ]
        ),
        (
            Sample.route("{match: {}, route: {}}"),
            [
                "envoy.yaml:8:9: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match: one of "
                    + "prefix, path, path_separated_prefix, safe_regex, connect_matcher is required",
                "envoy.yaml:8:20: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route: one of "
                    + "cluster, cluster_header, weighted_clusters is required",
            ]
        ),
        (
            Sample.route("{match: {prefix: /, path: /a}, route: {cluster: c}}"),
            [
                "envoy.yaml:8:21: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match: only one of "
                    + "prefix, path may be given"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {cluster: c}, direct_response: {status: 200}}"),
            [
                "envoy.yaml:8:43: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0]: only one of "
                    + "route, direct_response may be given"
            ]
        ),
        (
            Sample.route("{match: {safe_regex: {regex: '('}}, route: {cluster: c}}"),
            [
                "envoy.yaml:8:30: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match.safe_regex.regex: "
                    + "bad regular expression \"(\": missing ): ("
            ]
        ),
        (
            Sample.route("{match: {regex: a}, route: {cluster: c}}"),
            [
                "envoy.yaml:8:10: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match.regex: "
                    + "\"regex\" is an Envoy field that this build does not support; a field of the v2 API"
            ]
        ),
        (
            Sample.route("{match: {connect_matcher: {}}, route: {cluster: c, prefix_rewrite: /a}}"),
            [
                "envoy.yaml:8:1: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0]: a rewrite has "
                    + "nothing to rewrite where a connect_matcher is: CONNECT has no path"
            ]
        ),
        (
            Sample.route(
                "{match: {prefix: /}, route: {cluster: c, upgrade_configs: [{upgrade_type: websocket, "
                    + "connect_config: {}}, {upgrade_type: CONNECT, connect_config: {allow_post: true}}]}}"),
            [
                "envoy.yaml:8:102: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.upgrade_configs[0]"
                    + ".connect_config: only an upgrade of type CONNECT has a connect_config",
                "envoy.yaml:8:148: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.upgrade_configs[1]"
                    + ".connect_config.allow_post: \"allow_post\" is an Envoy field that this build does not support",
            ]
        ),
        (
            Sample.route("{match: {path_separated_prefix: /a/}, route: {cluster: c}}"),
            [
                "envoy.yaml:8:33: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match.path_separated_prefix: \"/a/\" must have two characters or more, no ? or #, and not end with /"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {cluster: some}}"),
            [
                "envoy.yaml:8:39: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.cluster: "
                    + "cluster \"some\" does not exist"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {weighted_clusters: {}}}"),
            [
                "envoy.yaml:8:49: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.weighted_clusters: "
                    + "required field \"clusters\" is missing"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {cluster: c, timeout: -0.5s, idle_timeout: 1.0000000001s}}"),
            [
                "envoy.yaml:8:51: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.timeout: "
                    + "duration -0.5s must not be negative",
                "envoy.yaml:8:72: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.idle_timeout: bad duration \"1.0000000001s\", expected seconds such as 5s or 0.25s",
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {cluster: c, auto_host_rewrite: true, host_rewrite_literal: a}}"),
            [
                "envoy.yaml:8:67: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route: only one of "
                    + "host_rewrite_literal, auto_host_rewrite may be given"
            ]
        ),
        (
            Sample.route(
                "{match: {prefix: /}, route: {cluster: c, hedge_policy: {initial_requests: 2}, hash_policy: []}}"),
            [
                "envoy.yaml:8:42: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.hedge_policy: \"hedge_policy\" is an Envoy field that this build does not support"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, route: {cluster: c, host_rewrite: a}}"),
            [
                "envoy.yaml:8:42: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.host_rewrite: \"host_rewrite\" is an Envoy field that this build does not support; a field of the v2 API, replaced by host_rewrite_literal"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, direct_response: {}}"),
            [
                "envoy.yaml:8:39: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].direct_response: "
                    + "required field \"status\" is missing"
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, direct_response: {status: 600, body: {filename: /a}}}"),
            [
                "envoy.yaml:8:48: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].direct_response.status: 600 is out of range (200 to 599)",
                "envoy.yaml:8:70: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].direct_response.body.filename: \"/a\" cannot be opened: there are no files here",
            ]
        ),
        (
            Sample.route("{match: {prefix: /}, direct_response: {status: 200, body: {}}}"),
            [
                "envoy.yaml:8:59: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].direct_response.body: one of inline_string, filename, inline_bytes, environment_variable is required"
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, \(Sample.router), route_config: {max_direct_response_body_size_bytes: 3, virtual_hosts: [{name: v, domains: [\"*\"], routes: [{match: {path: /}, direct_response: {status: 200, body: {inline_string: abcd}}}]}]}"
            ),
            [
                "envoy.yaml:7:320: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].direct_response.body.inline_string: body of 4 bytes, at most 3 are allowed"
            ]
        ),
    ]

    @Test("are all reported, each as one line", arguments: cases)
    func all(text: String, expected: [String]) { #expect(errors(text) == expected) }

    /// The nearest name is looked for among all: not for thousands of routes, but for a name as often as it stands there.
    @Test func manyUnknownClusters() {
        let routes = (0..<60).map { i in
            "{match: {prefix: /}, route: {cluster: wrong\(i / 2)x}}"
        }
        let hosts = "{name: v, domains: [\"*\"], routes: [\(routes.joined(separator: ", "))]}"
        let clusters = (0..<30).map { "{name: wrong\($0)y}" }.joined(separator: ", ")
        let text = Sample.hosts(hosts).replacingClusters(with: clusters)
        let found = errors(text)
        #expect(found.count == 60)
        for (i, error) in found.enumerated() {
            #expect(error.contains("\"wrong\(i / 2)x\" does not exist"))
            #expect(error.contains("did you mean \"wrong") == (i < 40))
        }
    }
}

extension String {
    fileprivate func replacingClusters(with clusters: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).map { $0 == "{name: c}" ? clusters[...] : $0 }
            .joined(separator: "\n")
    }
}
