import CLinux
import ProxyConfig
import Testing

@testable import Proxy

/// What a request must be like besides its path. `Tests/EnvoyCases` has the same against the real Envoy.
@Suite struct RouteConditionTests {
    private let memory = GuardedMemory()

    /// A parsed request.
    private func request(_ text: String, _ body: (RoutedRequest) throws -> Void) throws {
        let bytes = Array(text.utf8)
        var head = MessageHead(capacity: 100)
        defer { head.free() }
        let place = memory.place(bytes)
        let limits = HeadLimits(bytes: 65536, fields: 100)
        guard case .complete = head.parseRequest(place, bytes.count, limits: limits) else {
            Issue.record("not parsed: \(text)")
            return
        }
        try withUnsafeMutablePointer(to: &head) { head in
            let h = head.pointee
            var request = RoutedRequest(head: head)
            let targetEnd = Int(h.target) + Int(h.targetLength)
            let end = min(cl_scan_path_end(h.base, Int(h.target), targetEnd, h.readable), targetEnd)
            request.path = Bytes(h.base + Int(h.target), end - Int(h.target))
            request.authority = Bytes(h.base + Int(h.authority), Int(h.authorityLength))
            try body(request)
        }
    }

    @Test(arguments: [
        (TextMatch.exact("Ab"), false, ["Ab"], ["ab", "A", "Abc", ""]), (.exact("Ab"), true, ["ab", "AB"], ["abc"]),
        (.exact(""), false, [""], ["a"]), (.prefix("Ab"), false, ["Ab", "Abc"], ["A", "xAb", ""]),
        (.suffix("Ab"), true, ["xab", "aB"], ["abx", "b"]),
        (.contains("Ab"), false, ["xAbx", "Ab"], ["xabx", "A", ""]),
        (.regex("a+|b"), false, ["aa", "b"], ["ab", ""]), (.present(true), false, ["", "a"], []),
        (.present(false), false, [], ["", "a"]),
        (
            .range(-5..<10), false, ["-5", "9", "+3", "007", "-0"],
            ["-6", "10", "", "-", "+", "1.5", " 1", "0x1", "9223372036854775808", "-9223372036854775809"]
        ),
        (
            .range(Int64.min..<Int64.max), false, ["-9223372036854775808", "9223372036854775806"],
            ["9223372036854775807"]
        ),
    ])
    func texts(_ match: TextMatch, _ ignoresCase: Bool, _ yes: [String], _ no: [String]) {
        let matcher = TextMatcher(match, ignoresCase: ignoresCase)
        for text in yes { #expect(matcher.matches(Bytes(keeping: text)), "\(text)") }
        for text in no { #expect(!matcher.matches(Bytes(keeping: text)), "\(text)") }
        #expect(matcher.matches(nil) == (match == .present(false)))
    }

    /// Of several fields one is enough; what concerns the connection is not there.
    @Test func fields() throws {
        try request(
            "GET / HTTP/1.1\r\nhost: h\r\nX-A: one\r\nx-a: two\r\nconnection: x-b\r\nx-b: one\r\nx-c:\r\n\r\n"
        ) { request in
            func holds(_ name: String, _ match: TextMatch, inverted: Bool = false) -> Bool {
                var condition = HeaderCondition(name: name, match: match)
                condition.isInverted = inverted
                return HeaderRule(condition).holds(request, Bytes(keeping: name))
            }
            #expect(holds("x-a", .exact("one")) && holds("x-a", .exact("two")) && !holds("x-a", .exact("one,two")))
            #expect(!holds("x-a", .exact("two"), inverted: true) && holds("x-a", .exact("three"), inverted: true))
            #expect(
                !holds("x-b", .present(true)) && holds("x-b", .present(false)) && !holds("connection", .present(true)))
            #expect(holds("x-c", .exact("")) && holds("x-c", .present(true)))
            #expect(!holds("x-d", .exact("a"), inverted: true))
            #expect(request.field(Bytes("x-d")) == nil)
            #expect(request.field(Bytes("x-a")).map { request.value($0).string } == "one")
        }
    }

    @Test(arguments: [
        ("/?q=1", "1"), ("/?a&q=1", "1"), ("/?q", ""), ("/?q=", ""), ("/?q=1&q=2", "1"), ("/?q=a=b", "a=b"),
        ("/?x", nil),
        ("/", nil), ("/?", nil), ("/?qq=1", nil), ("/?=1", nil), ("/?&&q=1", "1"), ("/q=1", nil),
    ])
    func parameters(_ target: String, _ expected: String?) throws {
        try request("GET \(target) HTTP/1.1\r\nhost: h\r\n\r\n") {
            #expect($0.parameter(Bytes("q")).map(\.string) == expected)
        }
    }

    /// Routes with conditions are asked in the order of the configuration, by tree and one by one.
    @Test(arguments: [0, Int.max])
    func theFirstThatHolds(mostTriedInOrder: Int) throws {
        let place = SourceLocation(file: "test", line: 1, column: 1)
        func route(_ status: UInt16, _ match: PathMatch, _ change: (inout Route) -> Void = { _ in }) -> Route {
            var route = Route(match: match, action: .directResponse(status: status, body: []), location: place)
            change(&route)
            return route
        }
        let routes = [
            route(201, .regex("/a/[0-9]+")),
            route(202, .prefix("/a")) { $0.headers = [.init(name: "x", match: .exact("1"))] },
            route(203, .prefix("/a")) { $0.query = [.init(name: "q", match: .present(true))] },
            route(204, .prefix("/a/b")),
            route(205, .regex(".*")),
        ]
        var types: [String] = []
        let table = RouteTable(
            RouteConfiguration(
                name: "r", virtualHosts: [VirtualHost(name: "v", domains: ["*"], routes: routes, location: place)]),
            clusters: ClusterNames([]), streamIdleTimeoutMs: 0, shares: RuntimeShares(), upgradeTypes: &types,
            mostTriedInOrder: mostTriedInOrder)
        #expect(table.hasConditions)
        for (target, field, status) in [
            ("/a/12", "y: 1", 201), ("/a/1b", "x: 1", 202), ("/a/1b?q", "y: 1", 203), ("/a/b", "y: 1", 204),
            ("/a/12?q", "x: 1", 201), ("/b", "x: 1", 205), ("/a", "y: 1", 205),
        ] {
            try request("GET \(target) HTTP/1.1\r\nhost: h\r\n\(field)\r\n\r\n") { request in
                let found = table.find(
                    authority: request.authority.start, request.authority.count, path: request.path.start,
                    request.path.count, request: request)
                #expect(found?.pointee.directStatus == UInt16(status), "\(target) \(field)")
            }
        }
    }

    @Test func clusterNames() {
        let names = ClusterNames(["b", "a", "", "ab", "b"])
        #expect(
            ["a", "ab", "b", "", "c", "aa"].map { names.position(of: $0) } == [1, 3, 0, -1, -1, -1],
            "a row without a name is nobody's")
        #expect(ClusterNames([]).position(of: "a") == -1)
    }

