import ProxyConfig

/// A compiled route: plain data that a request in flight may copy.
struct CompiledRoute: BitwiseCopyable {
    enum Match: UInt8, BitwiseCopyable { case prefix, path, separatedPrefix, regex, connect }
    var match: Match
    var caseSensitive: Bool
    /// In lower case where the match ignores case.
    var pattern: Bytes
    /// Position of the cluster, `noCluster` for an answer of our own, `chosenCluster` where it differs from request to request.
    var cluster: Int32
    var timeoutNs: UInt64
    /// The stream's idle timeout: the route's own, else the connection manager's.
    var idleTimeoutNs: UInt64
    /// The longest that a request may take in all: the route's own, else the connection manager's.
    var duration: UnsafePointer<CompiledDuration>?
    /// Nil: the path goes on as it is.
    var rewrite: CompiledRewrite?
    /// A text in place of the client's host.
    var hostRewrite: Bytes?
    /// Another way to the host; nil: none.
    var otherHost: UnsafePointer<CompiledHostRewrite>?
    /// Positions in the listener's list of upgrade tokens that are allowed here, as bits.
    var upgrades: UInt64
    /// A CONNECT ends here; the host gets what is in the tunnel.
    var terminatesConnect = false
    /// The whole field that tells the host how long it is waited for; empty without a timeout.
    var expectedTimeout = Bytes("")
    /// `RedirectPolicyRecord`, and there is a `retry`, by which requests are kept; nil: redirects are the client's.
    var redirects: UnsafePointer<Bytes>?
    /// Nil: a request is sent once.
    var retry: UnsafePointer<CompiledRetry>?
    /// Bytes of a body that are kept for another try; `.max`: what the listener's connections may keep.
    var bodyLimit = UInt64.max
    /// Where copies of its requests go; nil: nowhere.
    var mirrors: UnsafePointer<CompiledMirrors>?
    /// Who sees how often it was tried.
    var attempts = AttemptMarks()
    /// What chooses the host, in a cluster that looks at it; nil: nothing.
    var hashPolicy: UnsafePointer<CompiledHashPolicy>?
    var directStatus: UInt16
    var directBody: Bytes
    /// Nil: a direct response, or no answer of our own.
    var redirect: UnsafePointer<CompiledRedirect>?
    /// Of `chosenCluster`.
    var choice: UnsafePointer<CompiledChoice>?
    /// What a request must be like besides its path; nil: nothing.
    var conditions: UnsafePointer<RouteConditions>?
    /// What is done to headers; nil: nothing.
    var requestChanges: UnsafePointer<CompiledChanges>?
    var responseChanges: UnsafePointer<CompiledChanges>?
    /// A head is not finished when its fields are written: one of the two, or another host.
    var changesHead = false
    var name = Bytes("")
    /// HTTP filters in front of the router; nil: none.
    var filters: UnsafePointer<CompiledFilters>?
    /// By what its requests are counted beside their cluster; nil: nothing.
    var classes: UnsafePointer<CompiledRequestClasses>?

    static let noCluster: Int32 = -1
    static let chosenCluster: Int32 = -2

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
        // Its conditions have the expression.
        case .regex: return true
        case .separatedPrefix:
            let begins =
                caseSensitive ? pattern.isPrefix(of: path, length) : pattern.isPrefixFolded(of: path, length)
            return begins && (length == pattern.count || path[pattern.count] == UInt8(ascii: "/"))
        }
    }

    /// Whether something else than the path decides too.
    var isConditional: Bool { conditions != nil }

    /// Whether a request whose path matches is for this route.
    @inline(__always)
    func takes(_ request: RoutedRequest) -> Bool { conditions?.pointee.hold(request) ?? true }
}

