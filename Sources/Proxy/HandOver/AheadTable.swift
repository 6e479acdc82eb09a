import HotRestart

/// Descriptors that came ahead of their records: the child's.
final class AheadTable {
    struct Entry {
        var descriptor: OwnedDescriptor
        /// Where it is registered already, -1: nowhere.
        var worker: Int
        var slot: Int32
    }
    private var entries: [UInt64: Entry] = [:]

    /// Each goes to the worker of the same number, where there are as many; else its record says where it goes.
    func take(_ record: AheadRecord, _ descriptors: [OwnedDescriptor], _ workers: [Worker]) throws(RecordError) {
        guard record.ids.count == descriptors.count else {
            throw RecordError("\(descriptors.count) descriptors came with \(record.ids.count) names")
        }
        for (id, descriptor) in zip(record.ids, descriptors) {
            guard entries[id] == nil else { throw RecordError("a descriptor came twice") }
            let number = AheadID.worker(id)
            guard number >= 0, number < Int(record.workers) else { throw RecordError("a descriptor of no worker came") }
            var entry = Entry(descriptor: descriptor, worker: -1, slot: -1)
            if Int(record.workers) == workers.count {
                entry.slot = workers[number].reserve(descriptor.raw)
                entry.worker = entry.slot >= 0 ? number : -1
            }
            entries[id] = entry
        }
    }

    func remove(_ id: UInt64) -> Entry? { entries.removeValue(forKey: id) }

    /// Closes those that no record has named.
    func drop(_ workers: [Worker]) {
        for entry in entries.values {
            if entry.worker >= 0 { workers[entry.worker].unreserve(entry.slot, entry.descriptor.raw) }
            entry.descriptor.close()
        }
        entries = [:]
    }
}
