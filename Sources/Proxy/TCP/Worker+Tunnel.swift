import CLinux
import Glibc

/// Pairs of connections whose bytes are passed on as they come: the TCP proxy, and upgraded HTTP connections.
///
/// A TCP proxy pair ends each way on its own (half-close); an upgraded one ends as a whole, after what was received is
/// sent, as Envoy does it.
extension Worker {
    /// A client of a TCP listener was accepted: connects to a host of its cluster.
    func startTunnel(_ slot: Int32, _ c: ConnectionPointer) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        if listener.pointee.idleTimeoutNs > 0 {
            arm(slot, deadlineNs: state.pointee.nowNs &+ listener.pointee.idleTimeoutNs)
        }
        // Nothing is read before there is somebody to give it to.
        c.pointee.flags.insert([.readPaused, .readPending])
        connectTunnel(slot, c)
    }

    private func connectTunnel(_ slot: Int32, _ c: ConnectionPointer) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        // As in Envoy each attempt has its own, also the one that is too many.
        var clusterIndex = chooseCluster(listener)
        // A file (CDS) has it no more, or not yet.
        if clusterIndex < 0 { return closeUnrouted(slot, c) }
        while c.pointee.requests < listener.pointee.maxConnectAttempts {
            c.pointee.requests &+= 1
            let host = chooseHost(c, listener, cluster: clusterIndex)
            if host < 0 {
                clusterStats[clusterIndex].counters[.upstream_cx_none_healthy].increment()
                if c.pointee.log >= 0 { noteNoHost(c, clusterIndex, .noHealthyUpstream) }
                return close(slot, c)
            }
            let limits = snapshot.clusters[clusterIndex]
            if snapshot.usage(of: clusterIndex).connections >= UInt64(limits.maxConnections) {
                clusterStats[clusterIndex].counters[.upstream_cx_overflow].increment()
                if c.pointee.log >= 0 { noteNoHost(c, clusterIndex, .overflow) }
                return close(slot, c)
            }
            if limits.preconnect.isOn, takeSpare(slot, c, host, hosts[host], cluster: clusterIndex) { return }
            if c.pointee.log >= 0 { noteAttempt(c, clusterIndex, hosts[host]) }
            let upstream = connectUpstream(host, hosts[host], kind: .tunnelUpstream, for: slot)
            if upstream >= 0 {
                c.pointee.peer = upstream
                connections[upstream].pointee.peer = slot
                clusterStats[clusterIndex].gauges[.upstream_rq_active].add(1)
                if limits.preconnect.isOn { connectSpares(host, hosts[host]) }
                return
            }
            if c.pointee.log >= 0 { noteConnectFailure(c, -upstream) }
            if !limits.watch.isEmpty { noteFailure(host, status: 503) }
            clusterIndex = chooseCluster(listener)
            if clusterIndex < 0 { return closeUnrouted(slot, c) }
        }
        if c.pointee.log >= 0 { noteAttemptsExceeded(c, clusterIndex) }
        clusterStats[clusterIndex].counters[.upstream_cx_connect_attempts_exceeded].increment()
        close(slot, c)
    }

    /// The cluster of a TCP proxy's next connection.
    private func chooseCluster(_ listener: UnsafeMutablePointer<CompiledListener>) -> Int {
        let cluster = listener.pointee.tcpClusters?.pointee.choose(random()) ?? listener.pointee.tcpCluster
        if cluster >= 0 { needStats(cluster: Int(cluster)) }
        return Int(cluster)
    }

    private func closeUnrouted(_ slot: Int32, _ c: ConnectionPointer) {
        listenerStats[Int(c.pointee.listener)].tcp[.downstream_cx_no_route].increment()
        if c.pointee.log >= 0 { accessLog.entries[c.pointee.log].pointee.flags.insert(.noClusterFound) }
        close(slot, c)
    }

    func tunnelConnectFailed(_ slot: Int32, _ u: ConnectionPointer, _ code: Int32) {
        if u.pointee.flags.contains(.spare) { return close(slot, u) }
        if u.pointee.stream >= 0 { return connectUnreachable(slot, u, code) }
        let down = u.pointee.peer
        u.pointee.peer = -1
        if !snapshot.clusters[cluster(of: u)].watch.isEmpty {
            noteFailure(u.pointee.host, status: code == ETIMEDOUT ? 504 : 503)
        }
        clusterStats[cluster(of: u)].gauges[.upstream_rq_active].sub(1)
        close(slot, u)
        guard down >= 0 else { return }
        let d = connections[down]
        d.pointee.peer = -1
        if d.pointee.log >= 0 { noteConnectFailure(d, code) }
        connectTunnel(down, d)
    }

    func tunnelConnected(_ slot: Int32, _ u: ConnectionPointer) {
        if u.pointee.stream >= 0 { return connectEstablished(slot, u) }
        guard u.pointee.peer >= 0 else { return close(slot, u) }
        clusterStats[cluster(of: u)].counters[.upstream_rq_total].increment()
        if !snapshot.clusters[cluster(of: u)].watch.isEmpty { noteTunnel(u.pointee.host) }
        let d = connections[u.pointee.peer]
        d.pointee.lastActivityNs = state.pointee.nowNs
        if d.pointee.log >= 0 {
            noteConnected(d.pointee.log, d, u)
            logConnected(d)
        }
        resumeReading(u.pointee.peer, d)
        makeReady(slot, u)
    }

    /// Passes on what has come.
    func readTunnel(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.connecting) { return }
        let generation = c.pointee.generation
        var turns = 0
        while true {
            if c.pointee.flags.contains(.readPaused) {
                c.pointee.flags.insert(.readPending)
                return
            }
            if c.pointee.flags.contains(.readEnded) { return }
            let other = c.pointee.peer
            guard other >= 0 else { return closeTunnel(slot, c) }
            let o = connections[other]
            if !c.pointee.input.isEmpty {
                // Bytes that came behind the request or response head of an upgrade.
                let count = c.pointee.input.count
                if state.pointee.hasLogs { logTunnelBytes(c, min(count, readCapacity)) }
                cl_copy_long(readBuffer, c.pointee.input.bytes, min(count, readCapacity))
                c.pointee.input.consume(min(count, readCapacity))
                write(other, o, readBuffer, min(count, readCapacity))
                if c.pointee.generation != generation || c.pointee.kind == .free { return }
                continue
            }
            let room = Self.bodyChunk(c)
            let count = cl_recv(c.pointee.fd, readBuffer, room)
            if count == -Int(EAGAIN) {
                c.pointee.flags.remove(.readPending)
                return
            }
            if count < 0 { return connectionBroke(slot, c) }
            if count == 0 { return tunnelEnded(slot, c, other, o) }
            countReceived(c, count)
            if state.pointee.hasLogs { logTunnelBytes(c, count) }
            c.pointee.lastActivityNs = state.pointee.nowNs
            if c.pointee.stream >= 0 { streams[c.pointee.stream].pointee.lastActivityNs = state.pointee.nowNs }
            write(other, o, readBuffer, count)
            if c.pointee.generation != generation || c.pointee.kind == .free { return }
            if count < room, !c.pointee.flags.contains(.peerClosing) { return }
            turns += 1
            if turns >= Self.readTurns { return makeReady(slot, c) }
        }
    }

    /// The peer of `c` sends no more.
    private func tunnelEnded(_ slot: Int32, _ c: ConnectionPointer, _ other: Int32, _ o: ConnectionPointer) {
        c.pointee.flags.insert([.readEnded, .remoteClosed])
        c.pointee.flags.remove(.readPending)
        settle(other, o)
        if c.pointee.flags.contains(.upgraded), o.pointee.output.isEmpty { return closeTunnel(slot, c) }
        if c.pointee.flags.contains(.upgraded) {
            // What is on its way to the other side still goes out; nothing more is wanted from it.
            o.pointee.flags.insert(.finishWriting)
            return
        }
        endWriting(other, o)
    }

    /// Both directions are over: nothing is left to be passed on.
    func closeTunnelIfDone(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.upgraded) { return closeTunnel(slot, c) }
        guard c.pointee.peer >= 0 else { return closeTunnel(slot, c) }
        let o = connections[c.pointee.peer]
        let ended: Connection.Flags = [.readEnded, .writeEnded]
        if c.pointee.flags.isSuperset(of: ended), o.pointee.flags.isSuperset(of: ended) { closeTunnel(slot, c) }
    }

    /// Closes both ends. What could not be sent yet gets its chance: an end with unsent bytes is closed when they are out.
    func closeTunnel(_ slot: Int32, _ c: ConnectionPointer) {
        let other = c.pointee.peer
        let downSlot = c.pointee.kind == .tunnelDownstream ? slot : other
        if downSlot >= 0, connections[downSlot].pointee.stream >= 0 {
            endUpgradedStream(connections[downSlot])
        } else if other >= 0 || c.pointee.host >= 0 {
            let up = c.pointee.kind == .tunnelUpstream ? c : connections[other]
            if up.pointee.kind == .tunnelUpstream {
                clusterStats[cluster(of: up)].gauges[.upstream_rq_active].sub(1)
                countLoad(up, of: cluster(of: up), -1)
            }
        }
        c.pointee.peer = -1
        close(slot, c)
        if other >= 0 {
            let o = connections[other]
            o.pointee.peer = -1
            if o.pointee.kind != .free { close(other, o) }
        }
    }
}
