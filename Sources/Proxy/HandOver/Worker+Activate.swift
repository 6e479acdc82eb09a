import CLinux

/// Connections that came over begin to be served. All but `settleResting` is for a parked worker.
extension Worker {
    /// Puts what was adopted into the gauges, before the parent takes it out of its own: for a moment both have it, and at
    /// none nobody. The main thread does it for the parked worker.
    func count() {
        // By filter chain, upgraded ones apart: thousands are in the same few gauges.
        var open = [Int](repeating: 0, count: 2 * snapshot.rowCount)
        defer {
            for (place, number) in open.enumerated() where number > 0 {
                addConnectionGauges(listener: place / 2, upgraded: place % 2 == 1, number)
            }
        }
        for unit in parking.adopted {
            if unit.downstream >= 0, connections[unit.downstream].pointee.kind == .awaitingHeader {
                addDownstreamGauges(connections[unit.downstream], 1)
            } else if unit.downstream >= 0 {
                let d = connections[unit.downstream]
                open[2 * Int(d.pointee.listener) + (d.pointee.flags.contains(.upgraded) ? 1 : 0)] += 1
            }
            if unit.upstream >= 0 { countUpstream(connections[unit.upstream]) }
            if unit.stream >= 0 { countStream(streams[unit.stream]) }
        }
    }

    private func countUpstream(_ u: ConnectionPointer) {
        let cluster = Int(hosts[u.pointee.host].pointee.cluster)
        let stats = clusterStats[cluster]
        stats.gauges[.upstream_cx_active].add(1)
        if u.pointee.kind == .tunnelUpstream, !u.pointee.flags.contains(.upgraded) {
            stats.gauges[.upstream_rq_active].add(1)
            countLoad(u, of: cluster, 1)
        }
    }

    private func countStream(_ s: StreamPointer) {
        let cluster = Int(s.pointee.cluster)
        let listener = Int(connections[s.pointee.downstream].pointee.listener)
        listenerStats[listener].httpGauges[.downstream_rq_active].add(1)
        if s.pointee.filter >= 0, filterStates[s.pointee.filter].pointee.hasFault { countFault(Int32(listener), 1) }
        if s.pointee.upstream >= 0 {
            clusterStats[cluster].gauges[.upstream_rq_active].add(1)
            countLoad(connections[s.pointee.upstream], of: cluster, 1)
        }
        if s.pointee.flags.contains(.pending) { clusterStats[cluster].gauges[.upstream_rq_pending_active].add(1) }
    }

    /// From here the connections are this process's: pools, waiting requests, timers. They are counted already.
    func activate() {
        let adopted = parking.adopted
        parking.adopted = []
        for unit in adopted {
            if unit.upstream >= 0 { activateUpstream(unit.upstream, connections[unit.upstream]) }
            if unit.stream >= 0 { activateStream(unit.stream, streams[unit.stream]) }
        }
        for unit in adopted {
            let isBusy = unit.downstream >= 0 && (unit.stream >= 0 || unit.upstream >= 0)
            wake(unit.downstream, isBusy)
            wake(unit.upstream, isBusy)
        }
        state.pointee.hasResting = !parking.resting.isEmpty
        connectForWaiting()
    }

    private func activateUpstream(_ slot: Int32, _ u: ConnectionPointer) {
        let pool = hosts[u.pointee.host]
        let cluster = Int(pool.pointee.cluster)
        pool.pointee.connections += 1
        if u.pointee.flags.contains(.connecting), u.pointee.kind == .upstreamHTTP { pool.pointee.connecting += 1 }
        use(cluster, .connections, 1)
        if u.pointee.flags.contains(.pooled) { linkIdle(slot, u, pool) }
    }

    private func activateStream(_ slot: Int32, _ s: StreamPointer) {
        let cluster = Int(s.pointee.cluster)
        if s.pointee.flags.contains(.countsRequest) { use(cluster, .requests, 1) }
        if s.pointee.retry >= 0 {
            let retry = retries[s.pointee.retry]
            if retry.pointee.countsRetry { use(cluster, .retries, 1) }
            if retry.pointee.againNs > 0 { hold(s.pointee.host) }
        }
        if s.pointee.flags.contains(.pending) { enqueue(slot, s, hosts[s.pointee.host]) }
    }

    /// Work that no event will announce, and timers; those of connections at rest come later. Busy ones are read at once.
    private func wake(_ slot: Int32, _ isBusy: Bool) {
        guard slot >= 0 else { return }
        let c = connections[slot]
        let hadWork = !c.pointee.flags.isDisjoint(with: [.onReadyList, .readPending])
        c.pointee.flags.remove(.onReadyList)
        // Who is not registered yet rests: what there is to read will be told then.
        guard isBusy || hadWork, !c.pointee.flags.contains(.unregistered) else {
            return parking.resting.append(ReadyEntry(slot: slot, generation: c.pointee.generation))
        }
        armWhatIsDue(slot, c)
        if isBusy, c.pointee.flags.isDisjoint(with: [.readPaused, .connecting]) {
            c.pointee.flags.insert(.readPending)
            makeReady(slot, c)
        } else if hadWork {
            makeReady(slot, c)
        }
    }

    /// Registration and timers of some of those that came over at rest; some in each turn of the loop.
    func settleResting() {
        var settled = 0
        for entry in parking.resting.suffix(Self.restingBatch).reversed() {
            let c = connections[entry.slot]
            if c.pointee.generation == entry.generation, c.pointee.kind != .free, !settle(entry.slot, c) { break }
            settled += 1
        }
        parking.resting.removeLast(settled)
        state.pointee.hasResting = !parking.resting.isEmpty
        // The kernel has no room for more, as the parent may still have them: soon again.
        state.pointee.restUntilNs = settled == 0 && state.pointee.hasResting ? state.pointee.nowNs + Self.againNs : 0
    }

    /// False: it could not be registered.
    private func settle(_ slot: Int32, _ c: ConnectionPointer) -> Bool {
        if c.pointee.flags.contains(.unregistered), !register(slot, c, c.pointee.fd) { return false }
        if c.pointee.timer.tick == 0 { armWhatIsDue(slot, c) }
        return true
    }

    private static let againNs: UInt64 = 10_000_000
    private static let restingBatch = 64

    /// A request that waits needs a connection that is being made; its own may have gone to another worker.
    func connectForWaiting() {
        for slot in 0..<hosts.count {
            let pool = hosts[slot]
            if pool.pointee.isFree { continue }
            if pool.pointee.isByClient {
                if pool.pointee.pendingCount > pool.pointee.connecting { connectForOwn(slot, pool) }
                continue
            }
            while pool.pointee.pendingCount > pool.pointee.connecting {
                if connectUpstream(slot, pool, kind: .upstreamHTTP, for: -1) < 0 { break }
            }
        }
    }
}
