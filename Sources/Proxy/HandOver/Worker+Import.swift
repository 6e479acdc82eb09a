import CLinux

/// A unit that came over: where it lies in this worker; -1: none.
struct AdoptedUnit: BitwiseCopyable {
    var downstream: Int32 = -1
    var upstream: Int32 = -1
    var stream: Int32 = -1
}

/// A unit as it came, with the positions that its names have in this process.
struct IncomingUnit: BitwiseCopyable {
    var downstream: ConnectionRecord?
    var upstream: ConnectionRecord?
    var stream: StreamRecord?
    var downstreamDescriptor: Int32 = -1
    var upstreamDescriptor: Int32 = -1
    /// Slots in which descriptors that came ahead are registered already, -1: none.
    var downstreamSlot: Int32 = -1
    var upstreamSlot: Int32 = -1
    /// Position in `Snapshot.listeners` here; -1: its listener is not there, or `Snapshot.noChain`.
    var listener: Int32 = -1
    /// Position of the cluster here; one behind the configured ones is gone from the configuration.
    var cluster: Int32 = -1
    /// Positions of what its request is counted by here, -1: nothing.
    var virtualCluster: Int32 = -1
    var routeClass: Int32 = -1
}

/// The child's half of moving connections: `adopt` builds a unit without touching its descriptors or counting anything,
/// `activate` begins to serve all that were adopted, `dropAdopted` forgets them. All are for a parked worker.
extension Worker {
    /// Takes a unit, or says why it must stay with the parent; then its descriptors are the caller's to close.
    ///
    /// - Parameter isConfirmed: false for one that came ahead in a slot of its own: `confirm` or `giveBack` follows.
    func adopt(_ unit: IncomingUnit, isConfirmed: Bool = true) -> String? {
        var adopted = AdoptedUnit()
        if let problem = build(unit, &adopted, isConfirmed: isConfirmed) {
            giveBack(adopted.downstream >= 0 ? adopted.downstream : unit.downstreamSlot, unit.downstreamDescriptor)
            giveBack(adopted.upstream >= 0 ? adopted.upstream : unit.upstreamSlot, unit.upstreamDescriptor)
            return problem
        }
        join(adopted)
        if isConfirmed { parking.adopted.append(adopted) }
        return nil
    }

    /// What came ahead in this slot holds.
    func confirm(_ slot: Int32) { parking.adopted.append(AdoptedUnit(downstream: slot)) }

    private func build(_ unit: IncomingUnit, _ adopted: inout AdoptedUnit, isConfirmed: Bool) -> String? {
        if let problem = UnitCheck.problem(of: unit, maxInput: readCapacity - Self.readChunk, snapshot: snapshot) {
            return problem
        }
        var host: Int32 = -1
        if unit.cluster >= 0, let address = unit.upstream?.host ?? unit.stream?.host {
            // A connection at rest is only worth keeping where requests still go.
            let rests = unit.stream == nil && unit.upstream?.kind == ConnectionRecord.wireKind(.upstreamHTTP)
            host = hostSlot(unit.cluster, address, onlyMember: rests)
            if host < 0 { return rests ? "its host is not in the new configuration" : "no room for its host" }
        }
        if let record = unit.downstream {
            adopted.downstream = insert(
                record, unit.downstreamDescriptor, unit.downstreamSlot, isConfirmed: isConfirmed)
            guard adopted.downstream >= 0 else { return Self.noRoom }
            connections[adopted.downstream].pointee.listener = unit.listener
            connections[adopted.downstream].pointee.bufferLimit = snapshot.listeners[Int(unit.listener)].bufferLimit
        }
        if let record = unit.upstream {
            adopted.upstream = insert(record, unit.upstreamDescriptor, unit.upstreamSlot, isConfirmed: isConfirmed)
            guard adopted.upstream >= 0 else { return Self.noRoom }
            connections[adopted.upstream].pointee.host = host
        }
        if let record = unit.stream {
            let retry = record.retry == nil ? -1 : retries.take()
            if record.retry != nil, retry < 0 { return Self.noRoom }
            let filter = record.filter == nil ? -1 : filterStates.take()
            adopted.stream = record.filter != nil && filter < 0 ? -1 : streams.take()
            guard adopted.stream >= 0 else {
                if retry >= 0 { retries.give(retry) }
                if filter >= 0 { filterStates.give(filter) }
                return Self.noRoom
            }
            fill(streams[adopted.stream], record, unit.cluster, host)
            if unit.virtualCluster >= 0 || unit.routeClass >= 0 {
                streams[adopted.stream].pointee.virtualCluster = unit.virtualCluster
                streams[adopted.stream].pointee.routeClass = unit.routeClass
                streams[adopted.stream].pointee.flags.insert(.classified)
            }
            if let state = record.retry { retries[retry].pointee = state }
            if let start = record.retryNames.start {
                retries[retry].pointee.headerNames.append(start, record.retryNames.count)
            }
            streams[adopted.stream].pointee.retry = retry
            if let kept = record.filter { filterStates[filter].pointee = adoptedFilter(kept, unit.listener) }
            streams[adopted.stream].pointee.filter = filter
            adoptCookies(streams[adopted.stream], record.cookies)
            if let redirect = record.redirect { adoptRedirects(streams[adopted.stream], redirect) }
        }
        adoptLog(unit, adopted)
        return nil
    }

