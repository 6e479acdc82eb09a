import ProxyConfig

/// The rows of listeners: each is one filter chain, with what its listener says of all of them.
extension Snapshot {
    /// What they are made with.
    struct RowContext {
        let clusters: ClusterNames
        let shares: RuntimeShares
        let faultCells: FaultCells
        let rateLimits: RateLimitTable
        let memberships: ClusterMemberships
        let classes: RequestClassTable
        /// Positions of the places that lines go to.
        let sinks: [LogSink: Int]
        let node: Node
    }

    /// One of them, made and not in the table yet.
    struct Row {
        var compiled: CompiledListener
        var name: ListenerName
        /// In front of the router.
        var filterCount = 0
        /// That filters may add to one request, with room for those of routes that come later.
        var addedHeaders = 0
    }

    /// - Parameters:
    ///   - index: of the filter chain in `allChains`.
    ///   - position: of the listener's first row.
    ///   - limit: of the listener's connections.
    static func row(
        _ listener: Listener, _ index: Int, position: Int, limit: RuntimeNumber, _ context: RowContext
    ) -> Row {
        let chain = listener.allChains[index]
        let place = place(listener, chain, index)
        var row = Row(
            compiled: freeRow,
            name: ListenerName(statName: statName(listener.statPrefix ?? text(listener.address))))
        switch chain.filter {
        case .tcpProxy(let tcp):
            row.name.tcpPrefix = statName(tcp.statPrefix)
            row.compiled = compile(listener, tcp, context.clusters)
        case .httpConnectionManager(let http): fill(&row, listener, http, place, context)
        case .echo: row.compiled = compile(listener, .echo)
        case .directResponse(let text):
            row.compiled = compile(listener, .leaving)
            row.compiled.fixedResponse = Bytes(keeping: text)
        }
        if let limit = chain.connectionLimit {
            row.name.limitPrefix = statName(limit.statPrefix)
            row.compiled.chainLimit = ChainLimit.make(limit)
        }
        row.compiled.chainRates = ChainRates.make(chain.rateLimits, chain: place, context.rateLimits, context.shares)
        row.compiled.isGuarded = row.compiled.chainLimit != nil || row.compiled.chainRates != nil
        row.compiled.position = Int32(position)
        fillOwn(&row, listener, limit: limit)
        if let logs = ListenerLogs(
            chain.filter.accessLogs, connections: listener.accessLogs, moments: chain.filter.logMoments,
            replies: chain.filter.localReplies, sinks: context.sinks, shares: context.shares)
        {
            row.compiled.log = UnsafeMutablePointer(mutating: keepForever(logs))
            row.compiled.logsConnections = !listener.accessLogs.isEmpty
        }
        return row
    }

    /// What is the listener's own.
    private static func fillOwn(_ row: inout Row, _ listener: Listener, limit: RuntimeNumber) {
        if let filter = listener.proxyProtocol {
            row.name.proxyPrefix = statName(filter.statPrefix)
            row.compiled.headerRules = ProxyHeader.Rules(filter)
            row.compiled.filterTimeoutNs = listener.listenerFiltersTimeoutMs &* 1_000_000
            row.compiled.continuesOnFilterTimeout = listener.continuesOnListenerFiltersTimeout
        }
        row.compiled.restoresDestination = listener.restoresDestination
        row.compiled.handsOff = listener.handsOff
        row.compiled.connectionLimit = limit
    }

    private static func fill(
        _ row: inout Row, _ listener: Listener, _ http: HTTPConnectionManager, _ place: String, _ context: RowContext
    ) {
        row.name.httpPrefix = statName(http.statPrefix)
        var filters: FilterCompiler?
        var faults: UnsafeMutablePointer<UInt64>?
        if !http.filters.isEmpty {
            let kinds = Set(http.filters.map(\.config.kind))
            if kinds.contains("fault") {
                row.name.faultPrefix = row.name.httpPrefix
                faults = context.faultCells.of(http.statPrefix)
            }
            if kinds.contains("cors") { row.name.corsPrefix = row.name.httpPrefix }
            filters = FilterCompiler(
                http.filters,
                FilterContext(
                    listener: place, clusters: context.clusters, shares: context.shares,
                    activeFaults: context.faultCells.of(http.statPrefix), limits: context.rateLimits,
                    memberships: context.memberships, localCluster: Bytes(keeping: context.node.cluster)))
            row.filterCount = http.filters.count
            // Routes that come later may add more.
            row.addedHeaders = http.addedHeaders + (http.routeSource == nil ? 0 : spareAddedHeaders)
        }
        var compiled = compile(listener, http, context.clusters, context.shares, filters, context.classes)
        compiled.filters = filters?.listenerFilters()
        compiled.activeFaults = faults
        if http.addsUserAgent {
            compiled.userAgent = Bytes(keeping: context.node.cluster)
            compiled.nodeID = Bytes(keeping: context.node.id)
        }
        compiled.appendsForwardedPort = http.appendsForwardedPort
        compiled.addsFields = !http.via.isEmpty || http.addsUserAgent || http.appendsForwardedPort
        compiled.headerCase = http.headerCase
        compiled.allowsAbsoluteURL = http.allowsAbsoluteURL
        compiled.keepsAfterErrors = http.keepsAfterErrors
        compiled.limits.requiresHost = !http.keepsAfterErrors
        if !http.allowsAbsoluteURL || http.keepsAfterErrors { compiled.normalizes = true }
        compiled.proxies100 = http.proxies100Continue
        compiled.scheme = http.scheme.map { Bytes(keeping: $0) }
        if http.scheme != nil { compiled.addsFields = true }
        compiled.matchesUpstreamScheme = http.matchesUpstreamScheme && http.scheme == nil
        row.compiled = compiled
    }

