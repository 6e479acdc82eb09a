import Glibc

/// Requests that become tunnels: `Upgrade` (RFC 9110 §7.8) and CONNECT (§9.3.6). `TCP/Worker+Tunnel` passes on what is in
/// them.
extension Worker {
    // MARK: The request

    /// Envoy passes such a request on as an ordinary one, without the upgrade (RFC 9113 §3.1 has dropped it).
    func isHTTP2Upgrade(_ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        let token = upgradeToken(head)
        return UnsafeBufferPointer(start: token.start, count: token.count).equalsFolded("h2c")
    }

    func upgradeToken(_ head: UnsafeMutablePointer<MessageHead>) -> Bytes {
        let field = head.pointee.fields[Int(head.pointee.upgradeField)]
        return Bytes(head.pointee.base + Int(field.value), Int(field.valueLength))
    }

    func upgradeAllowed(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ route: CompiledRoute, _ token: Bytes
    ) -> Bool {
        for i in 0..<min(listener.pointee.upgradeCount, 64) {
            let name = listener.pointee.upgradeNames[i]
            if name.count == token.count, foldedEqual(token.start, name.start, token.count) {
                return route.upgrades & (1 << UInt64(i)) != 0
            }
        }
        return false
    }

    // MARK: The host agrees

    /// Whether this answer of the host is its consent.
    @inline(__always)
    func makesTunnel(_ s: StreamPointer, _ status: UInt16) -> Bool {
        guard s.pointee.flags.contains(.upgrade) else { return false }
        return s.pointee.flags.contains(.connect) ? status / 100 == 2 : status == 101
    }

    /// The host has agreed: from here both connections are a tunnel.
    func becomeTunnel(_ slot: Int32, _ u: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        startResponse(slot, u, s)
        joinTunnel(slot, u, s)
    }

    /// Sends the response head that is in `out`, and joins the two connections behind it.
    private func joinTunnel(_ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer) {
        let down = s.pointee.downstream
        let d = connections[down]
        let stats = listenerStats[Int(d.pointee.listener)]
        let generation = d.pointee.generation
        flushResponse(s)
        if d.pointee.generation != generation || u.pointee.kind == .free { return }
        stats.http[.downstream_cx_upgrades_total].increment()
        stats.httpGauges[.downstream_cx_upgrades_active].add(1)
        stats.httpGauges[.downstream_cx_http1_active].sub(1)
        d.pointee.kind = .tunnelDownstream
        d.pointee.flags.insert(.upgraded)
        d.pointee.flags.remove([.inBody, .readPaused])
        d.pointee.peer = slot
        u.pointee.kind = .tunnelUpstream
        u.pointee.flags.insert(.upgraded)
        u.pointee.flags.remove(.readPaused)
        u.pointee.peer = down
        d.pointee.lastActivityNs = state.pointee.nowNs
        if s.pointee.log >= 0 { logTunnel(s, d) }
        if s.pointee.idleTimeoutNs > 0 { arm(down, deadlineNs: state.pointee.nowNs &+ s.pointee.idleTimeoutNs) }
        d.pointee.flags.insert(.readPending)
        makeReady(down, d)
    }

    /// The stream of a tunnel is over; its connections are closed by the caller.
    func endUpgradedStream(_ d: ConnectionPointer) {
        let streamSlot = d.pointee.stream
        let s = streams[streamSlot]
        let stats = listenerStats + Int(d.pointee.listener)
        if s.pointee.log >= 0 { noteUpgradeEnds(s, d) }
        let up = s.pointee.upstream
        if up >= 0 { detachUpstream(s, connections[up]) }
        d.pointee.stream = -1
        freeStream(streamSlot, s, stats)
    }

    // MARK: CONNECT that ends here

    /// `connect_config`: opens a connection of its own to the host; what the client has sent behind the head waits.
    func terminateConnect(_ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        let cluster = Int(s.pointee.cluster)
        let stats = clusterStats[cluster]
        let limits = snapshot.clusters[cluster]
        let usage = snapshot.usage(of: cluster)
        if limits.limitsRequests, !admit(s, usage, limits.maxRequests) {
            stats.counters[.upstream_rq_active_overflow].increment()
            return reply(slot, c, .overflow)
        }
        if usage.connections >= UInt64(limits.maxConnections) {
            stats.counters[.upstream_cx_overflow].increment()
            return reply(slot, c, .overflow)
        }
        let upstream = connectUpstream(s.pointee.host, hosts[s.pointee.host], kind: .tunnelUpstream, for: slot)
        if upstream < 0 {
            if !limits.watch.isEmpty { noteFailure(s.pointee.host, status: 503) }
            return reply(slot, c, .connectFailure(-upstream))
        }
        let u = connections[upstream]
        u.pointee.flags.insert(.upgraded)
        u.pointee.stream = streamSlot
        s.pointee.upstream = upstream
        stats.gauges[.upstream_rq_active].add(1)
        armIdle(slot, c)
    }

    /// The connection to the host is there: the client is told, in Envoy's words.
    func connectEstablished(_ slot: Int32, _ u: ConnectionPointer) {
        let s = streams[u.pointee.stream]
        let d = connections[s.pointee.downstream]
        let listener = snapshot.listeners + Int(d.pointee.listener)
        if !snapshot.clusters[Int(s.pointee.cluster)].watch.isEmpty { noteTunnel(u.pointee.host) }
        clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_total].increment()
        if s.pointee.flags.contains(.classified) { count(.upstream_rq_total, s) }
        chargeUpstream(s, 200)
        if !snapshot.clusters[Int(s.pointee.cluster)].watch.isEmpty { noteTunnel(u.pointee.host) }
        chargeDownstream(s, listenerStats + Int(d.pointee.listener), 200)
        s.pointee.status = 200
        s.pointee.flags.insert(.responseStarted)
        s.pointee.lastActivityNs = state.pointee.nowNs
        out.clear()
        out.append(s.pointee.flags.contains(.http10) ? "HTTP/1.0 200 OK\r\n" : "HTTP/1.1 200 OK\r\n")
        if s.pointee.cookies >= 0 { writeCookies(s) }
        out.append("date: ")
        appendDate()
        out.append("\r\n")
        out.field("server: ", listener.pointee.serverName)
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
        if s.pointee.flags.contains(.changesResponse) { changeResponse(s, listener, from: 0) }
        if s.pointee.log >= 0 {
            noteConnected(s.pointee.log, d, u)
            noteResponse(s, d, from: 0)
        }
        out.append("\r\n")
        if listener.pointee.headerCase.contains(.proper) { ProperCase.write(out, from: 0) }
        joinTunnel(slot, u, s)
        if u.pointee.kind != .free { makeReady(slot, u) }
    }

    func connectUnreachable(_ slot: Int32, _ u: ConnectionPointer, _ code: Int32) {
        let streamSlot = u.pointee.stream
        let s = streams[streamSlot]
        detachUpstream(s, u)
        close(slot, u)
        upstreamFailed(streamSlot, s, code == ETIMEDOUT ? .connectTimeout : .connectFailure(code))
    }
}