    /// By the filter's name: the configuration may be another one.
    private func adoptedFilter(_ record: FilterRecord, _ listener: Int32) -> FilterState {
        var state = FilterState()
        state.untilNs = record.untilNs
        state.hasFault = record.hasFault
        state.passedChanges = record.passedChanges
        state.bodyStart = record.bodyStart
        state.mostBody = record.mostBody
        state.isAdopted = true
        if let filters = snapshot.listeners[Int(listener)].filters {
            let name = record.name.start.map { Bytes($0, record.name.count) } ?? Bytes("")
            state.position = filters.pointee.position(of: name)
        }
        return state
    }

    /// Without room for them redirects are the client's.
    private func adoptRedirects(_ s: StreamPointer, _ record: RedirectRecord) {
        s.pointee.redirect = redirects.take()
        if s.pointee.redirect >= 0 {
            redirects[s.pointee.redirect].pointee = RedirectState(record)
        } else {
            s.pointee.flags.remove(.redirects)
        }
    }

    /// Without room for them the client comes again without.
    private func adoptCookies(_ s: StreamPointer, _ given: RecordBytes) {
        guard let start = given.start else { return }
        s.pointee.cookies = cookies.take()
        if s.pointee.cookies >= 0 { cookies[s.pointee.cookies].pointee.append(start, given.count) }
    }

    /// What its lines will say, if this configuration has any for it.
    private func adoptLog(_ unit: IncomingUnit, _ adopted: AdoptedUnit) {
        guard adopted.downstream >= 0, let logs = snapshot.listeners[Int(unit.listener)].log else { return }
        let d = connections[adopted.downstream]
        if adopted.stream >= 0, logs.pointee.logsRequests {
            let s = streams[adopted.stream]
            s.pointee.log = adoptLog(unit.stream?.log ?? RecordBytes(), logs, startNs: s.pointee.startNs)
        }
        let listener = snapshot.listeners + Int(unit.listener)
        let isTunnel = listener.pointee.kind == .tunnelDownstream
        guard isTunnel || listener.pointee.logsConnections else { return }
        d.pointee.log = adoptLog(unit.downstream?.log ?? RecordBytes(), logs, startNs: d.pointee.createdNs)
        if d.pointee.log >= 0, !isTunnel { accessLog.entries[d.pointee.log].pointee.nextNs = 0 }
    }

    private func adoptLog(
        _ record: RecordBytes, _ logs: UnsafeMutablePointer<ListenerLogs>, startNs: UInt64
    ) -> Int32 {
        let slot = accessLog.entries.take()
        guard slot >= 0 else { return -1 }
        let entry = accessLog.entries[slot]
        let wall = startNs &+ (cl_realtime_ns() &- cl_monotonic_ns())
        entry.pointee.reset(names: logs.pointee.nameCount, startNs: startNs, startWallNs: wall)
        // A parent without access logs keeps nothing that could be written.
        entry.pointee.state.insert(.isPartial)
        // The record was found sound when it was read (`StreamRecord`, `ConnectionRecord`).
        do throws(RecordError) {
            if record.count > 0 { try LogRecord.read(record, into: entry, logs.pointee) }
        } catch {
            hooks.log("worker \(index): a log record is not understood: \(error)")
        }
        if logs.pointee.periodNs > 0 { beginPeriods(entry, logs) }
        return slot
    }

    private static let noRoom = "the new process has no room for more connections"

