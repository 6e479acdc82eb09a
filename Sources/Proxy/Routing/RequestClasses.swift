import ProxyConfig
import StatCatalog

/// What requests are counted by beside their cluster: a virtual cluster, or a route with a `stat_prefix`.
struct RequestClass: Hashable {
    var kind: RequestClassScope.Kind
    /// Of the virtual host.
    var host: String
    /// Of the virtual cluster, or the `stat_prefix`.
    var name: String

    var scope: RequestClassScope { RequestClassScope(host: host, kind, name) }
}

/// All classes that there have been since the process began, by position: one that comes again counts where it did. Main thread.
final class RequestClassTable: @unchecked Sendable {
    private(set) var all: [RequestClass] = []
    private var positions: [RequestClass: Int32] = [:]
    private var room = Int.max
    /// So many may come while the process runs: each has some 40 names in the region, and none goes.
    private static let spare = 4096

    /// The configuration has been read.
    func fixRoom() { room = all.count + Self.spare }

    /// -1: there have been too many. Its requests are counted by their cluster only, until a hot restart.
    func position(of one: RequestClass) -> Int32 {
        if let known = positions[one] { return known }
        guard all.count < room else { return -1 }
        let position = Int32(all.count)
        positions[one] = position
        all.append(one)
        return position
    }

    func knows(_ one: RequestClass) -> Bool { positions[one] != nil }
}

/// By what the requests of a route are counted: plain data, as all of a route. A route whose requests are only counted by their
/// cluster has none.
struct CompiledRequestClasses: BitwiseCopyable {
    private struct VirtualCluster: BitwiseCopyable {
        var conditions: RouteConditions
        var position: Int32
        /// For access logs.
        var name: Bytes
    }
    /// Of the route itself; -1: it has no `stat_prefix`.
    private(set) var route: Int32 = -1
    private let clusters: UnsafeMutablePointer<VirtualCluster>
    private let count: Int
    /// Of requests that none of the virtual clusters is for; -1: there are none.
    private let other: Int32
    /// Envoy's name of it.
    static let otherName = "other"

    /// Those of a virtual host; nil: it has none.
    init?(_ host: VirtualHost, _ table: RequestClassTable) {
        if host.virtualClusters.isEmpty { return nil }
        count = host.virtualClusters.count
        clusters = .kept(capacity: count)
        func position(_ name: String) -> Int32 {
            table.position(of: RequestClass(kind: .vcluster, host: host.name, name: name))
        }
        for (i, cluster) in host.virtualClusters.enumerated() {
            guard let conditions = RouteConditions(headers: cluster.headers) else { return nil }
            (clusters + i).initialize(
                to: VirtualCluster(
                    conditions: conditions, position: position(cluster.name), name: Bytes(keeping: cluster.name)))
        }
        other = position(Self.otherName)
    }

    /// Of a route in a virtual host that has none.
    private init() {
        clusters = .kept(capacity: 1)
        count = 0
        other = -1
    }

    /// Those of a route; nil: its virtual host has none, and neither has the route.
    static func make(
        _ route: Route, in host: VirtualHost, _ ofHost: CompiledRequestClasses?, _ table: RequestClassTable
    ) -> CompiledRequestClasses? {
        guard case .forward = route.action, !route.statPrefix.isEmpty else {
            if !route.statPrefix.isEmpty { _ = position(of: route, in: host, table) }
            return ofHost
        }
        var classes = ofHost ?? CompiledRequestClasses()
        classes.route = position(of: route, in: host, table)
        return classes
    }

    /// As in Envoy there are stats of a route that answers by itself, too; nothing counts there.
    private static func position(of route: Route, in host: VirtualHost, _ table: RequestClassTable) -> Int32 {
        table.position(of: RequestClass(kind: .route, host: host.name, name: route.statPrefix))
    }

    /// The first virtual cluster that the request is of.
    func virtualCluster(_ request: RoutedRequest) -> (position: Int32, name: Bytes) {
        for i in 0..<count where clusters[i].conditions.hold(request) {
            return (clusters[i].position, clusters[i].name)
        }
        return (other, Bytes("other"))
    }
}
