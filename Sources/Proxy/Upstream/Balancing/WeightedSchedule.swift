/// Whose turn it is among hosts of different weights: each is due once in every 1 / weight of a time that goes on with the
/// picks ("earliest deadline first", as Envoy does it), so that the turns of a heavy host are spread. A heap in plain memory; one
/// worker owns it.
struct WeightedSchedule: BitwiseCopyable {
    private struct Entry: BitwiseCopyable {
        var due: Double
        /// Of those that are due at once the one that has waited longest is first.
        var order: UInt64
        var host: Int32
    }

    private var entries: UnsafeMutablePointer<Entry>?
    private(set) var count = 0
    private var now = 0.0
    private var order: UInt64 = 0

    /// Without hosts.
    init() {}

    var isEmpty: Bool { count == 0 }

    /// - Parameters:
    ///   - hosts: each with its weight, more than 0.
    ///   - random: from 0 to 1: where a host stands in its first turn, so that workers do not begin alike.
    init(_ hosts: [(host: Int32, weight: Double)], random: () -> Double) {
        count = hosts.count
        let memory = UnsafeMutablePointer<Entry>.allocate(capacity: max(count, 1))
        for (i, one) in hosts.enumerated() {
            (memory + i).initialize(to: Entry(due: random() / one.weight, order: UInt64(i), host: one.host))
        }
        entries = memory
        order = UInt64(count)
        for i in stride(from: count / 2 - 1, through: 0, by: -1) { sift(memory, i) }
    }

    /// Gives the memory back.
    mutating func free() {
        entries?.deallocate()
        self = WeightedSchedule()
    }

    /// The host whose turn it is, -1: there is none. Until `charge` it is so again.
    @inline(__always)
    var first: Int32 { count > 0 ? entries.unsafelyUnwrapped.pointee.host : -1 }

    /// It had its turn; the next one comes by its weight.
    ///
    /// - Complexity: O(log n)
    mutating func charge(weight: Double) {
        guard count > 0, let entries else { return }
        now = entries.pointee.due
        entries.pointee.due = now + 1 / weight
        entries.pointee.order = order
        order &+= 1
        sift(entries, 0)
    }

    private func sift(_ entries: UnsafeMutablePointer<Entry>, _ start: Int) {
        var i = start
        let moving = entries[i]
        while true {
            var child = 2 &* i &+ 1
            if child >= count { break }
            if child &+ 1 < count, Self.isBefore(entries[child &+ 1], entries[child]) { child &+= 1 }
            if !Self.isBefore(entries[child], moving) { break }
            entries[i] = entries[child]
            i = child
        }
        entries[i] = moving
    }

    @inline(__always)
    private static func isBefore(_ a: Entry, _ b: Entry) -> Bool {
        a.due < b.due || a.due == b.due && a.order < b.order
    }
}