    /// A slot for a descriptor that comes ahead of its record; -1 if there is none.
    ///
    /// - Parameter registers: false where a record is at hand that says how soon that must be.
    func reserve(_ descriptor: Int32, registers: Bool) -> Int32 {
        let slot = connections.take()
        guard slot >= 0 else { return -1 }
        let c = connections[slot]
        c.pointee.flags = .unregistered
        guard !registers || register(slot, c, descriptor) else {
            connections.give(slot)
            return -1
        }
        return slot
    }

    /// This worker polls nothing before it serves; the set notes what there is to read from the start. False: the kernel
    /// has no room.
    func register(_ slot: Int32, _ c: ConnectionPointer, _ descriptor: Int32) -> Bool {
        let data = UInt64(c.pointee.generation) << 32 | UInt64(UInt32(bitPattern: slot))
        guard cl_epoll_add(epoll, descriptor, Epoll.adopted, data) == 0 else { return false }
        c.pointee.flags.remove(.unregistered)
        return true
    }

    /// Slot and registration of one connection. The descriptor stays the caller's if it fails.
    ///
    /// - Parameter isConfirmed: false for one that rests; who has been silent for long is registered once all are served
    ///   (`settleResting`), for that is most of what a descriptor costs.
    private func insert(
        _ record: ConnectionRecord, _ descriptor: Int32, _ reserved: Int32, isConfirmed: Bool
    ) -> Int32 {
        let slot = reserved >= 0 ? reserved : reserve(descriptor, registers: true)
        guard slot >= 0 else { return -1 }
        let c = connections[slot]
        let generation = c.pointee.generation
        let isRegistered = !c.pointee.flags.contains(.unregistered)
        c.pointee = Connection()
        c.pointee.generation = generation
        c.pointee.kind = ConnectionRecord.kind(record.kind)
        c.pointee.flags = Connection.Flags(rawValue: record.flags).union([.inputOnly, .unregistered])
        c.pointee.createdNs = record.createdNs
        c.pointee.lastActivityNs = min(record.lastActivityNs, state.pointee.nowNs)
        c.pointee.deadlineNs = record.deadlineNs
        c.pointee.requests = record.requests
        c.pointee.remote = record.remote
        c.pointee.id = record.id
        c.pointee.decoder = record.decoder
        c.pointee.bufferLimit = max(record.bufferLimit, 1)
        if let start = record.input.start { c.pointee.input.append(start, record.input.count) }
        if let start = record.output.start { c.pointee.output.append(start, record.output.count) }
        c.pointee.fd = descriptor
        // A time that is yet to come would leave the connection without tokens until then.
        if let bucket = record.bucket, TokenBucket.isSound(bucket.word, nowNs: cl_monotonic_ns()) {
            // Without room it has new ones.
            c.pointee.bucket = buckets.take()
            if c.pointee.bucket >= 0 { buckets[c.pointee.bucket].pointee = bucket }
        }
        guard !record.hasAddresses || adoptAddresses(c, record) else {
            if reserved < 0 { giveBack(slot, descriptor) }
            return -1
        }
        if isRegistered {
            c.pointee.flags.remove(.unregistered)
        } else if isConfirmed || state.pointee.nowNs - c.pointee.lastActivityNs < Self.silenceNs {
            guard register(slot, c, descriptor) else { return -1 }
        }
        let waitsForOutput = !c.pointee.output.isEmpty || c.pointee.flags.contains(.connecting)
        guard !waitsForOutput || watchOutput(slot, c) else {
            // A reserved one is given back with its unit.
            if reserved < 0 { giveBack(slot, descriptor) }
            return -1
        }
        return slot
    }

    /// False: there is no room.
    private func adoptAddresses(_ c: ConnectionPointer, _ record: ConnectionRecord) -> Bool {
        c.pointee.addresses = addresses.take()
        guard c.pointee.addresses >= 0 else { return false }
        addresses[c.pointee.addresses].pointee = ClientAddresses(local: record.local, direct: record.direct)
        return true
    }

    /// Who has said nothing for so long is not expected to do so within the next milliseconds.
    private static let silenceNs: UInt64 = 1_000_000_000

    private func fill(_ s: StreamPointer, _ record: StreamRecord, _ cluster: Int32, _ host: Int32) {
        s.pointee = Stream()
        s.pointee.flags = Stream.Flags(rawValue: record.flags)
        s.pointee.method = Method(rawValue: record.method) ?? .other
        s.pointee.status = record.status
        s.pointee.cluster = cluster
        s.pointee.host = host
        s.pointee.startNs = record.startNs
        s.pointee.requestEndNs = record.requestEndNs
        s.pointee.timeoutNs = record.timeoutNs
        s.pointee.idleTimeoutNs = record.idleTimeoutNs
        s.pointee.lastActivityNs = min(record.lastActivityNs, state.pointee.nowNs)
        s.pointee.endNs = record.endNs
        s.pointee.upstreamEndNs = record.upstreamEndNs
        if let start = record.buffer.start { s.pointee.buffer.append(start, record.buffer.count) }
        if let start = record.changes.start { s.pointee.changes.append(start, record.changes.count) }
    }

