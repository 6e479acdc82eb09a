import CLinux
import Glibc

/// The downstream side of HTTP/1.1: bytes from the client become requests and go upstream as they come.
extension Worker {
    func readDownstream(_ slot: Int32, _ c: ConnectionPointer) {
        var turns = 0
        while true {
            if c.pointee.flags.contains(.readPaused) {
                c.pointee.flags.insert(.readPending)
                return
            }
            var kept = c.pointee.input.count
            // A client that pipelines without end is not read until its turn comes.
            if c.pointee.stream >= 0, !c.pointee.flags.contains(.inBody), kept >= Self.headChunk {
                c.pointee.flags.insert(.readPending)
                return
            }
            let chunk = c.pointee.flags.contains(.inBody) ? Self.bodyChunk(c) : Self.headChunk
            let room = min(chunk, readCapacity - kept)
            let count: Int
            if kept > 0 {
                count = receiveBehindInput(c, room: room)
                kept = c.pointee.input.count
            } else {
                count = cl_recv(c.pointee.fd, readBuffer, room)
            }
            if !tookDownstream(slot, c, readBuffer, kept, count, room: room) { return }
            turns += 1
            // One fast client does not keep the others waiting. What it has sent already is announced by no event.
            if turns >= Self.readTurns {
                c.pointee.flags.insert(.readPending)
                return makeReady(slot, c)
            }
        }
    }

    /// Uses what a receive brought: `count` bytes, or an error, behind `kept` that were left over. False when there is no more to
    /// read now. The connection may be closed on return.
    func tookDownstream(
        _ slot: Int32, _ c: ConnectionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ kept: Int, _ count: Int,
        room: Int
    ) -> Bool {
        let generation = c.pointee.generation
        if count <= 0 {
            if count == -Int(EAGAIN) {
                c.pointee.flags.remove(.readPending)
            } else {
                c.pointee.flags.insert([.readEnded, .remoteClosed])
                downstreamClosed(slot, c)
            }
            return false
        }
        countReceived(c, count)
        c.pointee.lastActivityNs = state.pointee.nowNs
        let used = processDownstream(slot, c, bytes, kept + count)
        if c.pointee.generation != generation || c.pointee.kind != .downstreamHTTP {
            if c.pointee.generation == generation, c.pointee.kind == .tunnelDownstream {
                c.pointee.input.set(bytes + used, kept + count - used)
                makeReady(slot, c)
            }
            return false
        }
        if c.pointee.flags.contains(.lingering) || c.pointee.flags.contains(.closeAfterFlush) {
            c.pointee.input.free()
            if c.pointee.flags.contains(.lingering) { makeReady(slot, c) }
            return false
        }
        c.pointee.input.set(bytes + used, kept + count - used)
        if count < room, !c.pointee.flags.contains(.peerClosing) {
            c.pointee.flags.remove(.readPending)
            return false
        }
        return true
    }

    /// Goes on with input that was left over (pipelined requests), then with the socket if it may hold more.
    func resumeDownstream(_ slot: Int32, _ c: ConnectionPointer) {
        let generation = c.pointee.generation
        if !c.pointee.input.isEmpty, c.pointee.stream < 0 || c.pointee.flags.contains(.inBody) {
            let kept = min(c.pointee.input.count, readCapacity)
            cl_copy_long(readBuffer, c.pointee.input.bytes, kept)
            let used = processDownstream(slot, c, readBuffer, kept)
            if c.pointee.generation != generation || c.pointee.kind == .free { return }
            if c.pointee.flags.contains(.lingering) || c.pointee.flags.contains(.closeAfterFlush) {
                return c.pointee.input.free()
            }
            c.pointee.input.consume(used)
            if c.pointee.kind == .tunnelDownstream { return makeReady(slot, c) }
        }
        if c.pointee.flags.contains(.readPending) || c.pointee.flags.contains(.peerClosing) { readDownstream(slot, c) }
    }

