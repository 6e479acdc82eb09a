import CLinux
import Stats

/// A unit that was sent to the child, by the slots that it has here; -1: none.
struct SentUnit: BitwiseCopyable {
    var worker: Int32
    var downstream: Int32
    var upstream: Int32
    /// The child left it here.
    var isKept = false
}

/// The parent's half of moving connections: `export` writes a unit, `forget` lets it go once the child has it. Both are
/// for a parked worker; between them nothing has changed, so a hand-over that fails needs no undoing.
extension Worker {
    /// The unit that `slot` leads, nil when it belongs to another connection's unit or is free.
    func unit(_ slot: Int32) -> SentUnit? {
        let c = connections[slot]
        switch c.pointee.kind {
        // A copy stays, with its connection.
        case .free, .leaving, .mirror: return nil
        case .downstreamHTTP, .tunnelDownstream, .awaitingHeader, .echo:
            let up = c.pointee.stream >= 0 ? streams[c.pointee.stream].pointee.upstream : c.pointee.peer
            return SentUnit(worker: Int32(index), downstream: slot, upstream: up)
        case .upstreamHTTP, .tunnelUpstream:
            // One that nobody has stays: the new process makes its own.
            guard c.pointee.stream < 0, c.pointee.peer < 0, !c.pointee.flags.contains(.spare) else { return nil }
            return SentUnit(worker: Int32(index), downstream: -1, upstream: slot)
        }
    }

    /// Writes the unit's records as one frame.
    func export(_ unit: SentUnit, ordinal: Int, into out: inout RecordWriter) {
        let frame = out.beginFrame()
        out.number(UnitRecord.Tag.ordinal, UInt64(ordinal))
        out.number(UnitRecord.Tag.worker, UInt64(unit.worker))
        out.number(UnitRecord.Tag.downstreamAhead, aheadID(unit.downstream))
        out.number(UnitRecord.Tag.upstreamAhead, aheadID(unit.upstream))
        var streamSlot: Int32 = -1
        if unit.downstream >= 0 {
            let d = connections[unit.downstream]
            streamSlot = d.pointee.stream
            let start = out.begin(UnitRecord.Tag.downstream)
            ConnectionRecord.write(
                d, listener: Int32(listener(of: d)), cluster: -1, host: nil, addresses: addresses(of: d),
                bucket: bucket(of: d), into: &out)
            exportLog(d.pointee.log, d, ConnectionRecord.logTag, into: &out)
            out.end(start)
        }
        if unit.upstream >= 0 {
            let u = connections[unit.upstream]
            let pool = hosts[u.pointee.host]
            let start = out.begin(UnitRecord.Tag.upstream)
            ConnectionRecord.write(
                u, listener: -1, cluster: pool.pointee.cluster, host: Self.address(pool), addresses: addresses(of: u),
                into: &out)
            out.end(start)
        }
        if streamSlot >= 0 {
            let s = streams[streamSlot]
            let start = out.begin(UnitRecord.Tag.stream)
            StreamRecord.write(
                s, cluster: s.pointee.cluster, host: s.pointee.host >= 0 ? Self.address(hosts[s.pointee.host]) : nil,
                into: &out)
            exportLog(s.pointee.log, connections[unit.downstream], StreamRecord.logTag, into: &out)
            if s.pointee.retry >= 0 {
                RetryRecord.write(retries[s.pointee.retry].pointee, StreamRecord.retryTag, into: &out)
            }
            if s.pointee.cookies >= 0 {
                let given = cookies[s.pointee.cookies].pointee
                if !given.isEmpty { out.blob(StreamRecord.cookiesTag, given.bytes, given.count) }
            }
            if s.pointee.flags.contains(.redirects) {
                RedirectRecord.write(redirects[s.pointee.redirect].pointee, StreamRecord.redirectTag, into: &out)
            }
            if s.pointee.flags.contains(.classified) { exportClasses(s, into: &out) }
            if s.pointee.filter >= 0 { exportFilter(s, connections[unit.downstream], into: &out) }
            out.end(start)
        }
        out.endFrame(frame)
    }

