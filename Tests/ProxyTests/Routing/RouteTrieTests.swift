import ProxyConfig
import Testing

@testable import Proxy

/// Routes by tree find what a look at each route in its order finds.
@Suite struct RouteTrieTests {
    private static let place = SourceLocation(file: "test", line: 1, column: 1)

    private struct Case: CustomStringConvertible {
        var match: PathMatch
        var caseSensitive: Bool
        /// Percent of the requests that it is for; nil: all, without being asked.
        var percent: UInt32?
        private var pattern: [UInt8]

        init(match: PathMatch, caseSensitive: Bool = true, percent: UInt32? = nil) {
            self.match = match
            self.caseSensitive = caseSensitive
            self.percent = percent
            switch match {
            case .prefix(let text), .path(let text), .pathSeparatedPrefix(let text): pattern = Array(text.utf8)
            case .connect, .regex: pattern = []
            }
            if !caseSensitive { pattern = pattern.map { ASCII.lower($0) } }
        }

        var description: String {
            "\(match)\(caseSensitive ? "" : " in any case")\(percent.map { " for \($0) %" } ?? "")"
        }

        var route: Route {
            var route = Route(match: match, action: .directResponse(status: 200, body: []), location: place)
            route.caseSensitive = caseSensitive
            route.fraction = percent.map { RuntimeFraction(FractionalPercent($0)) }
            return route
        }

        /// As Envoy describes it, written down once more.
        ///
        /// - Parameter folded: the path in lower case.
        func matches(_ path: [UInt8], _ folded: [UInt8], _ random: UInt64) -> Bool {
            if let percent, random % 100 >= UInt64(percent) { return false }
            let path = caseSensitive ? path : folded
            switch match {
            case .prefix: return path.starts(with: pattern)
            case .path: return path == pattern
            case .pathSeparatedPrefix:
                return path.starts(with: pattern) && (path.count == pattern.count || path[pattern.count] == 0x2F)
            case .connect, .regex: return false
            }
        }
    }

    /// The same routes by tree and one by one; the status of a route is its position.
    private struct Tables {
        let routes: [Case]
        private let indexed: RouteTable
        private let inOrder: RouteTable
        private let memory = GuardedMemory()
        private let authority = GuardedMemory()

        init(_ routes: [Case]) {
            self.routes = routes
            let all = routes.enumerated().map { i, route in
                var made = route.route
                made.action = .directResponse(status: UInt16(i), body: [])
                return made
            }
            let host = VirtualHost(name: "host", domains: ["*"], routes: all, location: place)
            // Others before and after, whose trees stand in the same memory.
            let other = VirtualHost(
                name: "other", domains: ["other"],
                routes: [Route(match: .prefix(""), action: .directResponse(status: 999, body: []), location: place)],
                location: place)
            var last = other
            last.domains = ["last"]
            let configuration = RouteConfiguration(name: "routes", virtualHosts: [other, host, last])
            func table(_ mostTriedInOrder: Int) -> RouteTable {
                var types: [String] = []
                return RouteTable(
                    configuration, clusters: ClusterNames([]), streamIdleTimeoutMs: 0, shares: RuntimeShares(),
                    upgradeTypes: &types,
                    mostTriedInOrder: mostTriedInOrder)
            }
            indexed = table(0)
            inOrder = table(.max)
        }

        /// Positions of the route by tree, by order, and by the description above.
        func find(_ path: [UInt8], random: UInt64 = 0) -> (tree: Int?, order: Int?, expected: Int?) {
            let name = authority.place(bytes("host"))
            let place = memory.place(path)
            let folded = path.map { ASCII.lower($0) }
            let tree = indexed.find(authority: name, 4, path: place, path.count, request: RoutedRequest(random: random))
            let order = inOrder.find(
                authority: name, 4, path: place, path.count, request: RoutedRequest(random: random))
            return (
                tree.map { Int($0.pointee.directStatus) }, order.map { Int($0.pointee.directStatus) },
                routes.firstIndex { $0.matches(path, folded, random) }
            )
        }