    /// Uses up what it can of `bytes[0..<count]`, behind which `MessageHead.slack` more may be read; returns how much. The
    /// connection may be closed on return.
    private func processDownstream(
        _ slot: Int32, _ c: ConnectionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let generation = c.pointee.generation
        var p = 0
        while p < count {
            if c.pointee.flags.contains(.inBody) {
                p += receiveBody(slot, c, bytes + p, count - p)
                if c.pointee.generation != generation || c.pointee.kind != .downstreamHTTP { return p }
                if c.pointee.flags.contains(.inBody) { break }
                continue
            }
            if c.pointee.stream >= 0 || !c.pointee.flags.isDisjoint(with: [.closeAfterFlush, .lingering]) { break }
            if c.pointee.output.count > Int(c.pointee.bufferLimit) {
                pauseReading(c)
                break
            }
            let limits = snapshot.listeners[Int(c.pointee.listener)].limits
            switch requestHead.pointee.parseRequest(
                bytes + p, count - p, limits: limits, slack: MessageHead.slack)
            {
            case .incomplete:
                headBegins(slot, c)
                c.pointee.headParsed = UInt32(truncatingIfNeeded: count &- p)
                return p
            case .failed(let error):
                refuse(slot, c, error, head: UnsafeBufferPointer(start: bytes + p, count: count - p))
                return count
            case .complete(let length):
                let startNs = c.pointee.flags.contains(.headStarted) ? c.pointee.deadlineNs : state.pointee.nowNs
                c.pointee.flags.remove(.headStarted)
                startRequest(slot, c, requestHead, startNs: startNs)
                p += length
                if c.pointee.generation != generation || c.pointee.kind != .downstreamHTTP { return p }
            }
        }
        return p
    }

