import CLinux

/// Descriptors that go to the child while their connections are still served here, so that the freeze has only records to
/// send. All of it is for parked workers; they stand for some hundred microseconds at a time.
extension WorkerPool {
    /// Begins anew: a child before this one may have had some.
    public func beginAhead() {
        aheadCursors = workers.map { _ in 0 }
        for worker in workers {
            for slot in 0..<worker.connections.count {
                worker.connections[slot].pointee.flags.remove(.passedAhead)
            }
        }
    }

    /// The next descriptors, at most `limit`, with what names them; nil when there are no more.
    public func nextAhead(limit: Int) -> (record: [UInt8], descriptors: [Int32])? {
        var record = AheadRecord(workers: UInt32(workers.count))
        var descriptors: [Int32] = []
        for (number, worker) in workers.enumerated() {
            while descriptors.count < limit, aheadCursors[number] < worker.connections.count {
                let slot = aheadCursors[number]
                aheadCursors[number] += 1
                let c = worker.connections[slot]
                // What is about to end is not worth it.
                if c.pointee.kind == .free || !c.pointee.flags.isDisjoint(with: [.lingering, .closeAfterFlush]) {
                    continue
                }
                c.pointee.flags.insert(.passedAhead)
                record.ids.append(AheadID.make(number, slot, c.pointee.generation))
                descriptors.append(c.pointee.fd)
            }
        }
        return descriptors.isEmpty ? nil : (record.encoded(), descriptors)
    }
}
