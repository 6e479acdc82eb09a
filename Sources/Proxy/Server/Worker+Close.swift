import CLinux
import Glibc

/// The end of connections.
extension Worker {
    /// Closes at once and forgets the slot; what belongs to it elsewhere (a stream, a tunnel's peer, a pool) must have
    /// been let go before.
    func close(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.kind == .free { return }
        settle(slot, c)
        disarm(slot)
        if c.pointee.host >= 0 { upstreamGone(c) } else if c.pointee.kind != .mirror { downstreamGone(c) }
        // A copy on its way to a child would keep it open for the peer.
        if c.pointee.flags.contains(.passedAhead) { _ = cl_shutdown(c.pointee.fd, Int32(CL_SHUT_BOTH)) }
        _ = cl_close(c.pointee.fd)
        c.pointee.input.free()
        c.pointee.output.free()
        dropAddresses(c)
        dropBucket(c)
        c.pointee.fd = -1
        c.pointee.kind = .free
        // Generations at the very top mean listeners and the mailbox.
        c.pointee.generation = c.pointee.generation < 0xFFFF_FFF0 ? c.pointee.generation &+ 1 : 0
        freed[state.pointee.freedCount] = slot
        state.pointee.freedCount += 1
    }

    private func downstreamGone(_ c: ConnectionPointer) {
        if c.pointee.kind == .awaitingHeader {
            listenerStats[Int(c.pointee.listener)].listenerGauges[.downstream_pre_cx_active].sub(1)
        } else {
            countGone(c)
        }
        if c.pointee.log >= 0 { finishLog(connection: c) }
        cl_owner_add(downstreams, .max)
        open.add(worker: index, listener: listener(of: c), .max)
        if downstreamCount == 0 { hooks.drained(index) }
    }

    /// What was counted when it began (`beginConnection`).
    private func countGone(_ c: ConnectionPointer) {
        let stats = listenerStats + Int(c.pointee.listener)
        let lengthMs = (state.pointee.nowNs &- c.pointee.createdNs) / 1_000_000
        stats.pointee.listener[.downstream_cx_destroy].increment()
        stats.pointee.listenerGauges[.downstream_cx_active].sub(1)
        stats.pointee.workerGauges[.downstream_cx_active].sub(1)
        stats.pointee.listenerHistograms[.downstream_cx_length_ms].record(lengthMs)
        if let limit = snapshot.listeners[Int(c.pointee.listener)].chainLimit {
            limit.pointee.add(-1)
            stats.pointee.limitGauges[.active_connections].sub(1)
        }
        if snapshot.listeners[Int(c.pointee.listener)].isHTTP {
            let remote = c.pointee.flags.contains(.remoteClosed)
            let http = stats.pointee.http
            http[.downstream_cx_destroy].increment()
            http[remote ? .downstream_cx_destroy_remote : .downstream_cx_destroy_local].increment()
            if c.pointee.stream >= 0 {
                http[.downstream_cx_destroy_active_rq].increment()
                http[remote ? .downstream_cx_destroy_remote_active_rq : .downstream_cx_destroy_local_active_rq]
                    .increment()
            }
            stats.pointee.httpGauges[.downstream_cx_active].sub(1)
            if c.pointee.flags.contains(.upgraded) {
                stats.pointee.httpGauges[.downstream_cx_upgrades_active].sub(1)
            } else if !c.pointee.flags.contains(.overLimit) {
                stats.pointee.httpGauges[.downstream_cx_http1_active].sub(1)
            }
            stats.pointee.httpHistograms[.downstream_cx_length_ms].record(lengthMs)
        }
    }

    private func upstreamGone(_ c: ConnectionPointer) {
        let pool = hosts[c.pointee.host]
        let stats = clusterStats[Int(pool.pointee.cluster)]
        if c.pointee.flags.contains(.pooled) { unpool(c) }
        if c.pointee.flags.contains(.spare) { unlinkSpare(c, pool) }
        if c.pointee.flags.contains(.connecting), c.pointee.kind == .upstreamHTTP { pool.pointee.connecting -= 1 }
        pool.pointee.connections -= 1
        use(Int(pool.pointee.cluster), .connections, -1)
        stats.gauges[.upstream_cx_active].sub(1)
        if c.pointee.flags.contains(.remoteClosed) {
            stats.counters[.upstream_cx_destroy_remote].increment()
            if c.pointee.stream >= 0 { stats.counters[.upstream_cx_destroy_remote_with_active_rq].increment() }
        } else {
            stats.counters[.upstream_cx_destroy_local].increment()
            if c.pointee.stream >= 0 { stats.counters[.upstream_cx_destroy_local_with_active_rq].increment() }
        }
        stats.counters[.upstream_cx_destroy].increment()
        if c.pointee.stream >= 0 { stats.counters[.upstream_cx_destroy_with_active_rq].increment() }
        stats.histograms[.upstream_cx_length_ms].record((state.pointee.nowNs &- c.pointee.createdNs) / 1_000_000)
        freeHostIfUnused(c.pointee.host, pool)
    }

    /// Closes a downstream HTTP connection once everything is sent. What the client still sends is read and thrown away
    /// for a while, since a reset would destroy the response on its way (RFC 9112 §9.6).
    func closeAfterFlush(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.kind == .free { return }
        c.pointee.input.free()
        settle(slot, c)
        if c.pointee.output.isEmpty { return finishClosing(slot, c) }
        c.pointee.flags.insert(.closeAfterFlush)
        // Who reads nothing of it for `delayed_close_timeout` is not waited for.
        c.pointee.lastActivityNs = state.pointee.nowNs
        armIdle(slot, c)
    }

