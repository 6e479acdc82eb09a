import StatCatalog

/// Requests that wait for a connection to their host, in the order in which they came.
extension Worker {
    /// A connection to a host has ended, for which requests may have waited: there was no place for another one.
    @inline(never)
    func connectForPending(_ hostSlot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        let limit = UInt64(snapshot.clusters[Int(pool.pointee.cluster)].maxConnections)
        // Where each client has its own nobody ever waits for a place.
        guard !pool.pointee.isFree, !pool.pointee.isByClient else { return }
        while pool.pointee.pendingCount > pool.pointee.connecting {
            let usage = snapshot.usage(of: Int(pool.pointee.cluster))
            if pool.pointee.connections > 0, usage.connections >= limit { return }
            let code = connectUpstream(hostSlot, pool, kind: .upstreamHTTP, for: -1)
            if code >= 0 { continue }
            // As of a connection that fails later.
            while pool.pointee.connections == 0, pool.pointee.pendingHead >= 0 {
                let waiting = pool.pointee.pendingHead
                let s = streams[waiting]
                dequeue(waiting, s)
                clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_pending_failure_eject].increment()
                upstreamFailed(waiting, s, .connectFailure(-code))
            }
            freeHostIfUnused(hostSlot, pool)
            return
        }
    }

    func enqueue(_ streamSlot: Int32, _ s: StreamPointer, _ pool: UnsafeMutablePointer<HostPool>) {
        s.pointee.flags.insert(.pending)
        s.pointee.pendingNext = -1
        s.pointee.pendingPrevious = pool.pointee.pendingTail
        if pool.pointee.pendingTail >= 0 {
            streams[pool.pointee.pendingTail].pointee.pendingNext = streamSlot
        } else {
            pool.pointee.pendingHead = streamSlot
        }
        pool.pointee.pendingTail = streamSlot
        pool.pointee.pendingCount += 1
        use(Int(pool.pointee.cluster), .pending, 1)
    }

    /// Takes a stream out of the pending list of its host.
    func dequeue(_ streamSlot: Int32, _ s: StreamPointer) {
        guard s.pointee.flags.contains(.pending) else { return }
        let pool = hosts[s.pointee.host]
        s.pointee.flags.remove(.pending)
        if s.pointee.pendingPrevious >= 0 {
            streams[s.pointee.pendingPrevious].pointee.pendingNext = s.pointee.pendingNext
        } else {
            pool.pointee.pendingHead = s.pointee.pendingNext
        }
        if s.pointee.pendingNext >= 0 {
            streams[s.pointee.pendingNext].pointee.pendingPrevious = s.pointee.pendingPrevious
        } else {
            pool.pointee.pendingTail = s.pointee.pendingPrevious
        }
        s.pointee.pendingNext = -1
        s.pointee.pendingPrevious = -1
        pool.pointee.pendingCount -= 1
        use(Int(pool.pointee.cluster), .pending, -1)
        clusterStats[Int(s.pointee.cluster)].gauges[.upstream_rq_pending_active].sub(1)
    }
}
