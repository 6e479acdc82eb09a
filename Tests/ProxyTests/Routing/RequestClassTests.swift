import Testing

@testable import Proxy
@testable import ProxyConfig

/// By what requests are counted beside their cluster.
@Suite struct RequestClassTests {
    private static let location = SourceLocation(file: "f", line: 1, column: 1)

    private static func route(_ prefix: String, _ statPrefix: String = "", answers: Bool = false) -> Route {
        let action: RouteAction =
            answers
            ? .directResponse(status: 200, body: [])
            : .forward(Forward(cluster: .named("c"), clusterLocation: location))
        var route = Route(match: .prefix(prefix), action: action, location: location)
        route.statPrefix = statPrefix
        return route
    }

    private static func table(
        _ routes: [Route], _ clusters: [VirtualCluster] = [], _ known: RequestClassTable
    ) -> RouteTable {
        var host = VirtualHost(name: "h", domains: ["*"], routes: routes, location: location)
        host.virtualClusters = clusters
        var types: [String] = []
        return RouteTable(
            RouteConfiguration(name: "r", virtualHosts: [host]), clusters: ClusterNames(["c"], high: []),
            streamIdleTimeoutMs: 0, shares: RuntimeShares(), upgradeTypes: &types, classes: known)
    }

    private static func find(_ table: RouteTable, _ path: String) -> UnsafePointer<CompiledRoute>? {
        let bytes = Bytes(keeping: path)
        let host = Bytes("a")
        return table.find(authority: host.start, host.count, path: bytes.start, bytes.count)
    }

    @Test func whoAsksForNothingHasNothing() {
        let known = RequestClassTable()
        let table = Self.table([Self.route("/a"), Self.route("/b", "b"), Self.route("/")], [], known)
        #expect(Self.find(table, "/a")?.pointee.classes == nil)
        #expect(Self.find(table, "/x")?.pointee.classes == nil)
        let classes = Self.find(table, "/b")?.pointee.classes
        #expect(classes?.pointee.route == 0)
        #expect(classes?.pointee.virtualCluster(RoutedRequest()).position == -1)
        #expect(known.all == [RequestClass(kind: .route, host: "h", name: "b")])
    }

    @Test func virtualClustersAndTheOther() throws {
        let known = RequestClassTable()
        let clusters = [VirtualCluster(name: "v", headers: [HeaderCondition(name: ":path", match: .prefix("/v"))])]
        let table = Self.table(
            [Self.route("/direct", "d", answers: true), Self.route("/v", "r"), Self.route("/")], clusters, known)
        #expect(
            known.all.map(\.scope.prefix) == [
                "vhost.h.vcluster.v.", "vhost.h.vcluster.other.", "vhost.h.route.d.", "vhost.h.route.r.",
            ])
        let head = UnsafeMutablePointer<MessageHead>.allocate(capacity: 1)
        head.initialize(to: MessageHead(capacity: 10))
        defer { head.deallocate() }
        func position(_ text: String) -> Int32? {
            let bytes = Bytes(keeping: "GET \(text) HTTP/1.1\r\nhost: a\r\n\r\n")
            _ = head.pointee.parseRequest(bytes.start, bytes.count, limits: HeadLimits(bytes: 1000, fields: 10))
            return Self.find(table, text)?.pointee.classes?.pointee.virtualCluster(RoutedRequest(head: head)).position
        }
        #expect(position("/v1") == 0)
        #expect(position("/w") == 1)
        #expect(Self.find(table, "/v1")?.pointee.classes?.pointee.route == 3)
        #expect(Self.find(table, "/w")?.pointee.classes?.pointee.route == -1)
        // What comes again has its place.
        _ = Self.table([Self.route("/", "r"), Self.route("/new", "n")], clusters, known)
        #expect(known.all.count == 5)
        #expect(known.position(of: RequestClass(kind: .route, host: "h", name: "n")) == 4)
    }
}