    func finishClosing(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.kind != .downstreamHTTP || c.pointee.flags.contains(.readEnded) { return close(slot, c) }
        let delay = snapshot.listeners[Int(c.pointee.listener)].delayedCloseNs
        c.pointee.flags.insert([.lingering, .writeEnded])
        c.pointee.flags.remove([.readPaused, .closeAfterFlush])
        if cl_shutdown(c.pointee.fd, Int32(CL_SHUT_WRITE)) < 0 { return close(slot, c) }
        c.pointee.deadlineNs = state.pointee.nowNs &+ max(delay, 1_000_000)
        arm(slot, deadlineNs: c.pointee.deadlineNs)
        drainLingering(slot, c)
    }

    /// Reads and forgets; closes at the peer's end.
    func drainLingering(_ slot: Int32, _ c: ConnectionPointer) {
        for _ in 0..<16 {
            let count = cl_recv(c.pointee.fd, readBuffer, readCapacity)
            if count == -Int(EAGAIN) { return }
            if count <= 0 {
                c.pointee.flags.insert([.readEnded, .remoteClosed])
                return close(slot, c)
            }
            countReceived(c, count)
        }
        makeReady(slot, c)
    }

    /// A connection that failed under a read or a write: the peer is gone.
    func connectionBroke(_ slot: Int32, _ c: ConnectionPointer) {
        c.pointee.flags.insert([.remoteClosed, .readEnded])
        if c.pointee.flags.contains(.spare) { return close(slot, c) }
        switch c.pointee.kind {
        case .downstreamHTTP: downstreamClosed(slot, c)
        case .upstreamHTTP: upstreamClosed(slot, c)
        case .tunnelUpstream:
            if state.pointee.hasLogs { noteTunnelReset(c) }
            closeTunnel(slot, c)
        case .tunnelDownstream: closeTunnel(slot, c)
        case .awaitingHeader: headerEnded(slot, c, -Int(ECONNRESET))
        case .echo, .leaving: close(slot, c)
        case .mirror, .free: break
        }
    }

    /// Ends every connection and stops accepting.
    func closeEverything() {
        unlisten(nil, closing: false)
        closeConnections()
    }

    private func closeConnections() {
        for slot in 0..<connections.count {
            let c = connections[slot]
            switch c.pointee.kind {
            case .downstreamHTTP: downstreamClosed(slot, c)
            case .tunnelDownstream: closeTunnel(slot, c)
            default: break
            }
        }
        for slot in 0..<connections.count where connections[slot].pointee.kind != .free {
            close(slot, connections[slot])
        }
    }

    // MARK: Drain

    func startDrain(_ drain: Drain) {
        let now = state.pointee.nowNs
        switch drain {
        case .gradual(let overMs):
            state.pointee.drain = DrainState(mode: .gradual, startNs: now, lengthNs: overMs &* 1_000_000)
        case .immediate: state.pointee.drain = DrainState(mode: .immediate, startNs: now, lengthNs: 0)
        case .close:
            state.pointee.drain = DrainState(mode: .finish, startNs: now, lengthNs: 0)
            closeConnections()
        case .finish(let graceMs):
            state.pointee.drain = DrainState(mode: .finish, startNs: now, lengthNs: graceMs &* 1_000_000)
            for slot in 0..<connections.count {
                let c = connections[slot]
                // Nobody waits for those that are only kept for a time.
                if c.pointee.flags.contains(.overLimit), c.pointee.kind == .leaving { close(slot, c) }
                guard c.pointee.kind == .downstreamHTTP, c.pointee.stream < 0,
                    !c.pointee.flags.contains(.lingering)
                else { continue }
                armGrace(slot, c)
            }
        }
        if downstreamCount == 0 { hooks.drained(index) }
    }

    /// An idle connection is half-closed when the grace is over; a request until then is answered with
    /// `Connection: close`.
    func armGrace(_ slot: Int32, _ c: ConnectionPointer) {
        c.pointee.flags.insert(.draining)
        c.pointee.deadlineNs = state.pointee.nowNs &+ state.pointee.drain.lengthNs
        arm(slot, deadlineNs: c.pointee.deadlineNs)
    }

    /// Whether the next response asks its client to go away.
    @inline(__always)
    func drainsNow(_ c: ConnectionPointer) -> Bool {
        if state.pointee.healthCheckFailed { return true }
        return state.pointee.drain.mode != .none && drainsByMode(c)
    }

    @inline(never)
    private func drainsByMode(_ c: ConnectionPointer) -> Bool {
        if state.pointee.hasDrainingRows, drainsByRow(c) { return true }
        let drain = state.pointee.drain
        switch drain.mode {
        case .none, .rows: return false
        case .immediate, .finish: return true
        case .gradual: return drainsGradually(drain.startNs, drain.lengthNs)
        }
    }

    private func drainsGradually(_ startNs: UInt64, _ lengthNs: UInt64) -> Bool {
        let elapsed = state.pointee.nowNs &- startNs
        if elapsed >= lengthNs { return true }
        return random() % max(lengthNs, 1) < elapsed
    }

    private func drainsByRow(_ c: ConnectionPointer) -> Bool {
        guard let drain = snapshot.listeners[Int(c.pointee.listener)].drain else { return false }
        return drainsGradually(drain.startNs, drain.lengthNs)
    }

    /// Whether rows of listeners drain has changed.
    func setDrainingRows(_ drains: Bool) {
        state.pointee.hasDrainingRows = drains
        if state.pointee.drain.mode == (drains ? .none : .rows) {
            state.pointee.drain = DrainState(mode: drains ? .rows : .none)
        }
    }

    /// As if no drain of the process had been asked for.
    func cancelDrain() {
        state.pointee.drain = DrainState(mode: state.pointee.hasDrainingRows ? .rows : .none)
    }
}
