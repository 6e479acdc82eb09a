import StatCatalog

/// Connections of a TCP proxy that are made ahead. Nothing is read from them before somebody has them, so that what a host says
/// first waits for its client; they are closed when the host closes them, or when nobody has taken them for a while.
///
/// They stay behind in a hot restart: the new process makes its own for its next client.
extension Worker {
    /// As long as Envoy keeps them (`TcpProtocolOptions.idle_timeout`).
    static let spareIdleNs: UInt64 = 600 * 1_000_000_000

    /// Gives a client a connection that there is already; false: there is none, and it must make its own.
    @inline(never)
    func takeSpare(
        _ slot: Int32, _ c: ConnectionPointer, _ host: Int32, _ pool: UnsafeMutablePointer<HostPool>, cluster: Int
    ) -> Bool {
        if snapshot.clusters[cluster].preconnect.isPredictive { anticipate(cluster: cluster, kind: .tunnelUpstream) }
        let upstream = pool.pointee.spareHead
        if upstream < 0 { return false }
        let u = connections[upstream]
        unlinkSpare(u, pool)
        u.pointee.flags.remove(.readPaused)
        u.pointee.peer = slot
        c.pointee.peer = upstream
        if c.pointee.log >= 0 { noteAttempt(c, cluster, pool) }
        clusterStats[cluster].gauges[.upstream_rq_active].add(1)
        // One of its client's in all else; a pair has its timer at the client's end.
        if !u.pointee.flags.contains(.connecting) {
            disarm(upstream)
            countLoad(u, of: cluster, 1)
            tunnelConnected(upstream, u)
        }
        connectSpares(host, pool)
        return true
    }

    /// As many as the host should have.
    func connectSpares(_ host: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        let ratio = snapshot.clusters[Int(pool.pointee.cluster)].preconnect.perUpstream
        for _ in 0..<CompiledPreconnect.most
        where connectAhead(host, pool, .tunnelUpstream, ratio: ratio, foreseen: 0) != .made { return }
    }

    func spareConnected(_ slot: Int32, _ u: ConnectionPointer, _ pool: UnsafeMutablePointer<HostPool>) {
        // Who is ready is taken first.
        unlinkSpare(u, pool)
        linkSpare(slot, u, pool)
        if pool.pointee.isRemoved { return close(slot, u) }
        arm(slot, deadlineNs: state.pointee.nowNs &+ Self.spareIdleNs)
    }

    func linkSpare(_ slot: Int32, _ u: ConnectionPointer, _ pool: UnsafeMutablePointer<HostPool>) {
        u.pointee.flags.insert([.spare, .readPaused])
        u.pointee.poolPrevious = -1
        u.pointee.poolNext = pool.pointee.spareHead
        if pool.pointee.spareHead >= 0 { connections[pool.pointee.spareHead].pointee.poolPrevious = slot }
        pool.pointee.spareHead = slot
        pool.pointee.spares += 1
    }

    func unlinkSpare(_ u: ConnectionPointer, _ pool: UnsafeMutablePointer<HostPool>) {
        if u.pointee.poolPrevious >= 0 {
            connections[u.pointee.poolPrevious].pointee.poolNext = u.pointee.poolNext
        } else {
            pool.pointee.spareHead = u.pointee.poolNext
        }
        if u.pointee.poolNext >= 0 { connections[u.pointee.poolNext].pointee.poolPrevious = u.pointee.poolPrevious }
        u.pointee.poolNext = -1
        u.pointee.poolPrevious = -1
        u.pointee.flags.remove(.spare)
        pool.pointee.spares -= 1
    }

    /// Those of all hosts: new clients go to another process.
    func closeSpares() {
        for slot in 0..<hosts.count where !hosts[slot].pointee.isFree { closeSpares(hosts[slot]) }
    }

    func closeSpares(_ pool: UnsafeMutablePointer<HostPool>) {
        while pool.pointee.spareHead >= 0 { close(pool.pointee.spareHead, connections[pool.pointee.spareHead]) }
    }
}
