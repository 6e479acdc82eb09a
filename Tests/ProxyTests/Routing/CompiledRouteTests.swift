import ProxyConfig
import Testing

@testable import Proxy

/// What of a route's action reaches the hot path.
@Suite struct CompiledRouteTests {
    private static let place = SourceLocation(file: "test", line: 1, column: 1)

    private func compile(
        _ actions: [RouteAction], upgradeTypes: inout [String]
    ) throws -> [CompiledRoute] {
        let routes = actions.enumerated().map { i, action in
            Route(match: .path("/\(i)"), action: action, location: Self.place)
        }
        let host = VirtualHost(name: "host", domains: ["*"], routes: routes, location: Self.place)
        let table = RouteTable(
            RouteConfiguration(name: "routes", virtualHosts: [host]), clusters: ClusterNames(["zero", "one"]),
            streamIdleTimeoutMs: 300_000, shares: RuntimeShares(), upgradeTypes: &upgradeTypes)
        let memory = GuardedMemory()
        return try actions.indices.map { i in
            let path = bytes("/\(i)")
            let found = table.find(authority: memory.place([]), 0, path: memory.place(path), path.count)
            return try #require(found).pointee
        }
    }

    private func forward(_ cluster: String, _ change: (inout Forward) -> Void = { _ in }) -> RouteAction {
        var forward = Forward(cluster: .named(cluster), clusterLocation: Self.place)
        change(&forward)
        return .forward(forward)
    }

    @Test func directResponses() throws {
        var types: [String] = []
        let route = try compile([.directResponse(status: 418, body: Array("short".utf8))], upgradeTypes: &types)[0]
        #expect(route.cluster == -1)
        #expect(route.directStatus == 418)
        #expect(route.directBody.string == "short")
    }

    @Test func timesAndRewrites() throws {
        var types: [String] = []
        let routes = try compile(
            [
                forward("zero"),
                forward("one") {
                    $0.timeoutMs = 0
                    $0.idleTimeoutMs = 0
                    $0.rewrite = .prefix("/new")
                    $0.hostRewrite = .literal("other")
                },
                forward("one") { $0.idleTimeoutMs = 7 },
            ], upgradeTypes: &types)
        #expect(routes.map(\.cluster) == [0, 1, 1])
        #expect(routes.map(\.timeoutNs) == [15_000_000_000, 0, 15_000_000_000])
        #expect(routes.map(\.idleTimeoutNs) == [300_000_000_000, 0, 7_000_000])
        #expect(routes.map { $0.rewrite != nil } == [false, true, false])
        #expect(routes.map { $0.hostRewrite?.string } == [nil, "other", nil])
        #expect(routes.map(\.directStatus) == [0, 0, 0])
    }

    /// The manager's tokens hold everywhere but where a route turns them off; a route's own hold there only.
    @Test func upgrades() throws {
        var types = ["websocket", "foo"]
        let routes = try compile(
            [
                forward("zero"), forward("zero") { $0.upgrades = ["websocket": false] },
                forward("zero") { $0.upgrades = ["bar": true, "foo": true] },
                forward("zero") { $0.upgrades = ["bar": false] },
            ], upgradeTypes: &types)
        #expect(types == ["websocket", "foo", "bar"])
        #expect(routes.map(\.upgrades) == [0b011, 0b010, 0b111, 0b011])
    }
}