    private func exportClasses(_ s: StreamPointer, into out: inout RecordWriter) {
        let known = snapshot.requestClasses.all
        let (first, second) = (Int(s.pointee.virtualCluster), Int(s.pointee.routeClass))
        if first >= 0 { RequestClassRecord.write(known[first], StreamRecord.virtualClusterTag, into: &out) }
        if second >= 0 { RequestClassRecord.write(known[second], StreamRecord.routeClassTag, into: &out) }
    }

    private func exportFilter(_ s: StreamPointer, _ d: ConnectionPointer, into out: inout RecordWriter) {
        let kept = filterStates[s.pointee.filter].pointee
        var name = Bytes("")
        if let filters = snapshot.listeners[Int(d.pointee.listener)].filters,
            kept.position < filters.pointee.count
        {
            name = filters.pointee.names[Int(kept.position)]
        }
        FilterRecord.write(kept, name: name, StreamRecord.filterTag, into: &out)
    }

    func addresses(of c: ConnectionPointer) -> UnsafeMutablePointer<ClientAddresses>? {
        c.pointee.addresses >= 0 ? addresses[c.pointee.addresses] : nil
    }

    func bucket(of c: ConnectionPointer) -> UnsafeMutablePointer<ConnectionBucket>? {
        c.pointee.bucket >= 0 ? buckets[c.pointee.bucket] : nil
    }

    /// What the lines of a request or connection will say.
    func exportLog(_ log: Int32, _ d: ConnectionPointer, _ tag: UInt32, into out: inout RecordWriter) {
        guard log >= 0, let logs = snapshot.listeners[Int(d.pointee.listener)].log else { return }
        LogRecord.write(accessLog.entries[log], logs.pointee, tag, into: &out)
    }

    /// How the descriptor of a slot is called that went ahead, 0 if it did not.
    func aheadID(_ slot: Int32) -> UInt64 {
        guard slot >= 0 else { return 0 }
        let c = connections[slot]
        return c.pointee.flags.contains(.passedAhead) ? AheadID.make(index, slot, c.pointee.generation) : 0
    }

    private static func address(_ pool: UnsafeMutablePointer<HostPool>) -> UnsafePointer<cl_address> {
        UnsafeRawPointer(pool).advanced(by: MemoryLayout<HostPool>.offset(of: \.address) ?? 0)
            .assumingMemoryBound(to: cl_address.self)
    }

    /// The child has it: it is no longer in this worker's gauges, its slots are free and this process's copies of its
    /// descriptors are closed. Nothing is counted as ended, since nothing has.
    func forget(_ unit: SentUnit) {
        if unit.downstream >= 0 {
            let d = connections[unit.downstream]
            let streamSlot = d.pointee.stream
            if streamSlot >= 0 { forgetStream(streamSlot, streams[streamSlot], d) }
            forgetDownstream(unit.downstream, d)
        }
        if unit.upstream >= 0 { forgetUpstream(unit.upstream, connections[unit.upstream]) }
    }

    private func forgetStream(_ slot: Int32, _ s: StreamPointer, _ d: ConnectionPointer) {
        listenerStats[Int(d.pointee.listener)].httpGauges[.downstream_rq_active].sub(1)
        let cluster = Int(s.pointee.cluster)
        dequeue(slot, s)
        if s.pointee.upstream >= 0 {
            clusterStats[cluster].gauges[.upstream_rq_active].sub(1)
            countLoad(connections[s.pointee.upstream], of: cluster, -1)
            connections[s.pointee.upstream].pointee.stream = -1
        }
        if s.pointee.flags.contains(.countsRequest) { use(cluster, .requests, -1) }
        s.pointee.buffer.free()
        s.pointee.changes.free()
        // What still comes of it comes to the child.
        if s.pointee.flags.contains(.mirrored) { endMirroring(s) }
        dropFilterState(s, d.pointee.listener)
        if s.pointee.retry >= 0 { dropRetries(s) }
        if s.pointee.redirect >= 0 { dropRedirects(s) }
        if s.pointee.cookies >= 0 { dropCookies(s) }
        if state.pointee.keptIDStream == s { state.pointee.keptIDStream = nil }
        dropLog(s.pointee.log)
        s.pointee.log = -1
        s.pointee.downstream = -1
        d.pointee.stream = -1
        streams.give(slot)
    }