    /// The first bytes of a head have come: its time limits begin.
    private func headBegins(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.headStarted) { return }
        c.pointee.flags.insert(.headStarted)
        c.pointee.deadlineNs = state.pointee.nowNs
        armIdle(slot, c)
    }

    // MARK: Body

    /// Passes on a piece of the request's body; returns how many bytes it used.
    private func receiveBody(
        _ slot: Int32, _ c: ConnectionPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let generation = c.pointee.generation
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return count }
        let s = streams[streamSlot]
        s.pointee.lastActivityNs = state.pointee.nowNs
        if s.pointee.flags.contains(.gathered) { return gatherBody(slot, c, s, bytes, count) }
        var p = 0
        out.clear()
        while true {
            switch c.pointee.decoder.next(bytes + p, count - p) {
            case .data(let offset, let length, let consumed):
                if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.bytesReceived &+= UInt64(length) }
                sendBody(s, bytes + p + offset, length)
                if c.pointee.generation != generation || c.pointee.stream != streamSlot { return count }
                p += consumed
                if c.pointee.decoder.isDone {
                    endRequest(slot, c, s)
                    return p
                }
            case .trailer(let offset, let length, let consumed):
                if s.pointee.flags.contains(.trailers) {
                    if c.pointee.decoder.hasForbiddenTrailer {
                        out.clear()
                        failRequest(slot, c, .badTrailer)
                        return count
                    }
                    if !s.pointee.flags.contains(.requestTrailers) {
                        s.pointee.flags.insert(.requestTrailers)
                        out.append("0\r\n")
                    }
                    out.append(bytes + p + offset, length)
                }
                p += consumed
            case .needMore(let consumed):
                p += consumed
                flushBody(s)
                return p
            case .end(let consumed):
                p += consumed
                endRequest(slot, c, s)
                return p
            case .failed(let error):
                out.clear()
                failRequest(slot, c, error)
                return count
            }
            if p >= count {
                flushBody(s)
                return p
            }
        }
    }

    /// Puts body bytes, framed as the upstream side needs them, behind what is gathered; large ones go out at once.
    private func sendBody(_ s: StreamPointer, _ bytes: UnsafePointer<UInt8>, _ length: Int) {
        if s.pointee.flags.contains(.retains) { retries[s.pointee.retry].pointee.bodyBytes &+= UInt64(length) }
        if s.pointee.flags.contains(.requestChunked) {
            out.append(hex: UInt64(length))
            out.append("\r\n")
        }
        if length < Self.copiedBody || s.pointee.upstream < 0
            || !s.pointee.flags.isDisjoint(with: [.retains, .requestChunked, .mirrored])
        {
            out.append(body: bytes, length)
        } else {
            let up = s.pointee.upstream
            write(up, connections[up], out.bytes, out.count, bytes, length)
            out.clear()
        }
        if s.pointee.flags.contains(.requestChunked) { out.append("\r\n") }
    }

    /// Sends what is gathered to the stream's upstream connection, or keeps it until there is one.
    func flushBody(_ s: StreamPointer) {
        if s.pointee.flags.contains(.mirrored) { return flushMirroredBody(s) }
        flushUpstreamBody(s)
    }

    /// The same without its copies.
    @inline(__always)
    func flushUpstreamBody(_ s: StreamPointer) {
        if out.isEmpty { return }
        let retains = s.pointee.flags.contains(.retains)
        if retains { keepForRetry(s) }
        let up = s.pointee.upstream
        if up >= 0 {
            flushScratch(to: up, connections[up])
            return
        }
        if s.pointee.flags.contains(.pending), !retains {
            s.pointee.buffer.append(out.bytes, out.count)
            if s.pointee.buffer.count > Int(snapshot.clusters[Int(s.pointee.cluster)].bufferLimit) {
                pauseReading(connections[s.pointee.downstream])
            }
        }
        out.clear()
    }

    /// The request is complete.
    private func endRequest(_ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer) {
        if s.pointee.flags.contains(.requestChunked) {
            out.append(s.pointee.flags.contains(.requestTrailers) ? "\r\n" : "0\r\n\r\n")
        }
        c.pointee.flags.remove(.inBody)
        requestEnded(slot, s)
        flushBody(s)
    }

    /// From here the route's timeout runs.
    func requestEnded(_ slot: Int32, _ s: StreamPointer) {
        s.pointee.flags.insert(.requestEnded)
        s.pointee.requestEndNs = state.pointee.nowNs
        if s.pointee.timeoutNs > 0 { arm(slot, deadlineNs: state.pointee.nowNs &+ s.pointee.timeoutNs) }
        if s.pointee.retry >= 0 {
            let r = retries[s.pointee.retry]
            if r.pointee.wasSent { r.pointee.tryNs = state.pointee.nowNs }
            if r.pointee.policy.limitsTries { armIdle(slot, connections[slot]) }
        }
    }

    // MARK: The end of a client

    /// The client is gone: what it had asked for is given up.
    func downstreamClosed(_ slot: Int32, _ c: ConnectionPointer) {
        let stats = listenerStats[Int(c.pointee.listener)]
        let streamSlot = c.pointee.stream
        // Counted while the request still belongs to it.
        if streamSlot >= 0 {
            stats.http[.downstream_rq_rx_reset].increment()
            let s = streams[streamSlot]
            if s.pointee.log >= 0 { noteDisconnect(accessLog.entries[s.pointee.log], c) }
            cancelUpstream(streamSlot, s)
            close(slot, c)
            c.pointee.stream = -1
            freeStream(streamSlot, s, listenerStats + Int(c.pointee.listener))
        } else {
            if state.pointee.hasLogs, c.pointee.flags.contains(.headStarted) { logUnfinishedHead(c) }
            close(slot, c)
        }
    }

    /// Lets the upstream side of a stream go. A connection in the middle of a message cannot be used again.
    func cancelUpstream(_ streamSlot: Int32, _ s: StreamPointer) {
        let stats = clusterStats[Int(max(s.pointee.cluster, 0))]
        if s.pointee.flags.contains(.pending) {
            stats.counters[.upstream_rq_cancelled].increment()
            dequeue(streamSlot, s)
        }
        let up = s.pointee.upstream
        guard up >= 0 else { return }
        let u = connections[up]
        if u.pointee.flags.contains(.connecting) {
            // A CONNECT whose host has not answered yet.
            stats.counters[.upstream_rq_cancelled].increment()
            detachUpstream(s, u)
            return close(up, u)
        }
        stats.counters[.upstream_rq_tx_reset].increment()
        // Closed while it still has its request, so that it is counted as such.
        close(up, u)
        detachUpstream(s, u)
    }

    /// Undoes the bond of a stream and its upstream connection.
    func detachUpstream(_ s: StreamPointer, _ u: ConnectionPointer) {
        s.pointee.upstream = -1
        u.pointee.stream = -1
        clusterStats[Int(s.pointee.cluster)].gauges[.upstream_rq_active].sub(1)
        countLoad(u, of: Int(s.pointee.cluster), -1)
    }

    /// What its response's changes, filters and copies have of it.
    @inline(never)
    private func freeFiltered(_ s: StreamPointer) {
        if !s.pointee.flags.isDisjoint(with: [.mirrored, .mirror]) { endMirroring(s) }
        if s.pointee.flags.contains(.redirects) { dropRedirects(s) }
        s.pointee.changes.free()
        dropFilterState(s, connections[s.pointee.downstream].pointee.listener)
    }

    /// The stream is over, on both sides.
    func freeStream(_ streamSlot: Int32, _ s: StreamPointer, _ stats: UnsafeMutablePointer<ListenerStats>) {
        stats.pointee.httpGauges[.downstream_rq_active].sub(1)
        if !s.pointee.flags.contains(.healthCheck) {
            stats.pointee.httpHistograms[.downstream_rq_time].record(
                (state.pointee.nowNs &- s.pointee.startNs) / 1_000_000)
        }
        if s.pointee.flags.contains(.countsRequest) { use(Int(s.pointee.cluster), .requests, -1) }
        s.pointee.buffer.free()
        if !s.pointee.flags.isDisjoint(with: .haveMore) { freeFiltered(s) }
        if s.pointee.log >= 0 { finishLog(s) }
        if s.pointee.retry >= 0 { dropRetries(s) }
        if s.pointee.cookies >= 0 { dropCookies(s) }
        s.pointee.downstream = -1
        streams.give(streamSlot)
    }
}
