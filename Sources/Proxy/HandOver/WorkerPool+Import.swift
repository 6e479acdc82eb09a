import CLinux
import HotRestart

/// The child's half of moving connections, over all workers. Their threads are parked.
extension WorkerPool {
    /// Takes a piece of the stream of records. Returns what is wrong with it, nil if nothing: then the hand-over cannot go
    /// on.
    public func adoptConnections(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String? {
        let incoming = self.incoming ?? ConnectionImport()
        self.incoming = incoming
        do throws(RecordError) {
            try incoming.take(bytes, descriptors, into: self)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Takes descriptors that come ahead of their records. Returns what is wrong, nil if nothing.
    public func adoptAhead(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String? {
        do throws(RecordError) {
            try ahead.take(bytes, descriptors, self)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// After the last piece: what stays with the parent, or what is missing.
    public func connectionAnswer() -> (answer: [UInt8], problem: String?) {
        // Those that have ended since: a copy here would keep them open.
        ahead.drop(workers)
        guard let incoming else { return (AnswerRecord().encoded(), nil) }
        return (incoming.answer.encoded(), incoming.missing)
    }

    /// Puts what was adopted into the gauges, just before the parent is told that it is served here.
    public func countAdopted() { for worker in workers { worker.count() } }

    /// Serves what was adopted and counted, and lets the workers go on.
    public func activateConnections() {
        incoming = nil
        for worker in workers {
            worker.mailbox.post(.whileParked { $0.activate() })
            worker.mailbox.post(.resume)
        }
    }

    /// Closes this process's copies of what was adopted. The workers stay parked.
    public func dropConnections() {
        incoming = nil
        ahead.drop(workers)
        for worker in workers { worker.dropAdopted() }
    }

    /// Position of a cluster that the configuration has no more; -1 when there are too many of them.
    func goneCluster(_ name: TransactionRecord.Name) -> Int32 {
        let position = stats.addGone(name.statName)
        guard position >= 0 else { return -1 }
        goneClusters.append(name)
        return position
    }

    /// Position of what a request is counted by beside its cluster; also where the configuration has it no more, unless there are too
    /// many of these: -1.
    func requestClass(_ one: RequestClass?) -> Int32 {
        guard let one else { return -1 }
        if !snapshot.requestClasses.knows(one) {
            guard goneClasses < Self.maxGoneClasses else { return -1 }
            goneClasses += 1
        }
        let position = snapshot.requestClasses.position(of: one)
        stats.requestClasses.add(snapshot.requestClasses)
        return position
    }

    private static let maxGoneClasses = 256
}

/// Connections on their way in: records and descriptors as they arrive, and where they go.
final class ConnectionImport {
    private(set) var answer = AnswerRecord()
    private var pending: [UInt8] = []
    private var descriptors: [OwnedDescriptor] = []
    private var nextDescriptor = 0
    private var header: TransactionRecord?
    private var units: UInt64 = 0
    /// By position in the transaction's tables: the position here. -1: not here. -2: not looked up yet.
    private var listeners: [Int32] = []
    private var clusters: [Int32] = []
    private var turn = 0

    /// A descriptor of a unit.
    private struct Arrived {
        var descriptor: OwnedDescriptor
        /// Where it is registered already, -1: nowhere.
        var worker: Int
        var slot: Int32
    }

    /// A record of one unit, which cannot be larger: buffers are bounded.
    private static let largestFrame = 4 * UnitCheck.maxBuffer

    func take(_ bytes: [UInt8], _ more: [OwnedDescriptor], into pool: WorkerPool) throws(RecordError) {
        descriptors += more
        var used = 0
        if pending.isEmpty {
            used = try takeFrames(bytes, pool)
            pending.append(contentsOf: bytes[used...])
        } else {
            pending.append(contentsOf: bytes)
            used = try takeFrames(pending, pool)
            pending.removeFirst(used)
        }
        // What was adopted is the workers'.
        if nextDescriptor == descriptors.count {
            descriptors.removeAll(keepingCapacity: true)
            nextDescriptor = 0
        }
    }

    /// Why the stream is not complete, nil if it is.
    var missing: String? {
        guard let header else { return "no connection records came" }
        if !pending.isEmpty { return "the last connection record is cut short" }
        if units != header.units { return "\(units) of \(header.units) connection records came" }
        if nextDescriptor != descriptors.count { return "more descriptors than connections came" }
        return nil
    }

    private func takeFrames(_ bytes: [UInt8], _ pool: WorkerPool) throws(RecordError) -> Int {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<Int, RecordError> in
            do throws(RecordError) { return .success(try takeFrames(buffer, pool)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func takeFrames(_ buffer: UnsafeBufferPointer<UInt8>, _ pool: WorkerPool) throws(RecordError) -> Int {
        var used = 0
        guard let base = buffer.baseAddress else { return 0 }
        while buffer.count - used >= 4 {
            let length = (0..<4).reduce(0) { $0 | Int(base[used + $1]) << (8 * $1) }
            guard length <= Self.largestFrame else { throw RecordError("a connection record of \(length) bytes") }
            guard buffer.count - used - 4 >= length else { break }
            let frame = RecordBytes(base + used + 4, length)
            used += 4 + length
            if header == nil { try takeHeader(frame, pool) } else { try takeUnit(frame, pool) }
        }
        return used
    }

    private func takeHeader(_ frame: RecordBytes, _ pool: WorkerPool) throws(RecordError) {
        let header = try TransactionRecord(frame)
        guard header.version == TransactionRecord.currentVersion else {
            throw RecordError(
                "connection records of version \(header.version), this process reads \(TransactionRecord.currentVersion)"
            )
        }
        self.header = header
        // Half of the numbers are enough: no sum of them overflows.
        let nextID = min(header.connectionID, 1 << 63)
        for (i, worker) in pool.workers.enumerated() {
            worker.state.pointee.connectionID = max(worker.state.pointee.connectionID, nextID + UInt64(i))
        }
        pool.hostHealth = header.hostHealth
        let snapshot = pool.workers[0].snapshot
        snapshot.rateLimits.adopt(header.rateLimits, nowNs: cl_monotonic_ns())
        listeners = header.listeners.map { Int32(snapshot.listenerPositions[$0.name] ?? -1) }
        clusters = header.clusters.map { _ in -2 }
    }

    private func takeUnit(_ frame: RecordBytes, _ pool: WorkerPool) throws(RecordError) {
        let unit = try UnitRecord(frame)
        guard let header, units < header.units else { throw RecordError("more connection records than announced") }
        if unit.unchanged.count > 0 { return try takeUnchanged(unit, header, pool) }
        units += 1
        guard descriptors.count - nextDescriptor >= unit.descriptorCount else {
            throw RecordError("a connection came without its descriptor")
        }
        let down = unit.hasDownstream ? try descriptor(unit.downstreamAhead, pool) : nil
        let up = unit.hasUpstream ? try descriptor(unit.upstreamAhead, pool) : nil
        if let down, let up, down.worker >= 0, up.worker >= 0, down.worker != up.worker {
            throw RecordError("both ends of a connection came ahead for different workers")
        }
        if let problem = adopt(unit, down, up, header, pool) {
            answer.refuse(unit.ordinal, problem)
            // The parent goes on with it: a copy here would keep it open.
            down?.descriptor.close()
            up?.descriptor.close()
        }
    }

    /// Connections that came ahead as a whole.
    private func takeUnchanged(
        _ unit: UnitRecord, _ header: TransactionRecord, _ pool: WorkerPool
    ) throws(RecordError) {
        let count = unit.unchanged.count / 8
        guard let start = unit.unchanged.start, unit.unchanged.count % 8 == 0,
            header.units - units >= UInt64(count), unit.ordinal <= header.units - UInt64(count)
        else { throw RecordError("more unchanged connections than announced") }
        units += UInt64(count)
        for i in 0..<count {
            let id = UInt64(littleEndian: UnsafeRawPointer(start + 8 * i).loadUnaligned(as: UInt64.self))
            guard let entry = pool.ahead.take(id) else { throw RecordError("a descriptor is named that never came") }
            switch entry.early {
            case .built: pool.workers[Int(entry.worker)].confirm(entry.slot)
            case .refused:
                answer.refuse(unit.ordinal + UInt64(i), pool.ahead.refusal(id))
                _ = cl_close(entry.descriptor)
            case .none, .taken:
                pool.ahead.giveBack(entry, pool.workers)
                throw RecordError("a connection is said to be unchanged whose record never came")
            }
        }
    }

    /// The next one of the transaction, or the one that came ahead under this name.
    private func descriptor(_ ahead: UInt64, _ pool: WorkerPool) throws(RecordError) -> Arrived {
        if ahead == 0 {
            defer { nextDescriptor += 1 }
            return Arrived(descriptor: descriptors[nextDescriptor], worker: -1, slot: -1)
        }
        guard let entry = pool.ahead.take(ahead) else { throw RecordError("a descriptor is named that never came") }
        return Arrived(
            descriptor: OwnedDescriptor(entry.descriptor), worker: Int(entry.worker), slot: entry.slot)
    }

    /// Returns why the unit stays with the parent.
    private func adopt(
        _ record: UnitRecord, _ down: Arrived?, _ up: Arrived?, _ header: TransactionRecord,
        _ pool: WorkerPool
    ) -> String? {
        let worker = place(record, down, up, header, pool)
        var unit = IncomingUnit()
        if let down {
            unit.downstreamDescriptor = down.descriptor.raw
            unit.downstreamSlot = down.slot
        }
        if let up {
            unit.upstreamDescriptor = up.descriptor.raw
            unit.upstreamSlot = up.slot
        }
        if let problem = resolve(record, &unit, header, pool) {
            worker.giveBack(unit.downstreamSlot, unit.downstreamDescriptor)
            worker.giveBack(unit.upstreamSlot, unit.upstreamDescriptor)
            return problem
        }
        if let problem = worker.adopt(unit) { return problem }
        // Now they are the worker's.
        _ = down?.descriptor.take()
        _ = up?.descriptor.take()
        return nil
    }

    /// Reads the records of a unit and finds what their names mean here. Returns why it stays with the parent.
    private func resolve(
        _ record: UnitRecord, _ unit: inout IncomingUnit, _ header: TransactionRecord, _ pool: WorkerPool
    ) -> String? {
        if record.needs != 0 { return "it needs what this version cannot do" }
        do throws(RecordError) {
            unit.downstream = try record.downstream()
            unit.upstream = try record.upstream()
            unit.stream = try record.stream()
        } catch {
            return "its record is not understood: \(error)"
        }
        if let d = unit.downstream {
            guard let position = position(d.listener, listeners) else { return "its record names no listener" }
            unit.listener = pool.workers[0].snapshot.chain(of: d, listener: position, unit.downstreamDescriptor)
        }
        if let cluster = unit.stream?.cluster ?? unit.upstream?.cluster, cluster >= 0 || unit.stream?.isHeld != true {
            if let up = unit.upstream, up.cluster != cluster { return "its record names two clusters" }
            guard clusters.indices.contains(Int(cluster)) else { return "its record names no cluster" }
            if clusters[Int(cluster)] == -2 { clusters[Int(cluster)] = find(header.clusters[Int(cluster)], unit, pool) }
            if clusters[Int(cluster)] == -2 { return "its cluster is not in the new configuration" }
            unit.cluster = clusters[Int(cluster)]
        }
        unit.virtualCluster = pool.requestClass(unit.stream?.virtualCluster?.value(.vcluster))
        unit.routeClass = pool.requestClass(unit.stream?.routeClass?.value(.route))
        return nil
    }

    private func position(_ position: Int32, _ table: [Int32]) -> Int32? {
        table.indices.contains(Int(position)) ? table[Int(position)] : nil
    }

    /// A connection at rest does not bring a cluster back that is gone.
    private func find(_ name: TransactionRecord.Name, _ unit: IncomingUnit, _ pool: WorkerPool) -> Int32 {
        let snapshot = pool.workers[0].snapshot
        var known = snapshot.clusterPositions.position(of: name.name)
        // Where no route has that priority any more it goes on with the other.
        if name.isHigh, known >= 0, let high = snapshot.high(of: Int(known)) { known = Int32(high) }
        if known >= 0 {
            pool.stats.make(cluster: Int(known))
            return known
        }
        return unit.downstream == nil ? -2 : pool.goneCluster(name)
    }

    /// The worker of the same number where there are as many; else they are spread, but for what belongs together through
    /// a pool.
    private func place(
        _ record: UnitRecord, _ down: Arrived?, _ up: Arrived?, _ header: TransactionRecord,
        _ pool: WorkerPool
    ) -> Worker {
        if let reserved = down.map(\.worker) ?? up.map(\.worker), reserved >= 0 { return pool.workers[reserved] }
        let count = pool.workers.count
        let waits = record.hasDownstream != record.hasUpstream && (record.hasUpstream || record.hasStream)
        if Int(header.workers) == count || waits { return pool.workers[Int(record.worker) % count] }
        turn += 1
        return pool.workers[turn % count]
    }
}