    private func forgetDownstream(_ slot: Int32, _ d: ConnectionPointer) {
        dropLog(d.pointee.log)
        d.pointee.log = -1
        addDownstreamGauges(d, -1)
        release(slot, d)
    }

    private func forgetUpstream(_ slot: Int32, _ u: ConnectionPointer) {
        let pool = hosts[u.pointee.host]
        let cluster = Int(pool.pointee.cluster)
        unpool(u)
        if u.pointee.flags.contains(.connecting), u.pointee.kind == .upstreamHTTP { pool.pointee.connecting -= 1 }
        pool.pointee.connections -= 1
        use(cluster, .connections, -1)
        clusterStats[cluster].gauges[.upstream_cx_active].sub(1)
        if u.pointee.kind == .tunnelUpstream, !u.pointee.flags.contains(.upgraded) {
            clusterStats[cluster].gauges[.upstream_rq_active].sub(1)
            countLoad(u, of: cluster, -1)
        }
        let host = u.pointee.host
        release(slot, u)
        freeHostIfUnused(host, pool)
    }

    /// Gives a slot back. An event of it may still be noted somewhere: its generation tells.
    func release(_ slot: Int32, _ c: ConnectionPointer) {
        disarm(slot)
        // The set would go on reporting it: the open file lives in the other process.
        _ = cl_epoll_del(epoll, c.pointee.fd)
        _ = cl_close(c.pointee.fd)
        c.pointee.input.free()
        c.pointee.output.free()
        dropAddresses(c)
        dropBucket(c)
        c.pointee.fd = -1
        c.pointee.kind = .free
        c.pointee.generation = c.pointee.generation < 0xFFFF_FFF0 ? c.pointee.generation &+ 1 : 0
        connections.give(slot)
    }

    /// The gauges that a downstream connection is in.
    func addDownstreamGauges(_ d: ConnectionPointer, _ change: Int) {
        let listener = Int(d.pointee.listener)
        guard d.pointee.kind == .awaitingHeader else {
            return addConnectionGauges(listener: listener, upgraded: d.pointee.flags.contains(.upgraded), change)
        }
        let amount = UInt64(bitPattern: Int64(change))
        listenerStats[listener].listenerGauges[.downstream_pre_cx_active].add(amount)
        cl_owner_add(downstreams, amount)
        open.add(worker: index, listener: self.listener(of: d), amount)
    }

    /// The same for some that the filter chain has.
    ///
    /// - Parameter listener: position in `Snapshot.listeners`.
    func addConnectionGauges(listener: Int, upgraded: Bool, _ change: Int) {
        let stats = listenerStats + listener
        let amount = UInt64(bitPattern: Int64(change))
        stats.pointee.listenerGauges[.downstream_cx_active].add(amount)
        stats.pointee.workerGauges[.downstream_cx_active].add(amount)
        if let limit = snapshot.listeners[listener].chainLimit {
            limit.pointee.add(Int64(change))
            stats.pointee.limitGauges[.active_connections].add(amount)
        }
        if snapshot.listeners[listener].isHTTP {
            stats.pointee.httpGauges[.downstream_cx_active].add(amount)
            stats.pointee.httpGauges[upgraded ? .downstream_cx_upgrades_active : .downstream_cx_http1_active].add(
                amount)
        }
        cl_owner_add(downstreams, amount)
        open.add(worker: index, listener: Int(snapshot.listeners[listener].position), amount)
    }
}
