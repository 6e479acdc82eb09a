import Glibc

/// Copies of requests for other clusters (`request_mirror_policies`). A copy is a stream like any other, but for its client: that is a
/// connection of kind `mirror`, without a descriptor, which takes nothing of what is written to it. So it waits for connections,
/// is timed, counted and answered as all are, and nobody sees it.
///
/// The original never waits for a copy: one whose host takes the body too slowly is given up. In a hot restart copies stay with the
/// process that made them.
extension Worker {
    /// Sends the copies of a request. Its head, and all of a body that was waited for, are in `out` and stay there.
    @inline(never)
    func startMirrors(
        _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ mirrors: CompiledMirrors
    ) {
        // Of a tunnel nothing could be thrown away.
        if s.pointee.flags.contains(.upgrade) { return }
        copied.clear()
        copied.append(out.bytes, out.count)
        for i in 0..<mirrors.count { startMirror(c, streamSlot, s, head, route, mirrors, mirrors[i]) }
        out.clear()
        out.append(copied.bytes, copied.count)
    }

    private func startMirror(
        _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ mirrors: CompiledMirrors,
        _ mirror: UnsafePointer<CompiledMirrors.Mirror>
    ) {
        if let share = mirror.pointee.share, !share.contains(random()) { return }
        let headEnd = Self.headEnd(copied)
        out.clear()
        // Without the empty line.
        out.append(copied.bytes, max(headEnd - 2, 0))
        let lines = HeadLines(out, from: 0)
        let cluster = mirrors.cluster(of: mirror) { name in lines.find(name).map { lines.value($0) } }
        guard cluster >= 0, let slot = takeMirrorClient(c) else { return }
        needStats(cluster: Int(cluster))
        listenerStats[Int(c.pointee.listener)].asyncClient[.rq_total].increment()
        if let changes = mirror.pointee.changes { changeRequest(c, s, head, route, changes, from: 0) }
        markMirror(lines, mirror)
        out.append("\r\n")
        if snapshot.clusters[Int(cluster)].headerCase.contains(.proper) { ProperCase.write(out, from: 0) }
        out.append(body: copied.bytes + headEnd, copied.count - headEnd)
        let copy = connections[slot].pointee.stream
        fillMirror(streams[copy], s, slot, cluster)
        let isUnfinished = !s.pointee.flags.contains(.requestEnded)
        if isUnfinished, !follow(copy, streamSlot, s) {
            dropMirror(copy, streams[copy])
            return
        }
        sendMirror(slot, connections[slot], copy, streams[copy])
    }

    /// What a copy says in place of its original.
    private func markMirror(_ lines: HeadLines, _ mirror: UnsafePointer<CompiledMirrors.Mirror>) {
        if let line = lines.find(Bytes("host")) {
            if let host = mirror.pointee.host {
                lines.replace(line.value, line.end, by: host)
            } else if mirror.pointee.appendsSuffix {
                let port = Self.portStart(lines.value(line))
                lines.replace(line.value + port, line.value + port, by: Bytes("-shadow"))
            }
        }
        lines.change(.overwriteOrAdd, Bytes("x-envoy-internal"), Bytes("true"))
        lines.change(.join, Bytes("x-forwarded-for"), snapshot.localAddress)
    }

    /// Where the colon of a host's port stands, or the host ends.
    private static func portStart(_ host: Bytes) -> Int {
        var p = host.count
        while p > 0, host.start[p - 1] &- UInt8(ascii: "0") <= 9 { p -= 1 }
        return p > 0 && p < host.count && host.start[p - 1] == UInt8(ascii: ":") ? p - 1 : host.count
    }

    /// Where the head ends, behind its empty line.
    private static func headEnd(_ bytes: OutputScratch) -> Int {
        var p = 0
        while p + 4 <= bytes.count {
            let at = bytes.bytes + p
            if at[0] == ASCII.cr, at[2] == ASCII.cr, at[1] == ASCII.lf, at[3] == ASCII.lf { return p + 4 }
            p += 1
        }
        return bytes.count
    }

    /// A connection that stands for a client, with a stream; nil: there is no room.
    private func takeMirrorClient(_ c: ConnectionPointer) -> Int32? {
        let slot = connections.take()
        guard slot >= 0 else { return nil }
        let streamSlot = streams.take()
        guard streamSlot >= 0 else {
            connections.give(slot)
            return nil
        }
        let m = connections[slot]
        let generation = m.pointee.generation
        m.pointee = Connection()
        m.pointee.generation = generation
        m.pointee.kind = .mirror
        m.pointee.flags = .writeEnded
        m.pointee.stream = streamSlot
        m.pointee.listener = Int32(snapshot.rowCount)
        m.pointee.createdNs = state.pointee.nowNs
        return slot
    }

    private func fillMirror(_ copy: StreamPointer, _ s: StreamPointer, _ slot: Int32, _ cluster: Int32) {
        copy.pointee = Stream()
        // Its client's connection ends with it.
        copy.pointee.flags = s.pointee.flags.intersection([.requestEnded, .requestChunked])
            .union([.mirror, .closeDownstream])
        copy.pointee.method = s.pointee.method
        copy.pointee.downstream = slot
        copy.pointee.cluster = cluster
        copy.pointee.startNs = state.pointee.nowNs
        copy.pointee.lastActivityNs = state.pointee.nowNs
        copy.pointee.timeoutNs = s.pointee.timeoutNs
    }

