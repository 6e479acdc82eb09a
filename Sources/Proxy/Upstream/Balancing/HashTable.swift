import ProxyConfig

/// Where requests go by their hash: a ring or a Maglev table, as Envoy makes them. Made by the main thread when hosts or their
/// health change, read by all workers, never changed. It depends on nothing but its hosts, so that every process that has the
/// same ones sends a request to the same.
final class HashTable: @unchecked Sendable {
    /// One host that may be chosen.
    struct Member: Equatable {
        /// In the cluster's list.
        var position: Int32
        /// What is hashed: the address, the host's name, or what the configuration says.
        var key: [UInt8]
        var weight: UInt32
        /// The part of all places that its locality has, and the sum of the weights there; 0: there are no localities.
        var share = 1.0
        var siblings: UInt64 = 0
    }

    /// The part of all places that each has.
    static func parts(_ list: [Member]) -> [Double] {
        let sum = list.reduce(0) { $0 + UInt64($1.weight) }
        return list.map { Double($0.weight) * $0.share / Double($0.siblings > 0 ? $0.siblings : sum) }
    }

    /// What workers look into. Whoever uses it keeps the table.
    struct View: BitwiseCopyable {
        /// The places of a ring in order; nil: it is a Maglev table.
        var hashes: UnsafePointer<UInt64>?
        /// By place: positions in the cluster's list; nil only without places.
        var members: UnsafePointer<Int32>?
        var count = 0
    }

    let view: View
    /// Places that the host with the fewest and the one with the most of them has.
    let fewest, most: Int
    /// What the ring's size is said to be: not all of it need be there, where a locality has no host that is well.
    let size: Int
    private let hashes: UnsafeMutablePointer<UInt64>?
    private let members: UnsafeMutablePointer<Int32>

    init(hashes: [UInt64]?, members: [Int32], fewest: Int, most: Int, size: Int? = nil) {
        self.size = size ?? members.count
        self.fewest = fewest
        self.most = most
        self.hashes = hashes.map { Self.copy($0) }
        self.members = Self.copy(members)
        view = View(
            hashes: self.hashes.map { UnsafePointer($0) }, members: UnsafePointer(self.members), count: members.count)
    }

    deinit {
        hashes?.deallocate()
        members.deallocate()
    }

    private static func copy<Part: BitwiseCopyable>(_ parts: [Part]) -> UnsafeMutablePointer<Part> {
        let memory = UnsafeMutablePointer<Part>.allocate(capacity: max(parts.count, 1))
        memory.initialize(from: parts, count: parts.count)
        return memory
    }
}

extension HashTable.View {
    /// The position of the host for a hash, -1: there is none.
    ///
    /// - Parameter attempt: how many hosts have been found unfit before, for the same hash.
    /// - Complexity: O(log n) in a ring, O(1) in a Maglev table.
    func choose(_ hash: UInt64, attempt: UInt32) -> Int32 {
        guard count > 0, let members else { return -1 }
        guard let hashes else {
            // Another place far away, in Envoy's way.
            let key = attempt > 0 ? hash ^ (0 &- UInt64(attempt)) : hash
            return members[Int(key % UInt64(count))]
        }
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            if hashes[middle] < hash { low = middle &+ 1 } else { high = middle }
        }
        // Behind the last place comes the first.
        let place = low == count ? 0 : low
        return members[attempt > 0 ? (place &+ Int(attempt)) % count : place]
    }
}
