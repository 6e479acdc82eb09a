import ProxyConfig

/// Clusters that come, change and go while the process runs (CDS). Each has a row of the table for itself: those that come later in
/// one that was left free for them.
extension Snapshot {
    /// A row with another cluster, compiled and not in use yet.
    struct ClusterChange {
        /// Of the configuration, and in `clusters`.
        let position: Int
        /// nil: there is none any more.
        let cluster: Cluster?
        /// In `clusters`: its own row, and the one for requests of priority HIGH.
        let rows: [(position: Int, compiled: CompiledCluster)]
        let sockets: SocketSettings?
        /// All of it.
        let memory: KeptMemory
        /// What the runtime can change in it.
        let shares: RuntimeShares
    }

    /// So many clusters may come besides those that there are at the start.
    static func spareClusters(_ bootstrap: Bootstrap) -> Int {
        bootstrap.clusterSource == nil ? 0 : max(256, bootstrap.clusters.count)
    }

    /// Rows without a cluster.
    static func spares(_ count: Int) -> [Cluster] {
        Array(repeating: Cluster(name: "", location: SourceLocation(file: "", line: 1, column: 1)), count: count)
    }

    /// How many clusters of the configuration there may be.
    var mostClusters: Int { highPositions.isEmpty ? clusterCount : clusterCount / 2 }

    static func row(_ cluster: Cluster, isHigh: Bool, _ shares: RuntimeShares) -> CompiledCluster {
        let limits = cluster.limits(of: isHigh ? .high : .default)
        var row = CompiledCluster(
            connectTimeoutNs: cluster.connectTimeoutMs &* 1_000_000,
            idleTimeoutNs: cluster.idleTimeoutMs &* 1_000_000, bufferLimit: cluster.bufferLimit,
            maxRequestsPerConnection: cluster.maxRequestsPerConnection,
            maxConnections: limits.maxConnections, maxPending: limits.maxPendingRequests,
            maxRequests: limits.maxRequests, maxRetries: limits.maxRetries,
            retryBudget: shares.makeBudget(limits.retryBudget, cluster: cluster.name, isHigh: isHigh),
            name: Bytes(keeping: cluster.altStatName ?? cluster.name),
            maintenance: shares.make(
                RuntimeFraction(FractionalPercent(0), key: RuntimeKeys.maintenance(of: cluster.name))))
        row.headerCase = cluster.headerCase
        row.maxStreamNs = cluster.maxStreamDurationMs &* 1_000_000
        row.tracksRemaining = limits.tracksRemaining
        row.watch = HostWatch(cluster)
        row.balancing = CompiledBalancing(cluster, shares)
        row.preconnect = CompiledPreconnect(cluster.preconnect)
        row.proxyVersion = cluster.proxyProtocol.map { $0 == .v1 ? .v1 : .v2 }
        if let outliers = cluster.outlierDetection {
            row.consecutive5xx = outliers.consecutive5xx
            row.consecutiveGatewayFailure = outliers.consecutiveGatewayFailure
            row.consecutiveLocalOriginFailure = outliers.consecutiveLocalOriginFailure
        }
        return row
    }

    /// - Parameter cluster: nil: the row is left free.
    func compile(_ cluster: Cluster?, at position: Int) -> ClusterChange {
        let shares = RuntimeShares()
        let high = high(of: position)
        let sockets = cluster.flatMap { SocketSettings($0) }
        let (rows, memory) = KeptMemory.collect {
            ([(position, false)] + (high.map { [($0, true)] } ?? [])).map { row, isHigh in
                var compiled = cluster.map { Self.row($0, isHigh: isHigh, shares) } ?? CompiledCluster.gone
                if isHigh { compiled.base = Int32(position) }
                if sockets != nil { compiled.sockets = Int32(position) }
                return (position: row, compiled: compiled)
            }
        }
        return ClusterChange(
            position: position, cluster: cluster, rows: rows, sockets: sockets, memory: memory, shares: shares)
    }

    /// Names what will be in these rows; `indexNames` makes it found.
    func name(_ clusters: [(position: Int, cluster: Cluster?)]) {
        for (position, cluster) in clusters {
            let statName = cluster.map { Self.statName($0.altStatName ?? $0.name) }
            for row in [position, high(of: position) ?? position] {
                setName(at: row, cluster?.name ?? "", statName ?? clusterStatNames[row])
            }
        }
    }

    /// Puts it in place. The workers are held.
    func apply(_ change: ClusterChange) {
        for (position, compiled) in change.rows {
            let isHigh = position != change.position
            clusters[position] = compiled
            usage(of: position).setLimits(change.cluster?.limits(of: isHigh ? .high : .default) ?? ClusterLimits.none)
        }
        if let sockets = change.sockets {
            if hasSockets.insert(change.position).inserted {
                (socketSettings + change.position).initialize(to: sockets)
            } else {
                socketSettings[change.position] = sockets
            }
        }
    }
}

extension ClusterLimits {
    /// Of no cluster.
    static var none: ClusterLimits {
        var limits = ClusterLimits()
        (limits.maxConnections, limits.maxPendingRequests) = (.max, .max)
        (limits.maxRequests, limits.maxRetries) = (.max, .max)
        return limits
    }
}
