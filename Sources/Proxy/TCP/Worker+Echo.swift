import CLinux
import Glibc

/// Connections that their filter chain answers without looking at what comes: echo, and a fixed response.
extension Worker {
    /// Begins what a connection is there for that is not HTTP.
    ///
    /// Never inlined: HTTP has nothing to begin.
    @inline(never)
    func startOther(_ slot: Int32, _ c: ConnectionPointer) {
        switch c.pointee.kind {
        case .tunnelDownstream: startTunnel(slot, c)
        case .echo:
            // Behind a PROXY header there may be bytes that no event will announce.
            c.pointee.flags.insert(.readPending)
            makeReady(slot, c)
        case .leaving: c.pointee.flags.contains(.overLimit) ? hold(slot, c) : sendFixedResponse(slot, c)
        case .free, .downstreamHTTP, .upstreamHTTP, .tunnelUpstream, .awaitingHeader, .mirror: break
        }
    }

    /// Sends back what has come, as long as the client takes it.
    func readEcho(_ slot: Int32, _ c: ConnectionPointer) {
        let generation = c.pointee.generation
        for _ in 0..<Self.readTurns {
            if !c.pointee.output.isEmpty {
                c.pointee.flags.insert([.readPaused, .readPending])
                return
            }
            var count = min(c.pointee.input.count, readCapacity)
            var isLast = false
            if count > 0 {
                cl_copy_long(readBuffer, c.pointee.input.bytes, count)
                c.pointee.input.consume(count)
            } else {
                let room = Self.bodyChunk(c)
                count = cl_recv(c.pointee.fd, readBuffer, room)
                if count == -Int(EAGAIN) {
                    c.pointee.flags.remove(.readPending)
                    return
                }
                if count <= 0 {
                    c.pointee.flags.insert([.readEnded, .remoteClosed])
                    return close(slot, c)
                }
                countReceived(c, count)
                c.pointee.lastActivityNs = state.pointee.nowNs
                isLast = count < room && !c.pointee.flags.contains(.peerClosing)
            }
            write(slot, c, readBuffer, count)
            if c.pointee.generation != generation || c.pointee.kind == .free { return }
            if isLast {
                c.pointee.flags.remove(.readPending)
                return
            }
        }
        makeReady(slot, c)
    }

    /// Sends the filter chain's text, and closes once it is out.
    private func sendFixedResponse(_ slot: Int32, _ c: ConnectionPointer) {
        let generation = c.pointee.generation
        let text = snapshot.listeners[Int(c.pointee.listener)].fixedResponse
        c.pointee.flags.insert(.lingering)
        c.pointee.input.free()
        write(slot, c, text.start, text.count)
        if c.pointee.generation != generation || c.pointee.kind == .free { return }
        settle(slot, c)
        if c.pointee.generation != generation || c.pointee.kind == .free { return }
        if c.pointee.output.isEmpty { return close(slot, c) }
        c.pointee.flags.insert(.closeAfterFlush)
        makeReady(slot, c)
    }

    /// One that its filter chain does not take: what it sends is thrown away until its time is over.
    private func hold(_ slot: Int32, _ c: ConnectionPointer) {
        var delay = snapshot.listeners[Int(c.pointee.listener)].chainLimit?.pointee.delayNs ?? 0
        if c.pointee.flags.contains(.rateLimited) { delay = 0 }
        if delay == 0 || state.pointee.drain.mode == .finish { return close(slot, c) }
        c.pointee.flags.insert(.lingering)
        c.pointee.input.free()
        c.pointee.deadlineNs = state.pointee.nowNs &+ delay
        arm(slot, deadlineNs: c.pointee.deadlineNs)
        makeReady(slot, c)
    }
}
