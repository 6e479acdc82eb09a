import StatCatalog

/// Connections that are made before there is a request for them (Envoy's `preconnect_policy`): a request that makes its host, or its
/// cluster, have fewer than the policy wants makes up to three more. Limits of circuit breakers hold for them as for others.
///
/// As in Envoy, but for two things. Envoy foresees by what all clusters of a worker have together, here each cluster is by itself, as the
/// field's documentation says. And where a connection could not be made, the next request tries again, not the failure itself.
extension Worker {
    // MARK: Hosts

    /// The hosts of a cluster that makes connections ahead have changed, or their health: nobody is foreseen any more.
    func prepareAhead(cluster index: Int, _ selection: HostSelection?) {
        let cluster = clusters + index
        for i in 0..<cluster.pointee.memberCount { hosts[cluster.pointee.members[i]].pointee.isUnwell = false }
        let unwell = slots(cluster, selection?.unwell ?? [])
        for slot in unwell { hosts[slot].pointee.isUnwell = true }
        if snapshot.clusters[index].preconnect.isPredictive {
            cluster.pointee.ahead = HostsAhead(capacity: cluster.pointee.memberCount - unwell.count)
        }
    }

    /// Whose turn will be next, -1: nobody can tell.
    private func foresee(cluster index: Int) -> Int32 {
        let cluster = clusters + index
        guard cluster.pointee.ahead.hasRoom, cluster.pointee.hostCount > 0 else { return -1 }
        switch snapshot.clusters[index].balancing.policy {
        case .hash, .originalDst: return -1
        // Who has fewest requests may have more by then.
        case .leastRequest where !cluster.pointee.levels.areScheduled: return -1
        case .leastRequest, .roundRobin, .random: break
        }
        let host = chooseNow(cluster: index, HashKey(), attempt: 0)
        if host >= 0 { cluster.pointee.ahead.add(host) }
        return host
    }

    // MARK: Deciding

    /// A request, or a client of a TCP proxy, is about to come to the cluster.
    func anticipate(cluster index: Int, kind: Connection.Kind) {
        let ratio = snapshot.clusters[index].preconnect.predictive
        let gauges = clusterStats[index].gauges
        for _ in 0..<CompiledPreconnect.most {
            // This worker's parts, which only this worker writes.
            let streams = gauges[.upstream_rq_active].part &+ gauges[.upstream_rq_pending_active].part
            let connections = gauges[.upstream_cx_active].part
            guard streams < 1 << 32, connections < 1 << 32,
                CompiledPreconnect.wantsMore(streams: streams &+ 1, connections: connections, ratio: ratio)
            else { return }
            let host = foresee(cluster: index)
            guard host >= 0, connectAhead(host, hosts[host], kind, ratio: ratio, foreseen: 1) == .made else { return }
        }
    }

    enum Ahead: Equatable {
        case enough, made
        /// Made against the limit, since the host had none.
        case madeOverLimit
        case full
        case failed(Int32)
    }

    /// Makes a connection if its host has too few.
    ///
    /// - Parameter foreseen: requests that will come.
    func connectAhead(
        _ host: Int32, _ pool: UnsafeMutablePointer<HostPool>, _ kind: Connection.Kind, ratio: Float, foreseen: Int32
    ) -> Ahead {
        let cluster = Int(pool.pointee.cluster)
        guard wantsMore(pool.pointee, kind, ratio: ratio, foreseen: foreseen) else { return .enough }
        let isFull = snapshot.usage(of: cluster).connections >= UInt64(snapshot.clusters[cluster].maxConnections)
        if isFull {
            clusterStats[cluster].counters[.upstream_cx_overflow].increment()
            if pool.pointee.connections > 0 { return .full }
        }
        let slot = connectUpstream(host, pool, kind: kind, for: -1)
        guard slot >= 0 else { return .failed(-slot) }
        if kind == .tunnelUpstream { linkSpare(slot, connections[slot], pool) }
        return isFull ? .madeOverLimit : .made
    }

    private func wantsMore(_ pool: HostPool, _ kind: Connection.Kind, ratio: Float, foreseen: Int32) -> Bool {
        if pool.isRemoved { return pool.pendingCount > pool.connecting }
        // A tunnel has its own connection from the start.
        let isHTTP = kind == .upstreamHTTP
        // Those that rest for the other kind serve nobody here: Envoy has two pools.
        let connections = pool.connections - (isHTTP ? pool.spares : pool.idle)
        let streams =
            connections - (isHTTP ? pool.idle : pool.spares) + (isHTTP ? pool.pendingCount - pool.connecting : 0)
        // As in Envoy: an unhealthy host is not given more work than it must have.
        if pool.isUnwell { return isHTTP && pool.pendingCount > pool.connecting + pool.idle }
        return CompiledPreconnect.wantsMore(
            streams: UInt64(max(streams + foreseen, 0)), connections: UInt64(max(connections, 0)), ratio: ratio)
    }

    // MARK: Requests

    /// Finds a connection for a stream as `attach` does, and makes those that the policy wants besides.
    @inline(never)
    func attachAhead(_ streamSlot: Int32, _ s: StreamPointer, _ pool: UnsafeMutablePointer<HostPool>) -> Attach {
        let cluster = Int(pool.pointee.cluster)
        let stats = clusterStats[cluster]
        let limits = snapshot.clusters[cluster]
        let usage = snapshot.usage(of: cluster)
        if limits.preconnect.isPredictive { anticipate(cluster: cluster, kind: .upstreamHTTP) }
        if limits.limitsRequests, !admit(s, usage, limits.maxRequests) {
            stats.counters[.upstream_rq_active_overflow].increment()
            return .overflow
        }
        while pool.pointee.idleHead >= 0 {
            let slot = pool.pointee.idleHead
            let u = connections[slot]
            unpool(u)
            if u.pointee.flags.contains(.peerClosing) {
                close(slot, u)
                continue
            }
            bind(slot, u, streamSlot, s)
            connectAll(s.pointee.host, pool)
            return .connected
        }
        if usage.pending >= UInt64(limits.maxPending) {
            stats.counters[.upstream_rq_pending_overflow].increment()
            return .overflow
        }
        stats.counters[.upstream_rq_pending_total].increment()
        enqueue(streamSlot, s, pool)
        stats.gauges[.upstream_rq_pending_active].add(1)
        if case .failed(let code) = connectAll(s.pointee.host, pool), pool.pointee.connecting == 0 {
            dequeue(streamSlot, s)
            return .failed(code)
        }
        return .pending
    }

    /// As many as the host should have; why it did not go on.
    @discardableResult
    func connectAll(_ host: Int32, _ pool: UnsafeMutablePointer<HostPool>) -> Ahead {
        let ratio = snapshot.clusters[Int(pool.pointee.cluster)].preconnect.perUpstream
        for _ in 0..<CompiledPreconnect.most {
            let result = connectAhead(host, pool, .upstreamHTTP, ratio: ratio, foreseen: 0)
            if result != .made { return result }
        }
        return .made
    }
}

extension WorkerLevels {
    /// Hosts have turns by their weights in all of them.
    var areScheduled: Bool {
        guard let first else { return false }
        return (0..<count).allSatisfy { level in
            (0..<first[level].placeCount).allSatisfy { !first[level].places[$0].schedule.isEmpty }
        }
    }
}
