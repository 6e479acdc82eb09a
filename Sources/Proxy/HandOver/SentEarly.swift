import Glibc

/// The connections whose records went to the child ahead of the freeze, as they were then: the parent's. What is the same
/// when it stands still needs no other record.
///
/// Whole connections are compared, but for what no record says, so that a field that is forgotten here costs a record and
/// never a state.
final class SentEarly {
    /// By worker and slot.
    private var then: [[Connection]] = []

    /// Begins anew.
    func clear(workers: Int) { then = Array(repeating: [], count: workers) }

    func note(worker: Int, slot: Int32, _ c: ConnectionPointer) {
        let missing = Int(slot) + 1 - then[worker].count
        if missing > 0 { then[worker].append(contentsOf: repeatElement(Connection(), count: missing)) }
        then[worker][Int(slot)] = Self.essence(c)
    }

    func isSame(worker: Int, slot: Int32, _ c: ConnectionPointer) -> Bool {
        guard then.indices.contains(worker), then[worker].indices.contains(Int(slot)) else { return false }
        var now = Self.essence(c)
        return then[worker].withUnsafeBufferPointer {
            memcmp($0.baseAddress! + Int(slot), &now, MemoryLayout<Connection>.size) == 0
        }
    }

    /// Without its place in the timer wheel, which its neighbours change.
    @inline(__always)
    private static func essence(_ c: ConnectionPointer) -> Connection {
        var copy = c.pointee
        copy.timer = TimerWheel.Link()
        return copy
    }
}
