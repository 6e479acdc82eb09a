import ProxyConfig

/// A compiled route: plain data that a request in flight may copy.
struct CompiledRoute: BitwiseCopyable {
    enum Match: UInt8, BitwiseCopyable { case prefix, path, separatedPrefix, connect }
    var match: Match
    var caseSensitive: Bool
    /// In lower case where the match ignores case.
    var pattern: Bytes
    /// Position of the cluster, -1 for a direct response.
    var cluster: Int32
    var timeoutNs: UInt64
    /// The stream's idle timeout: the route's own, else the connection manager's.
    var idleTimeoutNs: UInt64
    var prefixRewrite: Bytes?
    var hostRewrite: Bytes?
    /// Positions in the listener's list of upgrade tokens that are allowed here, as bits.
    var upgrades: UInt64
    /// A CONNECT ends here; the host gets what is in the tunnel.
    var terminatesConnect = false
    var directStatus: UInt16
    var directBody: Bytes
    /// The share of requests it is for; nil: all.
    var share: RuntimeShare?
    var name = Bytes("")

    /// Of a request that has none.
    static var none: CompiledRoute {
        CompiledRoute(
            match: .prefix, caseSensitive: true, pattern: Bytes(""), cluster: -1, timeoutNs: 0, idleTimeoutNs: 0,
            upgrades: 0, directStatus: 0, directBody: Bytes(""))
    }

    /// - Parameter path: the target up to `?` or `#`.
    @inline(__always)
    func matches(_ path: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        switch match {
        case .prefix:
            return caseSensitive ? pattern.isPrefix(of: path, length) : pattern.isPrefixFolded(of: path, length)
        case .path:
            guard length == pattern.count else { return false }
            return caseSensitive ? pattern.isPrefix(of: path, length) : pattern.isPrefixFolded(of: path, length)
        case .connect: return false
        case .separatedPrefix:
            let begins =
                caseSensitive ? pattern.isPrefix(of: path, length) : pattern.isPrefixFolded(of: path, length)
            return begins && (length == pattern.count || path[pattern.count] == UInt8(ascii: "/"))
        }
    }
}

/// A route configuration ready for the hot path: authority to virtual host to route, first match wins.
///
/// Domains are looked up as Envoy does: exact, then the longest matching suffix (`*.example.com`), then the longest
/// prefix (`example.*`), then `*`; the port of the authority counts when the domain names one.
final class RouteTable: @unchecked Sendable {
    private struct Host: BitwiseCopyable {
        var firstRoute: Int32
        var routeCount: Int32
    }
    private struct Domain: BitwiseCopyable {
        /// Without the `*`, in lower case.
        var text: Bytes
        var host: Int32
    }
    // Immutable after init: shared by all workers.
    private let hosts: UnsafeMutablePointer<Host>
    private let routes: UnsafeMutablePointer<CompiledRoute>
    private let exact: ExactTable
    private let suffixes: UnsafeMutableBufferPointer<Domain>
    private let prefixes: UnsafeMutableBufferPointer<Domain>
    private let defaultHost: Int32
    private let onlyDefault: Bool
    /// A route is for a share of the requests: `find` needs a random number.
    let hasShares: Bool

    /// - Parameters:
    ///   - clusters: positions by name.
    ///   - streamIdleTimeoutMs: the connection manager's, for routes without their own.
    ///   - shares: makes what the runtime can change.
    ///   - upgradeTypes: the connection manager's tokens; routes may add some, which get the positions after them.
    init(
        _ configuration: RouteConfiguration, clusters: [String: Int], streamIdleTimeoutMs: UInt64,
        shares: RuntimeShares, upgradeTypes: inout [String]
    ) {
        let managerTypes = upgradeTypes
        let allRoutes = configuration.virtualHosts.flatMap(\.routes)
        for route in allRoutes {
            guard case .forward(let forward) = route.action else { continue }
            for name in forward.upgrades.keys.sorted() where !upgradeTypes.contains(name) { upgradeTypes.append(name) }
        }
        hosts = .allocate(capacity: max(configuration.virtualHosts.count, 1))
        routes = .allocate(capacity: max(allRoutes.count, 1))
        var exactDomains: [(String, Int32)] = []
        var suffixDomains: [Domain] = []
        var prefixDomains: [Domain] = []
        var fallback: Int32 = -1
        var next: Int32 = 0
        for (index, host) in configuration.virtualHosts.enumerated() {
            let first = next
            for route in host.routes {
                var compiled = Self.compile(
                    route, clusters: clusters, streamIdleTimeoutMs: streamIdleTimeoutMs, managerTypes: managerTypes,
                    upgradeTypes: upgradeTypes)
                compiled.share = route.fraction.map { shares.make($0) }
                (routes + Int(next)).initialize(to: compiled)
                next += 1
            }
            (hosts + index).initialize(to: Host(firstRoute: first, routeCount: next - first))
            for domain in host.domains {
                if domain == "*" {
                    fallback = Int32(index)
                } else if domain.hasPrefix("*") {
                    suffixDomains.append(Domain(text: Bytes(String(domain.dropFirst())), host: Int32(index)))
                } else if domain.hasSuffix("*") {
                    prefixDomains.append(Domain(text: Bytes(String(domain.dropLast())), host: Int32(index)))
                } else {
                    exactDomains.append((domain, Int32(index)))
                }
            }
        }
        hasShares = allRoutes.contains { $0.fraction != nil }
        exact = ExactTable(exactDomains)
        suffixes = Self.sorted(suffixDomains)
        prefixes = Self.sorted(prefixDomains)
        defaultHost = fallback
        onlyDefault = exactDomains.isEmpty && suffixDomains.isEmpty && prefixDomains.isEmpty
    }

