import CLinux
import Glibc

/// The upstream side of HTTP/1.1: bytes from the host become the response and go downstream as they come.
extension Worker {
    func readUpstream(_ slot: Int32, _ u: ConnectionPointer) {
        var turns = 0
        while true {
            if u.pointee.flags.contains(.readPaused) {
                u.pointee.flags.insert(.readPending)
                return
            }
            var kept = u.pointee.input.count
            let room = min(Self.bodyChunk(u), readCapacity - kept)
            let count: Int
            if kept > 0 {
                count = receiveBehindInput(u, room: room)
                kept = u.pointee.input.count
            } else {
                count = cl_recv(u.pointee.fd, readBuffer, room)
            }
            if !tookUpstream(slot, u, readBuffer, kept, count, room: room) { return }
            turns += 1
            if turns >= Self.readTurns { return makeReady(slot, u) }
        }
    }

    /// Uses what a receive brought, as `tookDownstream` does.
    func tookUpstream(
        _ slot: Int32, _ u: ConnectionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ kept: Int, _ count: Int,
        room: Int
    ) -> Bool {
        let generation = u.pointee.generation
        if count <= 0 {
            if count == -Int(EAGAIN) {
                u.pointee.flags.remove(.readPending)
            } else {
                u.pointee.flags.insert([.readEnded, .remoteClosed])
                upstreamClosed(slot, u)
            }
            return false
        }
        countReceived(u, count)
        u.pointee.lastActivityNs = state.pointee.nowNs
        guard u.pointee.stream >= 0 else {
            // A host has nothing to say that nobody asked for (RFC 9112 §9.2).
            clusterStats[cluster(of: u)].counters[.upstream_cx_protocol_error].increment()
            close(slot, u)
            return false
        }
        if count > Inbox.longestMessage { u.pointee.flags.insert(.bulk) } else { u.pointee.flags.remove(.bulk) }
        let used = processUpstream(slot, u, bytes, kept + count)
        if u.pointee.generation != generation || u.pointee.kind == .free { return false }
        u.pointee.input.set(bytes + used, kept + count - used)
        if u.pointee.kind == .tunnelUpstream {
            makeReady(slot, u)
            return false
        }
        if count < room, !u.pointee.flags.contains(.peerClosing) {
            u.pointee.flags.remove(.readPending)
            return false
        }
        return true
    }

    private func processUpstream(
        _ slot: Int32, _ u: ConnectionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let streamSlot = u.pointee.stream
        let s = streams[streamSlot]
        s.pointee.lastActivityNs = state.pointee.nowNs
        s.pointee.flags.insert(.responseSeen)
        var p = 0
        out.clear()
        while p < count {
            if u.pointee.flags.contains(.inBody) {
                return p + receiveResponseBody(slot, u, streamSlot, s, bytes + p, count - p)
            }
            let method = s.pointee.method
            switch responseHead.pointee.parseResponse(
                bytes + p, count - p, limits: .response, requestMethod: method, slack: MessageHead.slack)
            {
            case .incomplete:
                u.pointee.headParsed = UInt32(truncatingIfNeeded: count &- p)
                return p
            case .failed:
                protocolError(slot, u, streamSlot, s)
                return count
            case .complete(let length):
                p += length
                let status = responseHead.pointee.status
                if status < 200, status != 101 {
                    let generation = u.pointee.generation
                    passInterim(s)
                    // The client's connection may have broken, and ended the request.
                    if u.pointee.generation != generation || u.pointee.stream != streamSlot { return count }
                    continue
                }
                if makesTunnel(s, status) {
                    becomeTunnel(slot, u, streamSlot, s)
                    return p
                }
                if status == 101 {
                    protocolError(slot, u, streamSlot, s)
                    return count
                }
                if s.pointee.flags.contains(.retains) {
                    if s.pointee.flags.contains(.redirects), followsRedirect(slot, u, s, leftover: count - p) {
                        return count
                    }
                    if retriesResponse(slot, u, s, leftover: count - p) { return count }
                    endRetries(s)
                }
                startResponse(slot, u, s)
                if responseHead.pointee.framing == .length, count - p < Self.copiedBody,
                    responseHead.pointee.contentLength <= UInt64(count - p)
                {
                    // All of a short body is there.
                    let body = Int(responseHead.pointee.contentLength)
                    sendResponseBody(s, bytes + p, body)
                    u.pointee.decoder = BodyDecoder()
                    endResponse(slot, u, streamSlot, s, leftover: count - p - body)
                    return count
                }
                u.pointee.decoder = BodyDecoder(
                    framing: responseHead.pointee.framing, length: responseHead.pointee.contentLength)
                if u.pointee.decoder.isDone {
                    endResponse(slot, u, streamSlot, s, leftover: count - p)
                    return count
                }
                u.pointee.flags.insert(.inBody)
            }
        }
        flushResponse(s)
        return p
    }

