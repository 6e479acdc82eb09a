import ProxyConfig

/// Routes that change while the process runs (RDS).
extension Snapshot {
    /// A connection manager, and where it is.
    struct Manager {
        /// In `listeners`.
        var row: Int
        var listener: Listener
        /// In its `allChains`.
        var chain: Int
        var http: HTTPConnectionManager
    }

    /// A connection manager with other routes, compiled and not in use yet.
    struct RouteChange {
        let row: Int
        let compiled: CompiledListener
        /// All of it.
        let memory: KeptMemory
        /// What the runtime can change in it.
        let shares: RuntimeShares
    }

    /// The connection managers of a configuration, in the order of its text.
    static func managers(_ bootstrap: Bootstrap) -> [Manager] {
        chains(bootstrap).compactMap { manager(row: $0, bootstrap.listeners[$1], chain: $2) }
    }

    /// Nil: the filter chain has none.
    static func manager(row: Int, _ listener: Listener, chain: Int) -> Manager? {
        guard case .httpConnectionManager(let http) = listener.allChains[chain].filter else { return nil }
        return Manager(row: row, listener: listener, chain: chain, http: http)
    }

    /// The TCP proxies of a configuration, by row.
    static func proxies(_ bootstrap: Bootstrap) -> [(row: Int, proxy: TCPProxy)] {
        chains(bootstrap).compactMap { row, listener, chain in
            guard case .tcpProxy(let proxy) = bootstrap.listeners[listener].allChains[chain].filter else { return nil }
            return (row, proxy)
        }
    }

    /// Where `init` puts the filter chains.
    private static func chains(_ bootstrap: Bootstrap) -> [(row: Int, listener: Int, chain: Int)] {
        var further = bootstrap.listeners.count
        var result: [(row: Int, listener: Int, chain: Int)] = []
        for (position, listener) in bootstrap.listeners.enumerated() {
            for chain in listener.allChains.indices {
                result.append((chain == 0 ? position : further, position, chain))
                if chain > 0 { further += 1 }
            }
        }
        return result
    }

    /// The same TCP proxy, where clusters are elsewhere.
    func compile(_ proxy: TCPProxy, row: Int, of bootstrap: Bootstrap) -> RouteChange {
        let (compiled, memory) = KeptMemory.collect {
            var compiled = listeners[row]
            compiled.tcpCluster = clusterPositions.position(of: proxy.cluster)
            compiled.tcpClusters = TunnelClusters.make(proxy, clusterPositions)
            return compiled
        }
        return RouteChange(row: row, compiled: compiled, memory: memory, shares: RuntimeShares())
    }

    /// - Returns: nil: the process has no room for what its filters may add to a request.
    func compile(_ manager: Manager, of bootstrap: Bootstrap) -> RouteChange? {
        guard manager.http.addedHeaders <= maxAddedHeaders else { return nil }
        let listener = manager.listener
        let chain = listener.allChains[manager.chain]
        let shares = RuntimeShares()
        let old = listeners[manager.row]
        let (compiled, memory) = KeptMemory.collect {
            let filters = filterCompiler(
                manager.http, Self.place(listener, chain, manager.chain), shares, localCluster: bootstrap.node.cluster)
            let new = Self.compile(
                listener, manager.http, clusterPositions, shares, filters, requestClasses)
            var compiled = old
            compiled.routes = new.routes
            compiled.upgradeNames = new.upgradeNames
            compiled.upgradeCount = new.upgradeCount
            compiled.filters = filters?.listenerFilters()
            return compiled
        }
        return RouteChange(row: manager.row, compiled: compiled, memory: memory, shares: shares)
    }

    /// nil: there are no filters in front of the router.
    func filterCompiler(
        _ http: HTTPConnectionManager, _ place: String, _ shares: RuntimeShares, localCluster: String
    ) -> FilterCompiler? {
        if http.filters.isEmpty { return nil }
        return FilterCompiler(
            http.filters,
            FilterContext(
                listener: place, clusters: clusterPositions, shares: shares,
                activeFaults: faultCells.of(http.statPrefix), limits: rateLimits, memberships: memberships,
                localCluster: Bytes(keeping: localCluster)))
    }

    /// Names a filter chain: what filters keep for another process is known by it.
    static func place(_ listener: Listener, _ chain: FilterChain, _ position: Int) -> String {
        "\(listener.name)\n\(chain.name)\n\(position)"
    }

    /// Puts it in place. The workers are held; new stats of rate limits have been made.
    func apply(_ change: RouteChange) { listeners[change.row] = change.compiled }
}
