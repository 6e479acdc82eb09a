import Glibc
import ProxyConfig

/// Positions of clusters by their names: for the configuration's compiler, and for requests that name their cluster.
struct ClusterNames: BitwiseCopyable, @unchecked Sendable {
    private struct Entry: BitwiseCopyable {
        var name: Bytes
        var position: Int32
    }
    /// By name, in the memory of the configuration (`KeptMemory`).
    private var entries: UnsafeMutablePointer<Entry>
    private let count: Int
    /// The same, for requests of priority HIGH.
    private let highEntries: UnsafeMutablePointer<Entry>

    /// - Parameters:
    ///   - names: by position; of equal ones the first counts, and the empty one is nobody's.
    ///   - high: by position: that of priority HIGH.
    init(_ names: [String], high: [Int32] = []) {
        var all: [Entry] = []
        all.reserveCapacity(names.count)
        for (i, name) in names.enumerated() where !name.isEmpty {
            all.append(Entry(name: Bytes(keeping: name), position: Int32(i)))
        }
        all.sort {
            let order = Self.order($0.name, $1.name)
            return order == 0 ? $0.position < $1.position : order < 0
        }
        count = all.count
        entries = .kept(capacity: max(count, 1))
        entries.initialize(from: all, count: count)
        if high.isEmpty {
            highEntries = entries
        } else {
            for i in all.indices { all[i].position = high[Int(all[i].position)] }
            highEntries = .kept(capacity: max(count, 1))
            highEntries.initialize(from: all, count: count)
        }
    }

    /// The same names with the positions for a priority.
    func positions(for priority: RequestPriority) -> ClusterNames {
        var result = self
        if priority == .high { result.entries = highEntries }
        return result
    }

    /// -1: there is none.
    func position(of name: String) -> Int32 {
        var name = name
        return name.withUTF8 { bytes in bytes.baseAddress.map { position(of: Bytes($0, bytes.count)) } ?? -1 }
    }

    /// -1: there is none.
    func position(of name: Bytes) -> Int32 {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Self.order(entries[middle].name, name) < 0 { low = middle + 1 } else { high = middle }
        }
        return low < count && Self.order(entries[low].name, name) == 0 ? entries[low].position : -1
    }

    private static func order(_ a: Bytes, _ b: Bytes) -> Int {
        let order = memcmp(a.start, b.start, min(a.count, b.count))
        return order == 0 ? a.count - b.count : Int(order)
    }
}
