import CLinux
import Glibc

/// Sending: small messages at the end of the turn (`Worker+Outbox`), others straight away, keeping only what the socket
/// refuses; and back-pressure, which pauses whoever produces what cannot be sent.
extension Worker {
    /// Sends `bytes` after what is still waiting. The connection may be closed on return.
    func write(_ slot: Int32, _ c: ConnectionPointer, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        write(slot, c, bytes, count, bytes, 0)
    }

    /// Sends two pieces in one call. The connection may be closed on return.
    func write(
        _ slot: Int32, _ c: ConnectionPointer, _ first: UnsafePointer<UInt8>, _ firstCount: Int,
        _ second: UnsafePointer<UInt8>, _ secondCount: Int
    ) {
        if c.pointee.kind == .free || c.pointee.flags.contains(.writeEnded) { return }
        var sent = 0
        let total = firstCount &+ secondCount
        if total == 0 { return }
        if secondCount == 0, firstCount <= Outbox.longestMessage, c.pointee.output.isEmpty,
            c.pointee.flags.isDisjoint(with: [.connecting, .inOutbox]), outbox.pointee.take(slot, first, firstCount)
        {
            c.pointee.flags.formUnion(.inOutbox)
            return
        }
        settle(slot, c)
        outbox.pointee.due = 1
        if c.pointee.output.isEmpty, !c.pointee.flags.contains(.connecting) {
            let result =
                secondCount == 0
                ? cl_send(c.pointee.fd, first, firstCount, 0)
                : cl_send2(c.pointee.fd, first, firstCount, second, secondCount)
            if result >= 0 {
                sent = result
                countSent(c, sent)
                if sent == total { return }
            } else if result != -Int(EAGAIN) {
                return connectionBroke(slot, c)
            }
        }
        keepUnsent(slot, c, first, firstCount, second, secondCount, sent)
    }

    /// The cold half of a write: the socket is full.
    @inline(never)
    func keepUnsent(
        _ slot: Int32, _ c: ConnectionPointer, _ first: UnsafePointer<UInt8>, _ firstCount: Int,
        _ second: UnsafePointer<UInt8>, _ secondCount: Int, _ sent: Int
    ) {
        if sent < firstCount { c.pointee.output.append(first + sent, firstCount - sent) }
        let skip = max(sent - firstCount, 0)
        c.pointee.output.append(second + skip, secondCount - skip)
        if c.pointee.output.count > Int(c.pointee.bufferLimit) { pauseSource(of: c) }
        if c.pointee.flags.contains(.inputOnly), !watchOutput(slot, c) { connectionBroke(slot, c) }
    }

    /// From now on epoll tells when this connection can be written, also if it can be already. False: out of memory.
    func watchOutput(_ slot: Int32, _ c: ConnectionPointer) -> Bool {
        c.pointee.flags.remove(.inputOnly)
        let data = UInt64(c.pointee.generation) << 32 | UInt64(UInt32(bitPattern: slot))
        return cl_epoll_mod(epoll, c.pointee.fd, Epoll.connection, data) == 0
    }

    /// Sends what the scratch holds and empties it.
    @inline(__always)
    func flushScratch(to slot: Int32, _ c: ConnectionPointer) {
        if out.isEmpty { return }
        write(slot, c, out.bytes, out.count)
        out.clear()
    }

    /// Sends what was kept; called when the socket has room again.
    func flushOutput(_ slot: Int32, _ c: ConnectionPointer) {
        while !c.pointee.output.isEmpty {
            let count = c.pointee.output.count
            let result = cl_send(c.pointee.fd, c.pointee.output.bytes, count, 0)
            if result < 0 {
                if result == -Int(EAGAIN) { break }
                return connectionBroke(slot, c)
            }
            countSent(c, result)
            c.pointee.lastActivityNs = state.pointee.nowNs
            if c.pointee.stream >= 0 { streams[c.pointee.stream].pointee.lastActivityNs = state.pointee.nowNs }
            c.pointee.output.consume(result)
            if result < count { break }
        }
        if c.pointee.output.count <= Int(c.pointee.bufferLimit / 2) {
            resumeSource(of: c)
            // A client that pipelines without reading its responses was paused itself.
            if c.pointee.kind == .downstreamHTTP, c.pointee.stream < 0 { resumeReading(slot, c) }
            if c.pointee.kind == .echo { resumeReading(slot, c) }
        }
        if c.pointee.output.isEmpty { outputFlushed(slot, c) }
    }