    /// Chooses a host for the copy in `out` and sends it there, or lets it wait.
    private func sendMirror(_ slot: Int32, _ m: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        let cluster = Int(s.pointee.cluster)
        let stats = clusterStats[cluster]
        if let maintenance = snapshot.clusters[cluster].maintenance, !maintenance.isNone, maintenance.contains(random())
        {
            stats.counters[.upstream_rq_maintenance_mode].increment()
            return reply(slot, m, status: 503, body: "", cluster: true)
        }
        s.pointee.host =
            clusters[cluster].needsCare ? chooseCarefully(cluster: cluster) : nextHost(clusters + cluster)
        if s.pointee.host < 0 {
            stats.counters[.upstream_cx_none_healthy].increment()
            return reply(slot, m, status: 503, body: "", cluster: true)
        }
        let generation = m.pointee.generation
        switch attach(streamSlot, s) {
        case .connected: flushScratch(to: s.pointee.upstream, connections[s.pointee.upstream])
        case .pending: s.pointee.buffer.append(out.bytes, out.count)
        case .overflow: return reply(slot, m, .overflow)
        case .failed(let code): return upstreamFailed(streamSlot, s, .connectFailure(code))
        }
        if m.pointee.generation == generation, s.pointee.flags.contains(.requestEnded) { requestEnded(slot, s) }
    }

    // MARK: - The body

    /// Makes a copy follow its original until that is complete; false: there is no room.
    private func follow(_ copy: Int32, _ original: Int32, _ s: StreamPointer) -> Bool {
        let place = mirrors.take()
        guard place >= 0 else { return false }
        mirrors[place].pointee = MirrorState(stream: copy, original: original, next: s.pointee.mirror)
        s.pointee.mirror = place
        s.pointee.flags.insert(.mirrored)
        streams[copy].pointee.mirror = place
        return true
    }

    /// Sends what is gathered of the body to the original's host, and then to the copies'.
    @inline(never)
    func flushMirroredBody(_ s: StreamPointer) {
        let c = connections[s.pointee.downstream]
        let streamSlot = c.pointee.stream
        let isLast = s.pointee.flags.contains(.requestEnded)
        copied.clear()
        copied.append(out.bytes, out.count)
        flushUpstreamBody(s)
        // The original may be over, and its copies with it.
        guard streamSlot >= 0, c.pointee.stream == streamSlot else { return }
        var place = s.pointee.mirror
        while place >= 0 {
            let copy = mirrors[place].pointee
            place = copy.next
            passMirroredBody(copy.stream, streams[copy.stream], of: s, isLast: isLast)
        }
    }

    private func passMirroredBody(_ copy: Int32, _ m: StreamPointer, of s: StreamPointer, isLast: Bool) {
        let limit = Int(snapshot.clusters[Int(m.pointee.cluster)].bufferLimit)
        let up = m.pointee.upstream
        let slot = m.pointee.downstream
        let unsent = up >= 0 ? connections[up].pointee.output.count : m.pointee.buffer.count
        if unsent > limit {
            clusterStats[Int(s.pointee.cluster)].counters[.retry_or_shadow_abandoned].increment()
            return dropMirror(copy, m)
        }
        if isLast {
            unlinkMirror(m)
            requestEnded(slot, m)
        }
        guard copied.count > 0 else { return }
        if up >= 0 {
            write(up, connections[up], copied.bytes, copied.count)
        } else if m.pointee.flags.contains(.pending) {
            m.pointee.buffer.append(copied.bytes, copied.count)
        }
    }

    // MARK: - The end

    /// A stream is over that is a copy, or whose copies are not complete and never will be.
    @inline(never)
    func endMirroring(_ s: StreamPointer) {
        if s.pointee.flags.contains(.mirror) { return unlinkMirror(s) }
        while s.pointee.mirror >= 0 {
            let copy = mirrors[s.pointee.mirror].pointee.stream
            dropMirror(copy, streams[copy])
        }
        s.pointee.flags.remove(.mirrored)
    }

    /// A copy no longer follows its original.
    private func unlinkMirror(_ copy: StreamPointer) {
        let place = copy.pointee.mirror
        guard place >= 0 else { return }
        let original = streams[mirrors[place].pointee.original]
        let next = mirrors[place].pointee.next
        if original.pointee.mirror == place {
            original.pointee.mirror = next
            if next < 0 { original.pointee.flags.remove(.mirrored) }
        } else {
            var before = original.pointee.mirror
            while before >= 0, mirrors[before].pointee.next != place { before = mirrors[before].pointee.next }
            if before >= 0 { mirrors[before].pointee.next = next }
        }
        copy.pointee.mirror = -1
        mirrors.give(place)
    }

    /// Gives a copy up, whatever has become of it.
    private func dropMirror(_ streamSlot: Int32, _ s: StreamPointer) {
        let slot = s.pointee.downstream
        cancelUpstream(streamSlot, s)
        let m = connections[slot]
        m.pointee.stream = -1
        freeStream(streamSlot, s, listenerStats + Int(m.pointee.listener))
        close(slot, m)
    }
}