    /// Passes on a piece of the response's body; returns how many bytes it used.
    @inline(never)
    private func receiveResponseBody(
        _ slot: Int32, _ u: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let generation = u.pointee.generation
        var p = 0
        while true {
            switch u.pointee.decoder.next(bytes + p, count - p) {
            case .data(let offset, let length, let consumed):
                sendResponseBody(s, bytes + p + offset, length)
                if u.pointee.generation != generation || u.pointee.stream != streamSlot { return count }
                p += consumed
                if u.pointee.decoder.isDone {
                    endResponse(slot, u, streamSlot, s, leftover: count - p)
                    return count
                }
            case .trailer(let offset, let length, let consumed):
                if s.pointee.flags.isSuperset(of: [.trailers, .responseChunked]) {
                    if u.pointee.decoder.hasForbiddenTrailer {
                        protocolError(slot, u, streamSlot, s)
                        return count
                    }
                    if !s.pointee.flags.contains(.responseTrailers) {
                        s.pointee.flags.insert(.responseTrailers)
                        out.append("0\r\n")
                    }
                    out.append(bytes + p + offset, length)
                }
                p += consumed
            case .needMore(let consumed):
                flushResponse(s)
                return p + consumed
            case .end(let consumed):
                p += consumed
                endResponse(slot, u, streamSlot, s, leftover: count - p)
                return count
            case .failed:
                protocolError(slot, u, streamSlot, s)
                return count
            }
            if p >= count {
                flushResponse(s)
                return p
            }
        }
    }

    /// What is shorter is copied behind what is gathered: a call for each chunk, and one for the CRLF behind it, cost more than
    /// copying what was read.
    static let copiedBody = 16 * 1024