    /// What was to happen once everything is sent.
    func outputFlushed(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.closeAfterFlush) {
            c.pointee.flags.remove(.closeAfterFlush)
            finishClosing(slot, c)
        } else if c.pointee.flags.contains(.finishWriting) {
            c.pointee.flags.remove(.finishWriting)
            endWriting(slot, c)
        }
    }

    /// Sends FIN; a tunnel that has ended both ways is closed.
    func endWriting(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.writeEnded) { return }
        settle(slot, c)
        if !c.pointee.output.isEmpty {
            c.pointee.flags.insert(.finishWriting)
            return
        }
        c.pointee.flags.insert(.writeEnded)
        _ = cl_shutdown(c.pointee.fd, Int32(CL_SHUT_WRITE))
        if c.pointee.kind == .tunnelDownstream || c.pointee.kind == .tunnelUpstream { closeTunnelIfDone(slot, c) }
    }

    // MARK: Back-pressure

    /// The connection whose bytes end up in `c`: it is not read while `c` cannot send.
    private func source(of c: ConnectionPointer) -> Int32 {
        if c.pointee.peer >= 0 { return c.pointee.peer }
        guard c.pointee.stream >= 0 else { return -1 }
        let s = streams[c.pointee.stream]
        return c.pointee.kind == .downstreamHTTP ? s.pointee.upstream : s.pointee.downstream
    }

    func pauseSource(of c: ConnectionPointer) {
        let other = source(of: c)
        guard other >= 0, pauseReading(connections[other]), c.pointee.host >= 0 else { return }
        clusterStats[cluster(of: c)].counters[.upstream_flow_control_backed_up_total].increment()
    }

    /// Returns whether it was being read.
    @discardableResult
    func pauseReading(_ c: ConnectionPointer) -> Bool {
        if c.pointee.flags.contains(.readPaused) { return false }
        c.pointee.flags.insert([.readPaused, .readPending])
        switch c.pointee.kind {
        case .downstreamHTTP:
            listenerStats[Int(c.pointee.listener)].http[.downstream_flow_control_paused_reading_total].increment()
        case .tunnelDownstream:
            listenerStats[Int(c.pointee.listener)].tcp[.downstream_flow_control_paused_reading_total].increment()
        case .upstreamHTTP, .tunnelUpstream:
            clusterStats[cluster(of: c)].counters[.upstream_flow_control_paused_reading_total].increment()
        case .free, .awaitingHeader, .echo, .leaving, .mirror: break
        }
        return true
    }

    private func resumeSource(of c: ConnectionPointer) {
        let other = source(of: c)
        guard other >= 0 else { return }
        if c.pointee.host >= 0, connections[other].pointee.flags.contains(.readPaused) {
            clusterStats[cluster(of: c)].counters[.upstream_flow_control_drained_total].increment()
        }
        resumeReading(other, connections[other])
    }

    func resumeReading(_ slot: Int32, _ c: ConnectionPointer) {
        guard c.pointee.flags.contains(.readPaused) else { return }
        c.pointee.flags.remove(.readPaused)
        switch c.pointee.kind {
        case .downstreamHTTP:
            listenerStats[Int(c.pointee.listener)].http[.downstream_flow_control_resumed_reading_total].increment()
        case .tunnelDownstream:
            listenerStats[Int(c.pointee.listener)].tcp[.downstream_flow_control_resumed_reading_total].increment()
        case .upstreamHTTP, .tunnelUpstream:
            clusterStats[cluster(of: c)].counters[.upstream_flow_control_resumed_reading_total].increment()
        case .free, .awaitingHeader, .echo, .leaving, .mirror: break
        }
        makeReady(slot, c)
    }

    // MARK: Counting

    @inline(__always) func cluster(of c: ConnectionPointer) -> Int { Int(hosts[c.pointee.host].pointee.cluster) }

    @inline(__always)
    func countSent(_ c: ConnectionPointer, _ count: Int) {
        if c.pointee.host >= 0 {
            clusterStats[cluster(of: c)].counters[.upstream_cx_tx_bytes_total].add(UInt64(count))
        } else {
            let stats = listenerStats + Int(c.pointee.listener)
            let compiled = snapshot.listeners + Int(c.pointee.listener)
            if compiled.pointee.isHTTP {
                stats.pointee.http[.downstream_cx_tx_bytes_total].add(UInt64(count))
            } else {
                stats.pointee.tcp[.downstream_cx_tx_bytes_total].add(UInt64(count))
            }
            if compiled.pointee.logsConnections { noteWire(c, count, sent: true) }
        }
    }

    @inline(__always)
    func countReceived(_ c: ConnectionPointer, _ count: Int) {
        if c.pointee.host >= 0 {
            clusterStats[cluster(of: c)].counters[.upstream_cx_rx_bytes_total].add(UInt64(count))
        } else {
            let stats = listenerStats + Int(c.pointee.listener)
            let compiled = snapshot.listeners + Int(c.pointee.listener)
            if compiled.pointee.isHTTP {
                stats.pointee.http[.downstream_cx_rx_bytes_total].add(UInt64(count))
            } else {
                stats.pointee.tcp[.downstream_cx_rx_bytes_total].add(UInt64(count))
            }
            if compiled.pointee.logsConnections { noteWire(c, count, sent: false) }
        }
    }
}
