import Testing

@testable import ProxyConfig

@Suite("What a route matches, and what it does")
struct RouteActionTests {
    @Test("conditions")
    func conditions() throws {
        let route = try #require(
            try load(
                Sample.route(
                    """
                    {match: {prefix: /, headers: [{name: X-A, string_match: {exact: a, ignore_case: true}, invert_match: true},
                    {name: b, range_match: {start: -1, end: 5}}, {name: c, treat_missing_header_as_empty: true},
                    {name: d, exact_match: old}, {name: e, present_match: false}],
                    query_parameters: [{name: q}, {name: r, string_match: {safe_regex: {regex: a+}}}, {name: s, present_match: false}]},
                    route: {cluster: c}}
                    """)
            ).route)
        var first = HeaderCondition(name: "x-a", match: .exact("a"))
        first.ignoresCase = true
        first.isInverted = true
        var third = HeaderCondition(name: "c", match: .present(true))
        third.missingIsEmpty = true
        #expect(
            route.headers == [
                first, HeaderCondition(name: "b", match: .range(-1..<5)), third,
                HeaderCondition(name: "d", match: .exact("old")), HeaderCondition(name: "e", match: .present(false)),
            ])
        #expect(
            route.query == [
                QueryCondition(name: "q", match: .present(true)), QueryCondition(name: "r", match: .regex("a+")),
                QueryCondition(name: "s", match: .present(false)),
            ])
    }

    @Test("hosts")
    func hosts() throws {
        func forward(_ fields: String) throws -> Forward? {
            if case .forward(let it)? = try load(Sample.route("{match: {prefix: /}, route: {cluster: c, \(fields)}}"))
                .route?.action
            {
                return it
            }
            return nil
        }
        #expect(try forward("host_rewrite_literal: h")?.hostRewrite == .literal("h"))
        let header = try forward("host_rewrite_header: X-To, append_x_forwarded_host: true")
        #expect(header?.hostRewrite == .header("x-to") && header?.appendsForwardedHost == true)
        let path = try forward("host_rewrite_path_regex: {pattern: {regex: '^/(.+)$'}, substitution: '\\1'}")
        #expect(
            path?.hostRewrite == .path(RegexRewrite(pattern: "^/(.+)$", substitution: "\\1"))
                && path?.appendsForwardedHost == false)
        #expect(try forward("host_rewrite_literal: ''")?.hostRewrite == nil)
        #expect(try forward("host_rewrite_header: ''")?.hostRewrite == nil)
        for (field, message) in [
            ("host_rewrite_header: 'a b'", "is not the name of a header"),
            ("host_rewrite_literal: \"a\\nb\"", "has control characters"),
            ("host_rewrite_literal: a, host_rewrite_header: b", "only one of"),
            ("host_rewrite_path_regex: {pattern: {regex: '('}}", "bad regular expression"),
        ] {
            let found = errors(Sample.route("{match: {prefix: /}, route: {cluster: c, \(field)}}"))
            #expect(found.count == 1 && found[0].contains(message), "\(found)")
        }
    }

    @Test("redirects")
    func redirects() throws {
        func redirect(_ fields: String) throws -> Redirect? {
            if case .redirect(let it)? = try load(Sample.route("{match: {prefix: /}, redirect: {\(fields)}}")).route?
                .action
            {
                return it
            }
            return nil
        }
        #expect(try redirect("") == Redirect())
        var all = Redirect()
        all.scheme = "https"
        all.host = "h"
        all.port = 8443
        all.path = "/p"
        all.status = 308
        all.stripsQuery = true
        #expect(
            try redirect(
                "https_redirect: true, host_redirect: h, port_redirect: 8443, path_redirect: /p, "
                    + "response_code: PERMANENT_REDIRECT, strip_query: true") == all)
        #expect(try redirect("https_redirect: false")?.scheme == nil)
        #expect(
            try redirect("regex_rewrite: {pattern: {regex: a}, substitution: b}")?.rewrite
                == .regex(RegexRewrite(pattern: "a", substitution: "b")))
    }

    @Test("choices of a cluster")
    func choices() throws {
        func choice(_ action: String) throws -> ClusterChoice? {
            try load(Sample.route("{match: {prefix: /}, route: {\(action)}}")).forward?.cluster
        }
        #expect(try choice("cluster_header: X-C") == .header("x-c"))
        #expect(
            try choice("weighted_clusters: {clusters: [{name: c, weight: 1}], runtime_key_prefix: w}")
                == .weighted([ClusterWeight(name: "c", weight: 1, key: "w.c")]))
    }

    @Test(
        "faults are told",
        arguments: [
            ("{match: {prefix: /}, route: {weighted_clusters: {clusters: []}}}", "at least one cluster is required"),
            (
                "{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: c}]}}}",
                "the weights sum up to 0, which must lie within 1 and 4294967295"
            ),
            (
                "{match: {prefix: /}, route: {weighted_clusters: {total_weight: 2, clusters: [{name: c, weight: 1}]}}}",
                "the weights sum up to 1, not to 2"
            ),
            (
                "{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: x, weight: 1}]}}}",
                "cluster \"x\" does not exist"
            ),
            ("{match: {prefix: /}, route: {cluster_header: 'a b'}}", "\"a b\" is not the name of a header"),
            (
                "{match: {prefix: /}, redirect: {https_redirect: true, scheme_redirect: a}}",
                "only one of https_redirect, scheme_redirect may be given"
            ),
            (
                "{match: {prefix: /}, redirect: {path_redirect: /a, prefix_rewrite: /b}}",
                "only one of path_redirect, prefix_rewrite may be given"
            ),
            ("{match: {prefix: /}, redirect: {port_redirect: 70000}}", "70000 is out of range (0 to 65535)"),
            (
                "{match: {prefix: /}, redirect: {regex_rewrite: {pattern: {regex: a}, substitution: '\\1'}}}",
                "bad substitution "
            ),
            (
                "{match: {prefix: /, headers: [{string_match: {exact: a}}]}, redirect: {}}",
                "required field \"name\" is missing"
            ),
            (
                "{match: {prefix: /, headers: [{name: a, string_match: {}}]}, redirect: {}}",
                "one of exact, prefix, suffix, contains, safe_regex is required"
            ),
            (
                "{match: {prefix: /, headers: [{name: a, range_match: {start: 2, end: 1}}]}, redirect: {}}",
                "from 2 to before 1 is no range"
            ),
            (
                "{match: {prefix: /, query_parameters: [{name: a, string_match: {safe_regex: {regex: '['}}}]}, redirect: {}}",
                "bad regular expression \"[\": missing ]: ["
            ),
        ])
    func faults(_ route: String, _ message: String) {
        let found = errors(Sample.route(route))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
