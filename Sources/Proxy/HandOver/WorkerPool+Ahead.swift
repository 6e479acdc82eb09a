import CLinux

/// Descriptors that go to the child while their connections are still served here, and the records of those connections
/// that rest, so that the freeze has only the other records to send. All of it is for parked workers; they stand for some
/// hundred microseconds at a time.
extension WorkerPool {
    /// Bytes of one message from which on descriptors go without their records.
    private static let earlyBytes = 40 * 1024

    /// Begins anew: a child before this one may have had some.
    public func beginAhead() {
        aheadCursors = workers.map { _ in 0 }
        sentEarly.clear(workers: workers.count)
        for worker in workers {
            for slot in 0..<worker.connections.count {
                worker.connections[slot].pointee.flags.remove([.passedAhead, .recordAhead])
            }
        }
    }

    /// The next descriptors, at most `limit`, with what names them; nil when there are no more.
    ///
    /// - Parameter withRecords: the child takes records ahead.
    public func nextAhead(limit: Int, withRecords: Bool) -> (record: [UInt8], descriptors: [Int32])? {
        var out = RecordWriter(capacity: 64 * 1024)
        out.number(AheadRecord.Tag.workers, UInt64(workers.count))
        var descriptors: [Int32] = []
        descriptors.reserveCapacity(limit)
        var named: Set<Int32> = []
        for (number, worker) in workers.enumerated() {
            while descriptors.count < limit, aheadCursors[number] < worker.connections.count {
                let slot = aheadCursors[number]
                aheadCursors[number] += 1
                let c = worker.connections[slot]
                // What is about to end is not worth it; a client of a copy has none.
                if c.pointee.fd < 0 || c.pointee.kind == .free
                    || !c.pointee.flags.isDisjoint(with: [.lingering, .closeAfterFlush, .spare])
                {
                    continue
                }
                c.pointee.flags.insert(.passedAhead)
                let id = AheadID.make(number, slot, c.pointee.generation)
                out.number(AheadRecord.Tag.id, id)
                descriptors.append(c.pointee.fd)
                if withRecords, Self.rests(c), out.count < Self.earlyBytes {
                    writeEarly(worker, slot, c, id, &named, into: &out)
                }
            }
        }
        return descriptors.isEmpty ? nil : (Array(out.bytes), descriptors)
    }

    /// A client's connection without a request, and nothing on its way.
    private static func rests(_ c: ConnectionPointer) -> Bool {
        c.pointee.kind == .downstreamHTTP && c.pointee.stream < 0 && c.pointee.input.isEmpty && c.pointee.output.isEmpty
    }

    private func writeEarly(
        _ worker: Worker, _ slot: Int32, _ c: ConnectionPointer, _ id: UInt64, _ named: inout Set<Int32>,
        into out: inout RecordWriter
    ) {
        let listener = Int32(worker.listener(of: c))
        if named.insert(listener).inserted {
            let start = out.begin(AheadRecord.Tag.listener)
            out.number(AheadRecord.Tag.position, UInt64(listener) + 1)
            out.text(AheadRecord.Tag.name, worker.snapshot.configuredListeners[Int(listener)])
            out.end(start)
        }
        let early = out.begin(AheadRecord.Tag.early)
        out.number(AheadRecord.Tag.earlyID, id)
        let record = out.begin(AheadRecord.Tag.record)
        ConnectionRecord.write(
            c, listener: listener, cluster: -1, host: nil, addresses: worker.addresses(of: c),
            bucket: worker.bucket(of: c),
            into: &out)
        // It changes only with what passes through the connection.
        worker.exportLog(c.pointee.log, c, ConnectionRecord.logTag, into: &out)
        out.end(record)
        out.end(early)
        c.pointee.flags.insert(.recordAhead)
        sentEarly.note(worker: worker.index, slot: slot, c)
    }

    /// Whether the child has the record of this unit as it is now.
    func isUnchanged(_ unit: SentUnit) -> Bool {
        guard unit.upstream < 0, unit.downstream >= 0 else { return false }
        let worker = workers[Int(unit.worker)]
        let c = worker.connections[unit.downstream]
        return c.pointee.flags.contains(.recordAhead)
            && sentEarly.isSame(worker: worker.index, slot: unit.downstream, c)
    }
}
