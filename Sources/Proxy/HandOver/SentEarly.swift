import Glibc

/// The records that went to the child ahead of the freeze, as they were then: the parent's. A connection that still has the
/// same record when it stands still needs no other one.
final class SentEarly {
    private struct Place: BitwiseCopyable {
        var start: Int32 = 0
        var count: Int32 = 0
    }
    private var bytes = RecordWriter(capacity: 64)
    /// By worker and slot.
    private var places: [[Place]] = []

    /// Begins anew.
    func clear(workers: Int) {
        bytes = RecordWriter(capacity: workers > 0 ? 256 * 1024 : 64)
        places = Array(repeating: [], count: workers)
    }

    func note(worker: Int, slot: Int32, _ record: UnsafeBufferPointer<UInt8>) {
        let missing = Int(slot) + 1 - places[worker].count
        if missing > 0 { places[worker].append(contentsOf: repeatElement(Place(), count: missing)) }
        places[worker][Int(slot)] = Place(start: Int32(bytes.count), count: Int32(record.count))
        bytes.raw(record)
    }

    func isSame(worker: Int, slot: Int32, _ record: UnsafeBufferPointer<UInt8>) -> Bool {
        guard places.indices.contains(worker), places[worker].indices.contains(Int(slot)) else { return false }
        let place = places[worker][Int(slot)]
        guard Int(place.count) == record.count, let now = record.baseAddress, let then = bytes.bytes.baseAddress else {
            return false
        }
        return memcmp(then + Int(place.start), now, record.count) == 0
    }
}
