import ProxyConfig

/// A route configuration ready for the hot path: authority to virtual host to route, first match wins.
///
/// Domains are looked up as Envoy does: exact, then the longest matching suffix (`*.example.com`), then the longest
/// prefix (`example.*`), then `*`; the port of the authority counts when the domain names one.
///
/// A virtual host with few routes tries them in their order. One with more has trees (`RouteTrie`), one for routes that
/// mind the case of the path and one for those that do not, and asks both for the first route that matches.
final class RouteTable: @unchecked Sendable {
    private struct Host: BitwiseCopyable {
        var firstRoute: Int32
        var routeCount: Int32
        /// Whether it has trees.
        var isIndexed = false
        /// Roots of the trees, -1 for none.
        var exactCase: Int32 = -1
        var anyCase: Int32 = -1
        /// Routes for CONNECT, in `connectRoutes`.
        var firstConnect: Int32 = 0
        var connectCount: Int32 = 0
    }
    /// As many routes are tried faster one by one than by tree: see docs/performance.md.
    static let mostTriedInOrder = 4

    // Immutable after init: shared by all workers.
    private let hosts: UnsafeMutablePointer<Host>
    private let routes: UnsafeMutablePointer<CompiledRoute>
    private let trie: RouteTrie
    private let connectRoutes: UnsafeMutablePointer<Int32>
    private let domains: DomainTable
    private let suffixes: DomainTable
    private let prefixes: DomainTable
    private let defaultHost: Int32
    private let onlyDefault: Bool
    /// A route asks for more than the path: what it looks at has to be told to `find`.
    let hasConditions: Bool

    /// - Parameters:
    ///   - clusters: positions by name.
    ///   - streamIdleTimeoutMs: the connection manager's, for routes without their own.
    ///   - maxStreamDurationMs: the same.
    ///   - shares: makes what the runtime can change.
    ///   - upgradeTypes: the connection manager's tokens; routes may add some, which get the positions after them.
    ///   - classes: what there is to count by beside clusters; more are added.
    ///   - mostTriedInOrder: virtual hosts with more routes have trees.
    init(
        _ configuration: RouteConfiguration, clusters: ClusterNames, streamIdleTimeoutMs: UInt64,
        maxStreamDurationMs: UInt64 = 0, shares: RuntimeShares, suppressesEnvoyHeaders: Bool = false,
        upgradeTypes: inout [String],
        filters: FilterCompiler? = nil, classes: RequestClassTable? = nil,
        mostTriedInOrder: Int = RouteTable.mostTriedInOrder
    ) {
        let managerTypes = upgradeTypes
        let allRoutes = configuration.virtualHosts.flatMap(\.routes)
        for route in allRoutes {
            guard case .forward(let forward) = route.action else { continue }
            for name in forward.upgrades.keys.sorted() where !upgradeTypes.contains(name) { upgradeTypes.append(name) }
        }
        hosts = .kept(capacity: max(configuration.virtualHosts.count, 1))
        routes = .kept(capacity: max(allRoutes.count, 1))
        for (i, route) in allRoutes.enumerated() {
            (routes + i).initialize(
                to: CompiledRoute(
                    route, clusters: clusters, streamIdleTimeoutMs: streamIdleTimeoutMs,
                    maxStreamDurationMs: maxStreamDurationMs, shares: shares,
                    suppressesEnvoyHeaders: suppressesEnvoyHeaders, managerTypes: managerTypes,
                    upgradeTypes: upgradeTypes))
        }
        if let filters { Self.addFilters(filters, configuration, to: routes) }
        if let classes { Self.addClasses(classes, configuration, to: routes) }
        var builder = RouteTrieBuilder()
        var connects: [Int32] = []
        var next: Int32 = 0
        for (i, virtualHost) in configuration.virtualHosts.enumerated() {
            var host = Host(firstRoute: next, routeCount: Int32(virtualHost.routes.count))
            next += host.routeCount
            host.firstConnect = Int32(connects.count)
            connects += Self.connectRoutes(routes, Int(host.firstRoute)..<Int(next))
            host.connectCount = Int32(connects.count) - host.firstConnect
            if virtualHost.routes.count > mostTriedInOrder {
                host.isIndexed = true
                let range = Int(host.firstRoute)..<Int(next)
                host.exactCase = builder.add(Self.patterns(routes, range, caseSensitive: true))
                host.anyCase = builder.add(Self.patterns(routes, range, caseSensitive: false))
            }
            (hosts + i).initialize(to: host)
        }
        trie = builder.trie
        connectRoutes = .kept(capacity: max(connects.count, 1))
        connectRoutes.initialize(from: connects, count: connects.count)
        let names = DomainNames(configuration.virtualHosts)
        domains = DomainTable(names.whole)
        suffixes = DomainTable(names.suffixes, from: .back)
        prefixes = DomainTable(names.prefixes)
        defaultHost = names.fallback
        onlyDefault = domains.isEmpty && suffixes.isEmpty && prefixes.isEmpty
        hasConditions = (0..<allRoutes.count).contains { [routes] in routes[$0].isConditional }
    }

