import CLinux
import Glibc

/// Connections on their way out: what was sent, and what became of it.
public struct ConnectionExport {
    fileprivate(set) var units: [SentUnit] = []
    /// Downstream connections among them.
    public fileprivate(set) var downstream = 0
    /// Of these, with a request in flight or a tunnel.
    public fileprivate(set) var busy = 0
    /// Upstream connections.
    public fileprivate(set) var upstream = 0
    /// Downstream connections that were not sent, since the child has no descriptors for them.
    public fileprivate(set) var withoutRoom = 0
    /// Downstream connections that the child left here, by its reasons.
    public fileprivate(set) var refused: [(reason: String, count: Int)] = []

    /// Puts the units of which the child has the record already behind the others; returns how many others there are.
    fileprivate mutating func separateUnchanged(_ pool: WorkerPool) -> Int {
        var unchanged: [SentUnit] = []
        unchanged.reserveCapacity(units.count)
        units = units.filter { unit in
            guard pool.isUnchanged(unit) else { return true }
            unchanged.append(unit)
            return false
        }
        let whole = units.count
        units += unchanged
        return whole
    }

    /// Downstream connections that the child has.
    public var moved: Int { downstream - refused.reduce(0) { $0 + $1.count } }
}

/// The parent's half of moving connections, over all workers. All of it is for parked workers.
extension WorkerPool {
    public func park(_ done: @escaping () -> Void) {
        let pending = Countdown(workers.count, done)
        let mailbox = mailbox
        for worker in workers { worker.mailbox.post(.park(parked: { mailbox.post { pending.arrive() } })) }
    }

    public func resumeParked() { for worker in workers { worker.mailbox.post(.resume) } }

    /// Writes all connections as records. `send` gets pieces of the stream with the descriptors that belong to them, in
    /// order, and says whether to go on; the last piece may be empty.
    ///
    /// - Parameters:
    ///   - descriptorLimit: how many the child has room for; what is at rest stays first.
    ///   - pieceBytes: bytes of the largest piece.
    /// - Returns: nil when `send` said no.
    public func exportConnections(
        descriptorLimit: Int, pieceBytes: Int, pieceDescriptors: Int,
        send: (_ bytes: UnsafeBufferPointer<UInt8>, _ descriptors: [Int32], _ isLast: Bool) -> Bool
    ) -> ConnectionExport? {
        var export = collectUnits(descriptorLimit: descriptorLimit)
        var out = RecordWriter()
        var descriptors: [Int32] = []
        descriptors.reserveCapacity(pieceDescriptors)
        writeHeader(units: export.units.count, into: &out)
        let whole = export.separateUnchanged(self)
        for (ordinal, unit) in export.units[..<whole].enumerated() {
            let worker = workers[Int(unit.worker)]
            worker.export(unit, ordinal: ordinal, into: &out)
            if unit.downstream >= 0 {
                if !isAhead(worker, unit.downstream) {
                    descriptors.append(worker.connections[unit.downstream].pointee.fd)
                }
                export.downstream += 1
                let c = worker.connections[unit.downstream].pointee
                if c.stream >= 0 || c.kind == .tunnelDownstream { export.busy += 1 }
            }
            if unit.upstream >= 0 {
                if !isAhead(worker, unit.upstream) {
                    descriptors.append(worker.connections[unit.upstream].pointee.fd)
                }
                export.upstream += 1
            }
            while out.count >= pieceBytes || descriptors.count + 2 > pieceDescriptors {
                let piece = UnsafeBufferPointer(rebasing: out.bytes.prefix(pieceBytes))
                guard send(piece, descriptors, false) else { return nil }
                out.removeFirst(piece.count)
                descriptors.removeAll(keepingCapacity: true)
            }
        }
        writeUnchanged(&export, from: whole, into: &out)
        while out.count > pieceBytes {
            guard send(UnsafeBufferPointer(rebasing: out.bytes.prefix(pieceBytes)), descriptors, false) else {
                return nil
            }
            out.removeFirst(pieceBytes)
            descriptors.removeAll(keepingCapacity: true)
        }
        return send(out.bytes, descriptors, true) ? export : nil
    }

    /// The connections whose records the child has already.
    private func writeUnchanged(_ export: inout ConnectionExport, from whole: Int, into out: inout RecordWriter) {
        guard whole < export.units.count else { return }
        let ids = export.units[whole...].map { workers[Int($0.worker)].aheadID($0.downstream) }
        export.downstream += ids.count
        let frame = out.beginFrame()
        out.number(UnitRecord.Tag.ordinal, UInt64(whole))
        out.words(UnitRecord.Tag.unchanged, ids[...])
        out.endFrame(frame)
    }

    private func isAhead(_ worker: Worker, _ slot: Int32) -> Bool {
        worker.connections[slot].pointee.flags.contains(.passedAhead)
    }

    private func writeHeader(units: Int, into out: inout RecordWriter) {
        var header = TransactionRecord()
        header.units = UInt64(units)
        header.workers = UInt32(workers.count)
        header.connectionID = workers.reduce(0) { max($0, $1.state.pointee.connectionID) }
        let snapshot = workers[0].snapshot
        header.listeners = zip(snapshot.configuredListeners, snapshot.listenerNames).map {
            .init(name: $0, statName: $1.statName)
        }
        header.clusters = zip(snapshot.configuredClusters, snapshot.clusterStatNames).enumerated().map {
            .init(name: $1.0, statName: $1.1, isHigh: snapshot.clusters[$0].base >= 0)
        }
        header.clusters += goneClusters
        header.hostHealth = hostHealth
        header.rateLimits = snapshot.rateLimits.levels
        let frame = out.beginFrame()
        header.write(into: &out)
        out.endFrame(frame)
    }