    static var ofMirrors: CompiledListener {
        CompiledListener(
            kind: .mirror, isHTTP: true, bufferLimit: 1 << 20, idleTimeoutNs: 0, maxDurationNs: 0,
            upgradeNames: .allocate(capacity: 1))
    }

    /// Of no listener.
    static var freeRow: CompiledListener {
        CompiledListener(
            kind: .leaving, isHTTP: false, bufferLimit: 1 << 20, idleTimeoutNs: 0, maxDurationNs: 0,
            upgradeNames: .kept(capacity: 1))
    }

    /// Of a filter that needs nothing more.
    private static func compile(_ listener: Listener, _ kind: Connection.Kind) -> CompiledListener {
        CompiledListener(
            kind: kind, isHTTP: false, bufferLimit: listener.bufferLimit, idleTimeoutNs: 0, maxDurationNs: 0,
            upgradeNames: .kept(capacity: 1))
    }

    private static func compile(_ listener: Listener, _ tcp: TCPProxy, _ clusters: ClusterNames) -> CompiledListener {
        CompiledListener(
            kind: .tunnelDownstream, isHTTP: false, bufferLimit: listener.bufferLimit,
            tcpCluster: clusters.position(of: tcp.cluster), tcpClusters: TunnelClusters.make(tcp, clusters),
            maxConnectAttempts: max(tcp.maxConnectAttempts, 1), hashesSource: tcp.hashesSource,
            idleTimeoutNs: tcp.idleTimeoutMs &* 1_000_000,
            maxDurationNs: tcp.maxConnectionDurationMs &* 1_000_000, routes: nil, upgradeNames: .kept(capacity: 1))
    }

    static func compile(
        _ listener: Listener, _ http: HTTPConnectionManager, _ clusters: ClusterNames, _ shares: RuntimeShares,
        _ filters: FilterCompiler?, _ classes: RequestClassTable
    ) -> CompiledListener {
        var upgrades = http.upgradeTypes
        let table = RouteTable(
            http.routes, clusters: clusters, streamIdleTimeoutMs: http.streamIdleTimeoutMs,
            maxStreamDurationMs: http.maxStreamDurationMs, shares: shares,
            suppressesEnvoyHeaders: http.suppressesEnvoyHeaders, upgradeTypes: &upgrades, filters: filters,
            classes: classes)
        let names = UnsafeMutablePointer<Bytes>.kept(capacity: max(upgrades.count, 1))
        for (i, name) in upgrades.enumerated() { (names + i).initialize(to: Bytes(keeping: name)) }
        let retained = Unmanaged.passRetained(table)
        KeptMemory.beforeEnd { retained.release() }
        return CompiledListener(
            kind: .downstreamHTTP, isHTTP: true, bufferLimit: listener.bufferLimit,
            idleTimeoutNs: http.idleTimeoutMs &* 1_000_000,
            maxDurationNs: http.maxConnectionDurationMs &* 1_000_000, routes: retained,
            limits: HeadLimits(
                bytes: Int(http.maxRequestHeadersKiB) * 1024, fields: Int(http.maxHeadersCount)),
            serverName: Bytes(keeping: http.serverName), serverHeader: http.serverHeader,
            useRemoteAddress: http.useRemoteAddress, skipXFFAppend: http.skipXFFAppend,
            trustedHops: http.xffTrustedHops, via: Bytes(keeping: http.via), generateRequestID: http.generateRequestID,
            preserveRequestID: http.preserveExternalRequestID, requestIDInResponse: http.requestIDInResponse,
            acceptHTTP10: http.acceptHTTP10, defaultHost: Bytes(keeping: http.defaultHostForHTTP10),
            trailers: http.enableTrailers, maxRequests: http.maxRequestsPerConnection,
            normalization: HeadNormalization(http),
            normalizes: !HeadNormalization(http).isIdle || http.internalAddresses != nil,
            internalAddresses: http.internalAddresses.map { keepForever(CompiledInternalAddresses($0)) },
            suppressesEnvoyHeaders: http.suppressesEnvoyHeaders, respectsExpectedTimeout: http.respectsExpectedTimeout,
            streamIdleTimeoutNs: http.streamIdleTimeoutMs &* 1_000_000,
            requestTimeoutNs: http.requestTimeoutMs &* 1_000_000,
            headersTimeoutNs: http.requestHeadersTimeoutMs &* 1_000_000,
            delayedCloseNs: http.delayedCloseTimeoutMs &* 1_000_000, upgradeNames: names, upgradeCount: upgrades.count)
    }
}