    /// Each number of a whole round of weights once; the runtime may take weights away.
    @Test func weights() throws {
        let place = SourceLocation(file: "test", line: 1, column: 1)
        let forward = Forward(
            cluster: .weighted([
                ClusterWeight(name: "a", weight: 2, key: "w.a"), ClusterWeight(name: "b", weight: 0, key: "w.b"),
                ClusterWeight(name: "c", weight: 5, key: "w.c"),
            ]), clusterLocation: place)
        let shares = RuntimeShares()
        let choice = try #require(CompiledChoice(forward, clusters: ClusterNames(["a", "b", "c"]), shares: shares))
        func round(_ count: UInt64) -> [Int32: Int] {
            Dictionary((0..<count).map { (choice.choose(RoutedRequest(), random: $0), 1) }, uniquingKeysWith: +)
        }
        #expect(round(14) == [0: 4, 2: 10])
        shares.update { ["w.b": "3", "w.c": "0"][$0].map { RuntimeValue($0) } }
        #expect(round(5) == [0: 2, 1: 3])
        shares.update { ["w.a": "0", "w.c": "0"][$0].map { RuntimeValue($0) } }
        #expect(round(2) == [-1: 2])
    }

    @Test(arguments: [
        (PathRewrite.prefix("/new"), "/old/a", 4, "/new/a"), (.prefix("/"), "/old", 4, "/"),
        (.prefix("/new"), "/o", 1, "/newo"),
        (.regex(RegexRewrite(pattern: "a+", substitution: "<\\0>")), "/baab/a", 0, "/b<aa>b/<a>"),
        (.regex(RegexRewrite(pattern: "^/(.)/(.)", substitution: "/\\2/\\1")), "/x/y/z", 0, "/y/x/z"),
        (.regex(RegexRewrite(pattern: "/", substitution: String(repeating: "long", count: 100))), "////", 0, ""),
    ])
    func rewrites(_ rewrite: PathRewrite, _ path: String, _ matched: Int, _ expected: String) {
        let out = OutputScratch(capacity: 16)
        let path = Bytes(keeping: path)
        CompiledRewrite(rewrite).write(path, matched: matched, to: out)
        let wanted = expected.isEmpty ? String(repeating: "long", count: 400) : expected
        #expect(Bytes(out.bytes, out.count).string == wanted)
    }
}