    private func collectUnits(descriptorLimit: Int) -> ConnectionExport {
        var export = ConnectionExport()
        var descriptors = 0
        for worker in workers {
            for slot in 0..<worker.connections.count {
                guard let unit = worker.unit(slot) else { continue }
                export.units.append(unit)
                descriptors += (unit.downstream >= 0 ? 1 : 0) + (unit.upstream >= 0 ? 1 : 0)
            }
        }
        if descriptors > descriptorLimit { leaveBehind(&export, descriptorLimit) }
        return export
    }

    /// Requests and tunnels go first, clients at rest next, upstream connections at rest last.
    private func leaveBehind(_ export: inout ConnectionExport, _ limit: Int) {
        func rank(_ unit: SentUnit) -> Int {
            if unit.downstream < 0 { return 2 }
            return unit.upstream >= 0 || workers[Int(unit.worker)].connections[unit.downstream].pointee.stream >= 0
                ? 0 : 1
        }
        var left = limit
        var chosen: [SentUnit] = []
        for wanted in 0...2 {
            for unit in export.units where rank(unit) == wanted {
                let need = (unit.downstream >= 0 ? 1 : 0) + (unit.upstream >= 0 ? 1 : 0)
                if need <= left {
                    left -= need
                    chosen.append(unit)
                } else if unit.downstream >= 0 {
                    export.withoutRoom += 1
                }
            }
        }
        export.units = chosen
    }

    // MARK: - What became of it

    /// Notes what the child leaves here. Nothing is let go yet. Returns what is wrong with the answer, nil if nothing.
    public func readAnswer(_ bytes: [UInt8], _ export: inout ConnectionExport) -> String? {
        let answer: AnswerRecord
        do throws(RecordError) {
            answer = try AnswerRecord(bytes, units: export.units.count)
        } catch {
            return "\(error)"
        }
        for entry in answer.refused {
            var count = 0
            for ordinal in entry.ordinals {
                guard !export.units[Int(ordinal)].isKept else { return "unit \(ordinal) is refused twice" }
                export.units[Int(ordinal)].isKept = true
                if export.units[Int(ordinal)].downstream >= 0 { count += 1 }
            }
            if count > 0 { export.refused.append((entry.reason, count)) }
        }
        return nil
    }

    /// The child serves what was sent: it is forgotten here, and the workers go on with what stayed.
    ///
    /// Where nothing stayed nobody waits for them, and those at rest take their time: thousands of descriptors closed at
    /// once would keep the child from its first requests.
    public func forgetMoved(_ export: ConnectionExport) {
        sentEarly.clear(workers: 0)
        let isLeisurely = export.refused.isEmpty && export.withoutRoom == 0
        settle(export) { worker, units in
            // Not for long: should the child die, this worker serves again.
            let batch = max(Self.forgetBatch, units.count / Self.forgetPauses)
            var rested = 0
            for unit in units {
                if isLeisurely, unit.upstream < 0, worker.connections[unit.downstream].pointee.stream < 0 {
                    rested += 1
                    if rested % batch == 0 { usleep(Self.forgetPauseUs) }
                }
                if !unit.isKept {
                    worker.forget(unit)
                } else if unit.downstream < 0 {
                    // At rest: nobody will need it here.
                    worker.close(unit.upstream, worker.connections[unit.upstream])
                }
            }
            // Requests that stay may have waited for a connection that has moved.
            worker.connectForWaiting()
            worker.closeSpares()
        }
    }

    /// What was sent is lost with a child that had begun to serve it: the last copies are closed.
    public func closeLost(_ export: ConnectionExport) {
        settle(export) { worker, units in
            for unit in units where !unit.isKept {
                let slot = unit.downstream >= 0 ? unit.downstream : unit.upstream
                let c = worker.connections[slot]
                switch c.pointee.kind {
                case .free, .mirror: break
                case .downstreamHTTP: worker.downstreamClosed(slot, c)
                case .tunnelDownstream, .tunnelUpstream: worker.closeTunnel(slot, c)
                case .upstreamHTTP, .awaitingHeader, .echo, .leaving: worker.close(slot, c)
                }
            }
        }
    }

    /// Units that a worker forgets between two pauses, at least; how many pauses there are at most, and for how long. A tenth
    /// of a second in all: the child's first requests need the processors more.
    private static let forgetBatch = 64
    private static let forgetPauses = 40
    private static let forgetPauseUs: UInt32 = 2500

    private func settle(_ export: ConnectionExport, _ body: @escaping @Sendable (Worker, [SentUnit]) -> Void) {
        for (index, worker) in workers.enumerated() {
            let units = export.units.filter { Int($0.worker) == index }
            worker.mailbox.post(
                .whileParked { worker in
                    body(worker, units)
                    if worker.downstreamCount == 0 { worker.hooks.drained(index) }
                })
            worker.mailbox.post(.resume)
        }
    }
}