    /// Routes that say nothing of filters share those of their virtual host, and so do these.
    private static func addFilters(
        _ filters: FilterCompiler, _ configuration: RouteConfiguration, to routes: UnsafeMutablePointer<CompiledRoute>
    ) {
        let general: [FilterCompiler.Level] =
            configuration.overrides.isEmpty ? [] : [("routes \(configuration.name)", configuration.overrides)]
        let ofAll = filters.compile(general)
        var next = 0
        for host in configuration.virtualHosts {
            let levels = (host.overrides.isEmpty ? [] : [("host \(host.name)", host.overrides)]) + general
            let ofHost = host.overrides.isEmpty ? ofAll : filters.compile(levels)
            for (i, route) in host.routes.enumerated() {
                let place = route.name.isEmpty ? "\(i)" : "\(i) \(route.name)"
                routes[next].filters =
                    route.overrides.isEmpty
                    ? ofHost : filters.compile([("host \(host.name) route \(place)", route.overrides)] + levels)
                next += 1
            }
        }
    }

    /// Routes that say nothing of it share what their virtual host says.
    private static func addClasses(
        _ table: RequestClassTable, _ configuration: RouteConfiguration, to routes: UnsafeMutablePointer<CompiledRoute>
    ) {
        func keep(_ classes: CompiledRequestClasses) -> UnsafePointer<CompiledRequestClasses> {
            let memory = UnsafeMutablePointer<CompiledRequestClasses>.kept(capacity: 1)
            memory.initialize(to: classes)
            return UnsafePointer(memory)
        }
        var next = 0
        for host in configuration.virtualHosts {
            let ofHost = CompiledRequestClasses(host, table)
            let shared = ofHost.map { keep($0) }
            for route in host.routes {
                routes[next].classes =
                    route.statPrefix.isEmpty
                    ? shared : CompiledRequestClasses.make(route, in: host, ofHost, table).map { keep($0) }
                next += 1
            }
        }
    }

    /// Those for CONNECT, up to the first that takes all.
    private static func connectRoutes(_ routes: UnsafePointer<CompiledRoute>, _ range: Range<Int>) -> [Int32] {
        var result: [Int32] = []
        for i in range where routes[i].match == .connect {
            result.append(Int32(i))
            if !routes[i].isConditional { break }
        }
        return result
    }

    private static func patterns(
        _ routes: UnsafePointer<CompiledRoute>, _ range: Range<Int>, caseSensitive: Bool
    ) -> [RouteTrieBuilder.Pattern] {
        range.compactMap { i in
            let route = routes + i
            let follow: RouteTrie.Entry.Follow
            switch route.pointee.match {
            case .prefix, .regex: follow = .anything
            case .path: follow = .end
            case .separatedPrefix: follow = .endOrSlash
            case .connect: return nil
            }
            guard route.pointee.caseSensitive == caseSensitive else { return nil }
            return RouteTrieBuilder.Pattern(
                text: route.pointee.pattern,
                entry: .init(route: Int32(i), follow: follow, isConditional: route.pointee.isConditional))
        }
    }

    /// The route of a request, nil when there is none (404).
    ///
    /// - Parameters:
    ///   - authority: as the client sent it, with or without port.
    ///   - path: the target up to `?` or `#`.
    ///   - request: for routes with conditions.
    func find(
        authority: UnsafePointer<UInt8>, _ authorityLength: Int, path: UnsafePointer<UInt8>, _ pathLength: Int,
        request: RoutedRequest = RoutedRequest()
    ) -> UnsafePointer<CompiledRoute>? {
        let position = onlyDefault ? defaultHost : virtualHost(authority, authorityLength)
        guard position >= 0 else { return nil }
        let host = hosts + Int(position)
        if host.pointee.isIndexed { return look(host, path, pathLength, request) }
        var route = UnsafePointer(routes + Int(host.pointee.firstRoute))
        for _ in 0..<host.pointee.routeCount {
            if route.pointee.matches(path, pathLength), route.pointee.takes(request) { return route }
            route += 1
        }
        return nil
    }

    private func look(
        _ host: UnsafeMutablePointer<Host>, _ path: UnsafePointer<UInt8>, _ length: Int, _ request: RoutedRequest
    ) -> UnsafePointer<CompiledRoute>? {
        let none = Int32.max
        let routes = routes
        var best = none
        if host.pointee.exactCase >= 0 {
            best = trie.first(root: host.pointee.exactCase, path, length, isFolded: false, before: best) {
                routes[Int($0)].takes(request)
            }
        }
        if host.pointee.anyCase >= 0 {
            best = trie.first(root: host.pointee.anyCase, path, length, isFolded: true, before: best) {
                routes[Int($0)].takes(request)
            }
        }
        return best == none ? nil : UnsafePointer(routes + Int(best))
    }

    /// The route of a CONNECT request, which has no path.
    func findConnect(
        authority: UnsafePointer<UInt8>, _ authorityLength: Int, request: RoutedRequest = RoutedRequest()
    ) -> UnsafePointer<CompiledRoute>? {
        let position = onlyDefault ? defaultHost : virtualHost(authority, authorityLength)
        guard position >= 0 else { return nil }
        let first = Int(hosts[Int(position)].firstConnect)
        for i in first..<(first + Int(hosts[Int(position)].connectCount)) {
            let route = routes + Int(connectRoutes[i])
            if route.pointee.takes(request) { return UnsafePointer(route) }
        }
        return nil
    }

    private func virtualHost(_ authority: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        var found = domains.find(authority, length)
        if found < 0 { found = suffixes.longest(authority, length) }
        if found < 0 { found = prefixes.longest(authority, length) }
        return found < 0 ? defaultHost : found
    }
}