    private static func sorted(_ domains: [Domain]) -> UnsafeMutableBufferPointer<Domain> {
        let buffer = UnsafeMutableBufferPointer<Domain>.allocate(capacity: domains.count)
        _ = buffer.initialize(from: domains.sorted { $0.text.count > $1.text.count })
        return buffer
    }

    private static func compile(
        _ route: Route, clusters: [String: Int], streamIdleTimeoutMs: UInt64, managerTypes: [String],
        upgradeTypes: [String]
    ) -> CompiledRoute {
        let kind: CompiledRoute.Match
        let text: String
        switch route.match {
        case .prefix(let value): (kind, text) = (.prefix, value)
        case .path(let value): (kind, text) = (.path, value)
        case .pathSeparatedPrefix(let value): (kind, text) = (.separatedPrefix, value)
        case .connect: (kind, text) = (.connect, "")
        }
        var compiled = CompiledRoute(
            match: kind, caseSensitive: route.caseSensitive,
            pattern: Bytes(route.caseSensitive ? text : text.lowercased()), cluster: -1, timeoutNs: 0,
            idleTimeoutNs: streamIdleTimeoutMs &* 1_000_000, upgrades: 0, directStatus: 0, directBody: Bytes(""))
        compiled.name = Bytes(route.name)
        switch route.action {
        case .directResponse(let status, let body):
            compiled.directStatus = status
            compiled.directBody = Bytes(body)
        case .forward(let forward):
            // The loader has checked that the cluster exists.
            compiled.cluster = Int32(clusters[forward.cluster] ?? -1)
            compiled.timeoutNs = forward.timeoutMs &* 1_000_000
            if let idle = forward.idleTimeoutMs { compiled.idleTimeoutNs = idle &* 1_000_000 }
            compiled.prefixRewrite = forward.prefixRewrite.map { Bytes($0) }
            compiled.terminatesConnect = forward.terminatesConnect
            compiled.hostRewrite = forward.hostRewrite.map { Bytes($0) }
            for (i, name) in upgradeTypes.prefix(64).enumerated()
            where forward.upgrades[name] ?? managerTypes.contains(name) {
                compiled.upgrades |= 1 << UInt64(i)
            }
        }
        return compiled
    }

    /// The route of a request, nil when there is none (404).
    ///
    /// - Parameters:
    ///   - authority: as the client sent it, with or without port.
    ///   - path: the target up to `?` or `#`.
    ///   - random: of the request, for routes that are for a share of them.
    func find(
        authority: UnsafePointer<UInt8>, _ authorityLength: Int, path: UnsafePointer<UInt8>, _ pathLength: Int,
        random: UInt64 = 0
    ) -> UnsafePointer<CompiledRoute>? {
        let host = onlyDefault ? defaultHost : virtualHost(authority, authorityLength)
        guard host >= 0 else { return nil }
        let entry = hosts[Int(host)]
        var route = UnsafePointer(routes + Int(entry.firstRoute))
        for _ in 0..<entry.routeCount {
            if route.pointee.matches(path, pathLength), route.pointee.share?.contains(random) ?? true { return route }
            route += 1
        }
        return nil
    }

    /// The route of a CONNECT request, which has no path.
    func findConnect(
        authority: UnsafePointer<UInt8>, _ authorityLength: Int, random: UInt64 = 0
    ) -> UnsafePointer<CompiledRoute>? {
        let host = onlyDefault ? defaultHost : virtualHost(authority, authorityLength)
        guard host >= 0 else { return nil }
        let entry = hosts[Int(host)]
        for i in Int(entry.firstRoute)..<Int(entry.firstRoute + entry.routeCount)
        where routes[i].match == .connect && routes[i].share?.contains(random) ?? true {
            return UnsafePointer(routes + i)
        }
        return nil
    }

    private func virtualHost(_ authority: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        let found = exact.find(authority, length)
        if found >= 0 { return found }
        for domain in suffixes where length > domain.text.count {
            if domain.text.isPrefixFolded(of: authority + (length - domain.text.count), domain.text.count) {
                return domain.host
            }
        }
        for domain in prefixes where length > domain.text.count {
            if domain.text.isPrefixFolded(of: authority, length) { return domain.host }
        }
        return defaultHost
    }
}

/// Exact domains: open addressing over case-folded bytes.
struct ExactTable: @unchecked Sendable {
    private struct Entry: BitwiseCopyable {
        var text: Bytes
        var value: Int32
    }
    private let slots: UnsafeMutablePointer<Entry?>
    private let mask: Int

    init(_ entries: [(String, Int32)]) {
        var capacity = 4
        while capacity < entries.count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: nil, count: capacity)
        for (text, value) in entries {
            let bytes = Bytes(text.lowercased())
            var i = Self.hash(bytes.start, bytes.count) & mask
            while slots[i] != nil { i = (i + 1) & mask }
            slots[i] = Entry(text: bytes, value: value)
        }
    }

    /// The value of a text, ignoring its case, or -1.
    func find(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
        var i = Self.hash(text, length) & mask
        while let entry = slots[i] {
            if entry.text.count == length, foldedEqual(text, entry.text.start, length) { return entry.value }
            i = (i + 1) & mask
        }
        return -1
    }

    /// FNV-1a over the folded bytes.
    private static func hash(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for i in 0..<length { value = (value ^ UInt64(ASCII.lower(text[i]))) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: value ^ (value >> 32))
    }
}
