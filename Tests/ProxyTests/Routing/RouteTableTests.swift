import ProxyConfig
import Testing

@testable import Proxy

@Suite struct RouteTableTests {
    private static let place = SourceLocation(file: "test", line: 1, column: 1)

    /// A route table whose routes lead to clusters, and what it finds.
    private struct Fixture {
        private let table: RouteTable
        private let clusters: [String]
        private let memory = GuardedMemory()

        /// - Parameter hosts: domains and routes; a cluster's name says which route it was.
        init(_ hosts: [([String], [(PathMatch, Bool, String)])]) {
            let clusters = hosts.flatMap { $0.1.map(\.2) }
            let virtualHosts = hosts.map { domains, routes in
                VirtualHost(
                    name: "host", domains: domains,
                    routes: routes.map { match, caseSensitive, cluster in
                        var route = Route(
                            match: match, action: .forward(Forward(cluster: .named(cluster), clusterLocation: place)),
                            location: place)
                        route.caseSensitive = caseSensitive
                        return route
                    }, location: place)
            }
            var upgradeTypes: [String] = []
            table = RouteTable(
                RouteConfiguration(name: "routes", virtualHosts: virtualHosts),
                clusters: ClusterNames(clusters),
                streamIdleTimeoutMs: 0, shares: RuntimeShares(), upgradeTypes: &upgradeTypes)
            self.clusters = clusters
        }

        init(domains: [String]) {
            self.init(domains.map { ([$0], [(.prefix("/"), true, $0)]) })
        }

        init(_ match: PathMatch, caseSensitive: Bool = true) {
            self.init([(["*"], [(match, caseSensitive, "found")])])
        }

        /// The cluster of a request. Both texts stand before a guard page, in turn.
        func find(_ authority: String, _ path: String = "/") -> String? {
            let other = GuardedMemory()
            let found = table.find(
                authority: memory.place(bytes(authority)), authority.utf8.count,
                path: other.place(bytes(path)), path.utf8.count)
            return found.map { clusters[Int($0.pointee.cluster)] }
        }
    }

    // MARK: Domains

    static let domains = [
        "*", "a.com", "www.a.com", "a.com:8080", "*.a.com", "*-x.a.com", "*.b.a.com", "api.*", "api.a.*", "[::1]",
        "1.2.3.4",
        "*:9000",
    ]

    /// Exact, then the longest suffix, then the longest prefix, then `*`.
    static let authorities: [(String, String)] = [
        ("a.com", "a.com"), ("A.COM", "a.com"), ("www.a.com", "www.a.com"), ("wWw.A.cOm", "www.a.com"),
        ("a.com:8080", "a.com:8080"), ("a.com:80", "*"), ("www.a.com:80", "*"), ("foo.a.com", "*.a.com"),
        ("FOO.A.COM", "*.a.com"), ("foo-x.a.com", "*-x.a.com"), ("c.b.a.com", "*.b.a.com"), ("b.a.com", "*.a.com"),
        (".a.com", "*"), ("-x.a.com", "*.a.com"), ("xa.com", "*"), ("api.org", "api.*"), ("API.org", "api.*"),
        ("api.", "*"), ("api", "*"), ("api.a.org", "api.a.*"), ("api.a.com", "*.a.com"), ("api.a.", "api.*"),
        ("[::1]", "[::1]"), ("1.2.3.4", "1.2.3.4"), ("1.2.3.4:80", "*"), ("x:9000", "*:9000"), (":9000", "*"),
        ("api.org:9000", "*:9000"), ("a.com:9000", "*:9000"), ("", "*"), ("other", "*"), ("a.com.", "*"),
    ]

    @Test(arguments: authorities)
    func domain(authority: String, domain: String) {
        #expect(Fixture(domains: Self.domains).find(authority) == domain)
        #expect(Fixture(domains: Self.domains.reversed()).find(authority) == domain, "their order does not matter")
        let withoutDefault = Fixture(domains: Array(Self.domains.dropFirst()))
        #expect(withoutDefault.find(authority) == (domain == "*" ? nil : domain))
    }