    /// The bonds within a unit.
    private func join(_ unit: AdoptedUnit) {
        if unit.stream >= 0 {
            streams[unit.stream].pointee.downstream = unit.downstream
            streams[unit.stream].pointee.upstream = unit.upstream
            connections[unit.downstream].pointee.stream = unit.stream
            if unit.upstream >= 0 { connections[unit.upstream].pointee.stream = unit.stream }
        }
        guard unit.downstream >= 0, unit.upstream >= 0,
            connections[unit.downstream].pointee.kind == .tunnelDownstream
        else { return }
        connections[unit.downstream].pointee.peer = unit.upstream
        connections[unit.upstream].pointee.peer = unit.downstream
    }

    /// The pool of a host: a member of the cluster, or one that only finishes what came over.
    private func hostSlot(_ cluster: Int32, _ address: cl_address, onlyMember: Bool) -> Int32 {
        var address = address
        if Int(cluster) < snapshot.clusterCount, snapshot.clusters[Int(cluster)].balancing.policy == .originalDst {
            let named = PeerAddress(&address)
            return named.family == 0 ? -1 : originalHost(named, cluster: Int(cluster))
        }
        if Int(cluster) < snapshot.clusterCount {
            let members = clusters + Int(cluster)
            for i in 0..<members.pointee.memberCount {
                let slot = members.pointee.members[i]
                if cl_address_equal(&hosts[slot].pointee.address, &address) { return slot }
            }
        }
        if onlyMember { return -1 }
        for slot in 0..<hosts.count {
            let pool = hosts[slot]
            if !pool.pointee.isFree, pool.pointee.isRemoved, pool.pointee.cluster == cluster,
                cl_address_equal(&pool.pointee.address, &address)
            {
                return slot
            }
        }
        let slot = hosts.take()
        guard slot >= 0 else { return -1 }
        hosts[slot].pointee = HostPool()
        hosts[slot].pointee.address = address
        hosts[slot].pointee.cluster = cluster
        hosts[slot].pointee.isFree = false
        hosts[slot].pointee.isRemoved = true
        hosts[slot].pointee.isByClient = snapshot.clusters[Int(cluster)].proxyVersion != nil
        return slot
    }

    // MARK: - Not served after all

    /// Forgets a slot that was reserved or filled; its descriptor stays open, but this process polls it no more.
    func giveBack(_ slot: Int32, _ descriptor: Int32) {
        guard slot >= 0 else { return }
        _ = cl_epoll_del(epoll, descriptor)
        empty(slot, connections[slot])
    }

    private func empty(_ slot: Int32, _ c: ConnectionPointer) {
        c.pointee.input.free()
        c.pointee.output.free()
        dropAddresses(c)
        dropBucket(c)
        dropLog(c.pointee.log)
        c.pointee.log = -1
        c.pointee.kind = .free
        c.pointee.fd = -1
        connections.give(slot)
    }

    /// Closes this process's copies of what was adopted and never served. The parent's are not touched.
    func dropAdopted() {
        for unit in parking.adopted {
            for slot in [unit.downstream, unit.upstream] where slot >= 0 {
                let fd = connections[slot].pointee.fd
                _ = cl_epoll_del(epoll, fd)
                _ = cl_close(fd)
                empty(slot, connections[slot])
            }
            if unit.stream >= 0 {
                streams[unit.stream].pointee.buffer.free()
                streams[unit.stream].pointee.changes.free()
                dropLog(streams[unit.stream].pointee.log)
                streams[unit.stream].pointee.log = -1
                if streams[unit.stream].pointee.retry >= 0 { giveRetry(streams[unit.stream].pointee.retry) }
                streams[unit.stream].pointee.retry = -1
                if streams[unit.stream].pointee.filter >= 0 { filterStates.give(streams[unit.stream].pointee.filter) }
                streams[unit.stream].pointee.filter = -1
                if streams[unit.stream].pointee.cookies >= 0 { dropCookies(streams[unit.stream]) }
                dropRedirects(streams[unit.stream])
                streams.give(unit.stream)
            }
        }
        parking.adopted = []
    }
}