    @inline(__always)
    private func sendResponseBody(_ s: StreamPointer, _ bytes: UnsafePointer<UInt8>, _ length: Int) {
        if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.bytesSent &+= UInt64(length) }
        if s.pointee.flags.contains(.responseChunked) {
            out.append(hex: UInt64(length))
            out.append("\r\n")
        }
        if length < Self.copiedBody || s.pointee.flags.contains(.responseChunked) {
            out.append(body: bytes, length)
        } else {
            let down = s.pointee.downstream
            write(down, connections[down], out.bytes, out.count, bytes, length)
            out.clear()
        }
        if s.pointee.flags.contains(.responseChunked) { out.append("\r\n") }
    }

    func flushResponse(_ s: StreamPointer) {
        let down = s.pointee.downstream
        if down >= 0, !out.isEmpty { flushScratch(to: down, connections[down]) }
        out.clear()
    }

    // MARK: The end of a response

    /// The response is complete: the connection goes back to the pool, the client is ready for its next request.
    private func endResponse(
        _ slot: Int32, _ u: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer, leftover: Int
    ) {
        if s.pointee.flags.contains(.responseChunked) {
            out.append(s.pointee.flags.contains(.responseTrailers) ? "\r\n" : "0\r\n\r\n")
        }
        s.pointee.flags.insert(.responseEnded)
        recordUpstreamTime(s)
        let stats = clusterStats[Int(s.pointee.cluster)]
        u.pointee.flags.remove(.inBody)
        let limit = snapshot.clusters[Int(s.pointee.cluster)].maxRequestsPerConnection
        if limit > 0, u.pointee.requests >= limit {
            stats.counters[.upstream_cx_max_requests].increment()
            s.pointee.flags.insert(.closeUpstream)
        }
        if leftover > 0 { stats.counters[.upstream_cx_protocol_error].increment() }
        let reusable =
            leftover == 0 && u.pointee.output.isEmpty
            && s.pointee.flags.contains(.requestEnded) && !s.pointee.flags.contains(.closeUpstream)
            && u.pointee.flags.isDisjoint(with: [.readEnded, .peerClosing, .inOutbox])
        detachUpstream(s, u)
        u.pointee.input.free()
        u.pointee.flags.insert(.used)
        u.pointee.flags.remove(.readPaused)
        let down = s.pointee.downstream
        let d = connections[down]
        // The last bytes go out while the stream still knows its downstream; a failure there ends the stream itself.
        let generation = d.pointee.generation
        flushScratch(to: down, d)
        out.clear()
        if d.pointee.generation == generation, d.pointee.kind == .downstreamHTTP || d.pointee.kind == .mirror,
            d.pointee.stream == streamSlot
        {
            // As Envoy does, and RFC 9112 §9.6 allows: who has said that it sends no more, and has sent no more, needs nobody
            // to wait for its end.
            if s.pointee.flags.contains(.clientCloses) { settle(down, d) }
            if s.pointee.flags.contains(.clientCloses), d.pointee.output.isEmpty, d.pointee.input.isEmpty,
                !d.pointee.flags.contains(.readPending), s.pointee.flags.contains(.requestEnded)
            {
                d.pointee.stream = -1
                freeStream(streamSlot, s, listenerStats + Int(d.pointee.listener))
                close(down, d)
            } else {
                finishStream(down, d, s)
            }
        }
        if reusable {
            serveNext(slot, u)
        } else {
            if s.pointee.flags.contains(.closeUpstream) { stats.counters[.upstream_cx_close_notify].increment() }
            close(slot, u)
        }
    }

    /// Both sides of a request are done with: the client's connection rests, or ends.
    func finishStream(_ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer) {
        let stats = listenerStats + Int(c.pointee.listener)
        let streamSlot = c.pointee.stream
        let closes =
            !s.pointee.flags.contains(.requestEnded) || s.pointee.flags.contains(.closeDownstream)
            || s.pointee.flags.contains(.responseUntilClose)
        c.pointee.stream = -1
        c.pointee.flags.remove([.inBody, .readPaused])
        freeStream(streamSlot, s, stats)
        if closes { return closeAfterFlush(slot, c) }
        if state.pointee.drain.mode == .finish { armGrace(slot, c) } else { armIdle(slot, c) }
        if !c.pointee.input.isEmpty || c.pointee.flags.contains(.readPending) { makeReady(slot, c) }
    }

    /// The host is gone, or broke the connection.
    func upstreamClosed(_ slot: Int32, _ u: ConnectionPointer) {
        let streamSlot = u.pointee.stream
        guard streamSlot >= 0 else { return close(slot, u) }
        let s = streams[streamSlot]
        let stats = clusterStats[Int(s.pointee.cluster)]
        if u.pointee.flags.contains(.inBody), u.pointee.decoder.state == .untilClose {
            // The end of the connection is the end of the body (RFC 9112 §6.3).
            s.pointee.flags.insert(.closeUpstream)
            out.clear()
            return endResponse(slot, u, streamSlot, s, leftover: 0)
        }
        let begun = u.pointee.flags.contains(.inBody) || !u.pointee.input.isEmpty
        // The request may be sent again: its host is not given away with the connection.
        let host = u.pointee.host
        hold(host)
        defer { letGo(host) }
        stats.counters[.upstream_rq_rx_reset].increment()
        if begun, !s.pointee.flags.contains(.responseStarted) {
            stats.counters[.upstream_cx_protocol_error].increment()
        }
        close(slot, u)
        detachUpstream(s, u)
        out.clear()
        upstreamFailed(streamSlot, s, begun ? .protocolError : .terminated)
    }

    /// What the host sent is not HTTP as it should be.
    private func protocolError(_ slot: Int32, _ u: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        clusterStats[Int(s.pointee.cluster)].counters[.upstream_cx_protocol_error].increment()
        flushResponse(s)
        if u.pointee.kind == .free || u.pointee.stream != streamSlot { return }
        let host = u.pointee.host
        hold(host)
        defer { letGo(host) }
        close(slot, u)
        detachUpstream(s, u)
        upstreamFailed(streamSlot, s, .protocolError)
    }
}