    @Test func onlyTheDefaultDomain() {
        let table = Fixture(domains: ["*"])
        for authority in ["", "a", "a.com:80"] { #expect(table.find(authority) == "*") }
    }

    @Test func noVirtualHosts() {
        #expect(Fixture([]).find("a") == nil)
        #expect(Fixture([(["a"], [])]).find("a") == nil)
    }

    @Test func severalDomainsOfOneHost() {
        let table = Fixture([
            (["a.com", "*.a.com", "b.*"], [(.prefix("/"), true, "first")]), (["*"], [(.prefix("/"), true, "second")]),
        ])
        for authority in ["a.com", "x.a.com", "b.org"] { #expect(table.find(authority) == "first") }
        #expect(table.find("c.org") == "second")
    }

    /// The host is chosen first: when none of its routes match, no other host is asked.
    @Test func noFallBackToAnotherHost() {
        let table = Fixture([(["a.com"], [(.prefix("/x"), true, "x")]), (["*"], [(.prefix("/"), true, "any")])])
        #expect(table.find("a.com", "/x") == "x")
        #expect(table.find("a.com", "/y") == nil)
        #expect(table.find("b.com", "/y") == "any")
    }

    @Test func manyExactDomains() {
        let names = (0..<1000).map { "host\($0).example.com" }
        let table = DomainTable(names.enumerated().map { ($1, Int32($0)) })
        let memory = GuardedMemory()
        for (i, name) in names.enumerated() {
            #expect(table.find(memory.place(bytes(name)), name.utf8.count) == i)
            #expect(table.find(memory.place(bytes(name.uppercased())), name.utf8.count) == i)
            #expect(table.find(memory.place(bytes(name + "x")), name.utf8.count + 1) == -1)
            #expect(table.find(memory.place(bytes(name).dropLast()), name.utf8.count - 1) == -1)
        }
        #expect(DomainTable([]).find(memory.place([]), 0) == -1)
    }

    // MARK: Paths

    static let prefixes: [(String, String, Bool)] = [
        ("/", "/", true), ("/", "/a/b", true), ("/a", "/a", true), ("/a", "/ab", true), ("/a", "/a/b", true),
        ("/a", "/", false), ("/a", "/A", false), ("/a", "", false), ("/a/", "/a", false), ("/a/", "/a/", true),
        ("/a", "/b/a", false), ("", "/x", true), ("", "", true), ("/", "*", false), ("/a%20b", "/a%20b/c", true),
    ]

    @Test(arguments: prefixes)
    func prefix(pattern: String, path: String, matches: Bool) {
        #expect((Fixture(.prefix(pattern)).find("h", path) != nil) == matches)
    }

    static let exactPaths: [(String, String, Bool)] = [
        ("/a", "/a", true), ("/a", "/a/", false), ("/a", "/ab", false), ("/a", "/", false), ("/a", "/A", false),
        ("/a/b", "/a/b", true), ("/a", "", false), ("*", "*", true),
    ]

    @Test(arguments: exactPaths)
    func exactPath(pattern: String, path: String, matches: Bool) {
        #expect((Fixture(.path(pattern)).find("h", path) != nil) == matches)
    }

    static let separatedPrefixes: [(String, String, Bool)] = [
        ("/a", "/a", true), ("/a", "/a/", true), ("/a", "/a/b", true), ("/a", "/ab", false), ("/a", "/", false),
        ("/a", "/a-b", false), ("/a", "/A", false), ("/a/b", "/a/b/c", true), ("/a/b", "/a/bc", false),
        ("/a", "", false),
        ("/a", "/a.", false),
    ]

    @Test(arguments: separatedPrefixes)
    func separatedPrefix(pattern: String, path: String, matches: Bool) {
        #expect((Fixture(.pathSeparatedPrefix(pattern)).find("h", path) != nil) == matches)
    }

    /// The pattern may be written in any case too.
    @Test(arguments: ["/Ab/c", "/ab/c", "/AB/C"])
    func ignoringCase(pattern: String) {
        for path in ["/ab/c", "/AB/C", "/aB/c"] {
            for match in [PathMatch.prefix(pattern), .path(pattern), .pathSeparatedPrefix(pattern)] {
                #expect(Fixture(match, caseSensitive: false).find("h", path) == "found")
                #expect((Fixture(match).find("h", path) != nil) == (path == pattern))
            }
        }
        #expect(Fixture(.path(pattern), caseSensitive: false).find("h", "/ab/d") == nil)
        #expect(Fixture(.prefix("/[a]"), caseSensitive: false).find("h", "/{a}") == nil, "letters only are folded")
    }

    @Test func firstMatchWins() {
        let table = Fixture([
            (
                ["*"],
                [
                    (.path("/a"), true, "path"), (.pathSeparatedPrefix("/a"), true, "separated"),
                    (.prefix("/a"), true, "prefix"), (.prefix("/A"), false, "folded"), (.prefix("/"), true, "rest"),
                    (.prefix("/never"), true, "never"),
                ]
            )
        ])
        let expected = [
            "/a": "path", "/a/": "separated", "/ab": "prefix", "/A": "folded", "/b": "rest", "/never": "rest",
        ]
        for (path, cluster) in expected { #expect(table.find("h", path) == cluster) }
        #expect(table.find("h", "*") == nil)
    }
}