extension CompiledRoute {
    /// - Parameters:
    ///   - clusters: positions by name.
    ///   - streamIdleTimeoutMs: the connection manager's, for routes without their own.
    ///   - maxStreamDurationMs: the same.
    ///   - managerTypes: tokens that the connection manager allows.
    ///   - upgradeTypes: these and those that routes add.
    init(
        _ route: Route, clusters: ClusterNames, streamIdleTimeoutMs: UInt64, maxStreamDurationMs: UInt64 = 0,
        shares: RuntimeShares,
        suppressesEnvoyHeaders: Bool = false,
        managerTypes: [String], upgradeTypes: [String]
    ) {
        let kind: CompiledRoute.Match
        let text: String
        switch route.match {
        case .prefix(let value): (kind, text) = (.prefix, value)
        case .path(let value): (kind, text) = (.path, value)
        case .pathSeparatedPrefix(let value): (kind, text) = (.separatedPrefix, value)
        case .regex: (kind, text) = (.regex, "")
        case .connect: (kind, text) = (.connect, "")
        }
        self.init(
            match: kind, caseSensitive: route.caseSensitive,
            pattern: route.caseSensitive ? Bytes(keeping: text) : Bytes(folding: text), cluster: -1, timeoutNs: 0,
            idleTimeoutNs: streamIdleTimeoutMs &* 1_000_000, upgrades: 0, directStatus: 0, directBody: Bytes(""))
        name = Bytes(keeping: route.name)
        bodyLimit = route.bodyLimit ?? .max
        requestChanges = CompiledChanges(route.requestChanges, isRequest: true).map { Self.keep($0) }
        responseChanges = CompiledChanges(route.responseChanges, isRequest: false).map { Self.keep($0) }
        duration = CompiledDuration(route.action, otherMs: maxStreamDurationMs).map { Self.keep($0) }
        conditions = RouteConditions(route, shares: shares).map { Self.keep($0) }
        switch route.action {
        case .directResponse(let status, let body):
            directStatus = status
            directBody = Bytes(keeping: body)
        case .redirect(let redirect):
            directStatus = redirect.status
            self.redirect = Self.keep(CompiledRedirect(redirect))
        case .forward(let forward):
            mirrors = CompiledMirrors(forward.mirrors, clusters: clusters, shares: shares).map { Self.keep($0) }
            let clusters = clusters.positions(for: forward.priority)
            switch forward.cluster {
            case .named(let name): cluster = clusters.position(of: name)
            case .header, .weighted: break
            }
            if let choice = CompiledChoice(forward, clusters: clusters, shares: shares) {
                cluster = Self.chosenCluster
                self.choice = Self.keep(choice)
            }
            timeoutNs = forward.timeoutMs &* 1_000_000
            if let idle = forward.idleTimeoutMs { idleTimeoutNs = idle &* 1_000_000 }
            rewrite = forward.rewrite.map { CompiledRewrite($0) }
            if forward.countsAttempts { attempts.insert(.request) }
            if forward.countsAttemptsInResponse { attempts.insert(.response) }
            redirects = forward.redirects.map { Self.keep(Self.record($0, routeName: route.name)) }
            // A request that is kept for another place has a policy that never tries again.
            let policy = forward.retry ?? (redirects == nil ? nil : RetryPolicy(conditions: []))
            retry = policy.map { policy in
                var compiled = CompiledRetry(policy)
                compiled.boundTries(by: timeoutNs)
                compiled.marks = attempts
                if timeoutNs > 0, !suppressesEnvoyHeaders { compiled.marks.insert(.expected) }
                if case .upstream = forward.hostRewrite { compiled.marks.insert(.hostname) }
                return Self.keep(compiled)
            }
            hashPolicy = CompiledHashPolicy(forward.hashPolicies).map { Self.keep($0) }
            let perTryNs = retry?.pointee.perTryNs ?? 0
            let expectedMs = (perTryNs > 0 ? perTryNs : timeoutNs) / 1_000_000
            if perTryNs > 0 || timeoutNs > 0, !suppressesEnvoyHeaders {
                expectedTimeout = Bytes(keeping: "x-envoy-expected-rq-timeout-ms: \(expectedMs)\r\n")
            }
            terminatesConnect = forward.terminatesConnect
            if case .literal(let host) = forward.hostRewrite, !forward.appendsForwardedHost {
                hostRewrite = Bytes(keeping: host)
            } else {
                otherHost = CompiledHostRewrite(forward).map { Self.keep($0) }
            }
            for (i, type) in upgradeTypes.prefix(64).enumerated()
            where forward.upgrades[type] ?? managerTypes.contains(type) {
                upgrades |= 1 << UInt64(i)
            }
        }
        changesHead =
            requestChanges != nil || responseChanges != nil || hostRewrite != nil || otherHost != nil
            || !attempts.isEmpty
    }

    private static func record(_ policy: InternalRedirectPolicy, routeName: String) -> Bytes {
        var writer = RecordWriter(capacity: 256)
        RedirectPolicyRecord.write(policy, routeName: routeName, into: &writer)
        return Bytes(keeping: Array(writer.bytes))
    }

    /// Memory for the life of the process, as all of a `Snapshot`'s.
    private static func keep<Part: BitwiseCopyable>(_ part: Part) -> UnsafePointer<Part> {
        let memory = UnsafeMutablePointer<Part>.kept(capacity: 1)
        memory.initialize(to: part)
        return UnsafePointer(memory)
    }

    /// How much of a path the route matched: what a prefix that is rewritten stands for.
    ///
    /// - Parameter length: of the path without its query.
    @inline(__always)
    func matchedLength(_ length: Int) -> Int { match == .regex ? length : min(pattern.count, length) }
}
