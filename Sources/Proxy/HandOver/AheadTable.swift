import CLinux
import HotRestart

/// Descriptors that came ahead of their records, and connections at rest that came ahead as a whole: the child's.
final class AheadTable {
    struct Entry: BitwiseCopyable {
        /// What became of a record that came with the descriptor.
        enum Early: UInt8, BitwiseCopyable {
            /// None came.
            case none
            /// It is built in its slot, and served if the transaction says that it still holds.
            case built
            /// It must stay with the parent: see `refusals`.
            case refused
            /// The entry was taken out. It stays where it is, since removing is what costs most in a dictionary.
            case taken
        }
        /// The table's to close; of an entry that was taken, the caller's.
        var descriptor: Int32
        /// Where it is registered already, -1: nowhere.
        var worker: Int32 = -1
        var slot: Int32 = -1
        var early = Early.none
    }
    /// Plain data, for thousands are looked up while all connections stand still.
    private var entries: [UInt64: Entry] = [:]
    private var refusals: [UInt64: String] = [:]
    /// Positions of listeners here, made when first needed.
    private var listeners: [String: Int32]?
    private var turn = 0

    /// Each goes to the worker of the same number where there are as many; else connections at rest are spread, and the
    /// record says where the others go.
    func take(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor], _ pool: WorkerPool) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> RecordError? in
            do throws(RecordError) {
                try take(buffer, descriptors, pool)
                return nil
            } catch {
                return error
            }
        }
        if let result { throw result }
    }

    private func take(
        _ bytes: UnsafeBufferPointer<UInt8>, _ descriptors: [OwnedDescriptor], _ pool: WorkerPool
    ) throws(RecordError) {
        let record = try AheadRecord(bytes)
        guard record.ids.count == descriptors.count else {
            throw RecordError("\(descriptors.count) descriptors came with \(record.ids.count) names")
        }
        let workers = pool.workers
        let now = cl_monotonic_ns()
        for worker in workers { worker.state.pointee.nowNs = now }
        var early = record.early[...]
        for (id, descriptor) in zip(record.ids, descriptors) {
            guard entries[id] == nil else { throw RecordError("a descriptor came twice") }
            let number = AheadID.worker(id)
            guard number >= 0, number < Int(record.workers) else { throw RecordError("a descriptor of no worker came") }
            var entry = Entry(descriptor: descriptor.take())
            // Records stand in the order of the names.
            let hasRecord = early.first?.id == id
            if hasRecord { early.removeFirst() }
            if Int(record.workers) == workers.count { Self.reserve(&entry, workers, number, registers: !hasRecord) }
            entries[id] = entry
        }
        guard !record.early.isEmpty else { return }
        let positions = positions(record, pool)
        for early in record.early {
            try build(early, bytes, positions, workers)
        }
    }

    private static func reserve(_ entry: inout Entry, _ workers: [Worker], _ number: Int, registers: Bool) {
        entry.slot = workers[number].reserve(entry.descriptor, registers: registers)
        entry.worker = entry.slot >= 0 ? Int32(number) : -1
    }

    /// Positions here by positions in the parent.
    private func positions(_ record: AheadRecord, _ pool: WorkerPool) -> [Int32: Int32] {
        if listeners == nil {
            let names = pool.workers[0].snapshot.configuredListeners
            listeners = Dictionary(names.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
        }
        return Dictionary(
            record.listeners.map { ($0.position, listeners?[$0.name] ?? -1) }, uniquingKeysWith: { first, _ in first })
    }

    private func build(
        _ early: AheadRecord.Early, _ bytes: UnsafeBufferPointer<UInt8>, _ positions: [Int32: Int32],
        _ workers: [Worker]
    ) throws(RecordError) {
        guard var entry = entries[early.id], entry.early == .none, let base = bytes.baseAddress
        else { throw RecordError("a record came ahead without its descriptor") }
        if entry.worker < 0 {
            turn += 1
            Self.reserve(&entry, workers, turn % workers.count, registers: false)
        }
        var problem: String? = "the new process has no room for more connections"
        if entry.worker >= 0 {
            problem = Self.build(RecordBytes(base + early.start, early.count), entry, positions, workers)
        }
        entry.early = .built
        if let problem {
            entry.early = .refused
            entry.worker = -1
            entry.slot = -1
            refusals[early.id] = problem
        }
        entries[early.id] = entry
    }

    /// Returns why it stays with the parent; then its slot is free again.
    private static func build(
        _ bytes: RecordBytes, _ entry: Entry, _ positions: [Int32: Int32], _ workers: [Worker]
    ) -> String? {
        let worker = workers[Int(entry.worker)]
        var unit = IncomingUnit()
        unit.downstreamDescriptor = entry.descriptor
        unit.downstreamSlot = entry.slot
        do throws(RecordError) {
            let record = try ConnectionRecord(bytes)
            guard let listener = positions[record.listener] else { throw RecordError("it names no listener") }
            guard record.input.count == 0, record.output.count == 0 else {
                throw RecordError("it does not rest")
            }
            unit.downstream = record
            unit.listener = worker.snapshot.chain(of: record, listener: listener, entry.descriptor)
        } catch {
            worker.giveBack(entry.slot, entry.descriptor)
            return "its record is not understood: \(error)"
        }
        return worker.adopt(unit, isConfirmed: false)
    }

    /// Gives an entry and its descriptor to the caller, once.
    func take(_ id: UInt64) -> Entry? {
        guard let place = entries.index(forKey: id) else { return nil }
        let entry = entries.values[place]
        guard entry.early != .taken else { return nil }
        entries.values[place].early = .taken
        return entry
    }

    /// Why the connection of that name stays with the parent.
    func refusal(_ id: UInt64) -> String { refusals[id] ?? "" }

    /// Closes a descriptor, and frees its slot.
    func giveBack(_ entry: Entry, _ workers: [Worker]) {
        if entry.worker >= 0 { workers[Int(entry.worker)].giveBack(entry.slot, entry.descriptor) }
        _ = cl_close(entry.descriptor)
    }

    /// Closes those that no record has named.
    func drop(_ workers: [Worker]) {
        for entry in entries.values where entry.early != .taken { giveBack(entry, workers) }
        entries = [:]
        refusals = [:]
    }

    deinit { for entry in entries.values where entry.early != .taken { _ = cl_close(entry.descriptor) } }
}