        func check(_ path: [UInt8], random: UInt64 = 0, _ note: String = "") {
            let found = find(path, random: random)
            #expect(
                found.tree == found.expected && found.order == found.expected,
                "\(note) routes \(routes), path \(text(path)), random \(random): \(found)")
        }
    }

    private func expect(_ routes: [Case], _ paths: [(String, Int?)], random: UInt64 = 0) {
        let tables = Tables(routes)
        for (path, position) in paths {
            let found = tables.find(Array(path.utf8), random: random)
            #expect(found.tree == position && found.order == position, "\(path): \(found)")
        }
    }

    @Test func noRoutes() { expect([], [("/", nil), ("", nil)]) }

    @Test func emptyPath() {
        expect([Case(match: .prefix("/"))], [("", nil)])
        expect([Case(match: .path("")), Case(match: .prefix(""))], [("", 0), ("/", 1), ("*", 1)])
    }

    @Test func prefixAsLongAsThePath() {
        expect([Case(match: .prefix("/abc"))], [("/abc", 0), ("/ab", nil), ("/abcd", 0), ("/abd", nil)])
    }

    @Test func nestedPrefixes() {
        let inner = [Case(match: .prefix("/a/b/c")), Case(match: .prefix("/a/b")), Case(match: .prefix("/a"))]
        expect(inner, [("/a/b/c/d", 0), ("/a/b/c", 0), ("/a/b/", 1), ("/a/c", 2), ("/b", nil)])
        expect(inner.reversed(), [("/a/b/c/d", 0), ("/a/b", 0), ("/a", 0)])
        expect([inner[1], inner[0], inner[2]], [("/a/b/c", 0), ("/a/x", 2)])
    }

    @Test func duplicates() {
        expect(
            [
                Case(match: .path("/a")), Case(match: .path("/a")), Case(match: .prefix("/a")),
                Case(match: .prefix("/a")),
            ],
            [("/a", 0), ("/ab", 2)])
        expect(
            [Case(match: .pathSeparatedPrefix("/a")), Case(match: .path("/a")), Case(match: .prefix("/a"))],
            [("/a", 0), ("/a/", 0), ("/ab", 2)])
        expect([Case(match: .prefix("/a")), Case(match: .path("/a"))], [("/a", 0)])
    }

    /// A route that does not take the request leaves it to the next one, wherever that stands in the tree.
    @Test func conditionFails() {
        let never = { (match: PathMatch) in Case(match: match, percent: 0) }
        expect([never(.prefix("/a/b")), Case(match: .prefix("/a"))], [("/a/b", 1), ("/a", 1)])
        expect([never(.prefix("/a")), Case(match: .prefix("/a/b"))], [("/a/b", 1), ("/a", nil)])
        expect([Case(match: .prefix("/a/b")), never(.prefix("/a"))], [("/a/b", 0), ("/a/c", nil)])
        expect([never(.path("/a")), never(.path("/a")), Case(match: .path("/a"))], [("/a", 2)])
        expect([never(.path("/a")), Case(match: .path("/A"), caseSensitive: false)], [("/a", 1)])
        expect([never(.path("/A")), Case(match: .path("/a"))], [("/A", nil), ("/a", 1)])
        let half = [
            Case(match: .prefix("/a"), percent: 50), Case(match: .prefix("/"), percent: 80), Case(match: .prefix("/")),
        ]
        for (random, position) in [(UInt64(49), 0), (50, 1), (79, 1), (80, 2), (149, 0), (.max, 0)] {
            expect(half, [("/a", position)], random: random)
        }
    }

    @Test func someIgnoreCase() {
        expect(
            [
                Case(match: .path("/Ab"), caseSensitive: false), Case(match: .prefix("/aB")),
                Case(match: .pathSeparatedPrefix("/AB"), caseSensitive: false), Case(match: .prefix("/[")),
                Case(match: .prefix("/{"), caseSensitive: false),
            ],
            [("/AB", 0), ("/aBc", 1), ("/ab/c", 2), ("/abc", nil), ("/[", 3), ("/{", 4), ("/]", nil)])
        // The Kelvin sign is no K, and É no é.
        expect(
            [
                Case(match: .prefix("/\u{212A}"), caseSensitive: false),
                Case(match: .prefix("/É"), caseSensitive: false),
            ],
            [("/k", nil), ("/\u{212A}", 0), ("/É", 1), ("/é", nil)])
    }

    @Test func allBytes() {
        // As UTF-8 a pattern may begin with most of them; a path may have any.
        let routes = (0x80...0x2FF).map { Case(match: .prefix("/" + String(UnicodeScalar(UInt16($0)) ?? "?"))) }
        let tables = Tables(routes)
        for route in routes {
            guard case .prefix(let pattern) = route.match else { continue }
            tables.check(Array(pattern.utf8))
        }
        for byte in UInt8.min...UInt8.max { tables.check([0x2F, byte, byte]) }
    }

    /// As deep as a path is long: no recursion, and no more than its bytes to look at.
    @Test func deeplyNested() {
        let text = String(repeating: "a", count: 2000)
        let routes = (1...2000).reversed().map { Case(match: .prefix("/" + text.prefix($0))) }
        let tables = Tables(routes)
        for length in [0, 1, 2, 1000, 1999, 2000] {
            let found = tables.find(Array(("/" + text.prefix(length)).utf8))
            #expect(found.tree == (length == 0 ? nil : 2000 - length))
        }
        tables.check(Array(("/" + text + "b").utf8))
    }

    @Test func connectRoutes() {
        let routes = [
            Case(match: .prefix("/")), Case(match: .connect, percent: 50), Case(match: .connect),
            Case(match: .connect),
        ]
        let all = routes.enumerated().map { i, route in
            var made = route.route
            made.action = .directResponse(status: UInt16(i), body: [])
            return made
        }
        let memory = GuardedMemory()
        for most in [0, Int.max] {
            var types: [String] = []
            let host = VirtualHost(name: "host", domains: ["*"], routes: all, location: Self.place)
            let none = VirtualHost(name: "none", domains: ["none"], routes: [all[0]], location: Self.place)
            let table = RouteTable(
                RouteConfiguration(name: "routes", virtualHosts: [none, host]), clusters: ClusterNames([]),
                streamIdleTimeoutMs: 0,
                shares: RuntimeShares(), upgradeTypes: &types, mostTriedInOrder: most)
            for (random, status) in [(UInt64(0), UInt16(1)), (50, 2)] {
                let found = table.findConnect(
                    authority: memory.place(bytes("h")), 1, request: RoutedRequest(random: random))
                #expect(found?.pointee.directStatus == status)
            }
            #expect(table.findConnect(authority: memory.place(bytes("none")), 4) == nil)
            #expect(table.find(authority: memory.place([]), 0, path: memory.place([]), 0) == nil)
        }
    }

    /// Many small tables over few letters, so that patterns meet, nest and repeat.
    @Test(arguments: [0xA11CE, 0xB0B, 0xCAFE, 0xD00D])
    func sameAsOneByOne(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for round in 0..<300 {
            let letters = Array(["/a", "/aA", "/abAB", "/é{["].randomElement(using: &random) ?? "/a")
            let longest = Int.random(in: 1...8, using: &random)
            func word() -> String {
                String(
                    (0..<Int.random(in: 0...longest, using: &random)).map { _ in
                        letters.randomElement(using: &random) ?? "/"
                    })
            }
            let conditional = Bool.random(using: &random)
            let routes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                let matches: [PathMatch] = [.prefix(word()), .path(word()), .pathSeparatedPrefix(word()), .connect]
                return Case(
                    match: matches[min(Int.random(in: 0..<13, using: &random) / 4, 3)],
                    caseSensitive: Int.random(in: 0..<3, using: &random) > 0,
                    percent: conditional && Bool.random(using: &random)
                        ? [0, 50, 100].randomElement(using: &random) : nil)
            }
            let tables = Tables(routes)
            for _ in 0..<40 {
                tables.check(
                    Array((word() + word()).utf8), random: UInt64.random(in: 0..<200, using: &random),
                    "seed \(seed), round \(round):")
            }
        }
    }

    /// Tables as large as real ones get.
    @Test(arguments: [0x10AD, 0x20AD])
    func sameAsOneByOneInLargeTables(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        func word() -> String {
            let parts = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                "/\(Int.random(in: 0..<40, using: &random))"
            }
            return parts.joined() + (["", "/", "/Api"].randomElement(using: &random) ?? "")
        }
        let routes = (0..<500).map { _ in
            let matches: [PathMatch] = [.prefix(word()), .path(word()), .pathSeparatedPrefix(word())]
            return Case(
                match: matches[Int.random(in: 0..<3, using: &random)],
                caseSensitive: Int.random(in: 0..<4, using: &random) > 0,
                percent: Int.random(in: 0..<4, using: &random) == 0 ? 50 : nil)
        }
        // What takes everything would hide all behind it.
        let tables = Tables(routes.filter { $0.match != .prefix("") && $0.match != .prefix("/") })
        for _ in 0..<2000 {
            tables.check(
                Array((word() + word()).utf8), random: UInt64.random(in: 0..<200, using: &random), "seed \(seed):")
        }
    }
}
