/// Priorities that a request has been sent to (`retry_priority`, `previous_priorities`), in the words of Envoy: after every so many tries
/// those of them are excluded.
struct TriedPriorities: BitwiseCopyable, Equatable {
    /// A set of priorities, 0 to 128.
    struct Bits: BitwiseCopyable, Equatable {
        static let words = 3
        private var bits: (UInt64, UInt64, UInt64) = (0, 0, 0)

        func contains(_ priority: UInt32) -> Bool {
            switch priority / 64 {
            case 0: bits.0 & 1 << UInt64(priority % 64) != 0
            case 1: bits.1 & 1 << UInt64(priority % 64) != 0
            case 2: bits.2 & 1 << UInt64(priority % 64) != 0
            default: false
            }
        }

        mutating func insert(_ priority: UInt32) {
            switch priority / 64 {
            case 0: bits.0 |= 1 << UInt64(priority % 64)
            case 1: bits.1 |= 1 << UInt64(priority % 64)
            case 2: bits.2 |= 1 << UInt64(priority % 64)
            default: break
            }
        }

        mutating func formUnion(_ other: Bits) {
            bits = (bits.0 | other.bits.0, bits.1 | other.bits.1, bits.2 | other.bits.2)
        }

        static func == (a: Bits, b: Bits) -> Bool { a.bits == b.bits }
    }

    /// Tries since the beginning, or since everything was excluded.
    var count: UInt32 = 0
    var tried = Bits()
    var excluded = Bits()

    /// A try went there.
    mutating func note(_ priority: UInt32) {
        tried.insert(priority)
        count &+= 1
    }

    /// Whether priorities have other loads for the next try; `excluded` has those that get none.
    ///
    /// - Parameter isAnyLeft: whether there are hosts that may be used in a priority that is not in this set.
    mutating func apply(every frequency: UInt32, isAnyLeft: (Bits) -> Bool) -> Bool {
        if frequency == 0 || count < frequency { return false }
        if count % frequency == 0 { excluded.formUnion(tried) }
        if isAnyLeft(excluded) { return true }
        // All have been tried: it begins anew.
        self = TriedPriorities()
        return isAnyLeft(excluded)
    }
}

extension Worker {
    /// The level for a request that is sent again and has a `retry_priority`; nil: as for any other.
    func retryLevel(cluster index: Int, _ r: UnsafeMutablePointer<RetryState>) -> UnsafeMutablePointer<WorkerLevel>? {
        let levels = RetryLevels((clusters + index).pointee.levels, (clusters + index).pointee.others)
        guard levels.count > 1, snapshot.clusters[index].balancing.policy != .hash else { return nil }
        var tried = r.pointee.tried
        let isOther = tried.apply(every: r.pointee.policy.priorityFrequency) { levels.availability($0) > 0 }
        r.pointee.tried = tried
        return isOther ? levels.choose(without: tried.excluded, random() % 100) : nil
    }
}

/// All levels of a cluster, in the order in which Envoy gives them their load: the healthy hosts of each priority, then the degraded ones.
struct RetryLevels {
    private let used: WorkerLevels
    private let others: WorkerLevels

    /// - Parameters:
    ///   - used: those with load.
    ///   - others: those without; none is in both.
    init(_ used: WorkerLevels, _ others: WorkerLevels) {
        self.used = used
        self.others = others
    }

    var count: Int { used.count + others.count }

    /// Percent of all requests that priorities can take.
    func availability(_ excluded: TriedPriorities.Bits) -> UInt32 {
        var sum: UInt32 = 0
        forEach { if !excluded.contains($0.pointee.priority) { sum &+= $0.pointee.availability } }
        return min(sum, 100)
    }

    /// - Parameter percent: any number from 0 to 99.
    func choose(without excluded: TriedPriorities.Bits, _ percent: UInt64) -> UnsafeMutablePointer<WorkerLevel>? {
        let total = availability(excluded)
        if total == 0 { return nil }
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { loads in
            loads.initialize(repeating: 0)
            var left: UInt32 = 100
            // More than once for what roundings leave.
            while left > 0 {
                var position = 0
                forEach { level in
                    if !excluded.contains(level.pointee.priority) {
                        let load = min(left, level.pointee.availability * 100 / total)
                        loads[position] += load
                        left -= load
                    }
                    position += 1
                }
            }
            var chosen: UnsafeMutablePointer<WorkerLevel>?
            var (position, sum) = (0, 0 as UInt32)
            forEach { level in
                sum += loads[position]
                if chosen == nil, UInt32(percent) < sum { chosen = level }
                position += 1
            }
            return chosen
        }
    }

    private func forEach(_ body: (UnsafeMutablePointer<WorkerLevel>) -> Void) {
        var (i, j) = (0, 0)
        while i < used.count || j < others.count {
            let a = i < used.count ? used.first.map { $0 + i } : nil
            let b = j < others.count ? others.first.map { $0 + j } : nil
            if let a, b.map({ Self.order(a) < Self.order($0) }) ?? true {
                body(a)
                i += 1
            } else if let b {
                body(b)
                j += 1
            }
        }
    }

    private static func order(_ level: UnsafeMutablePointer<WorkerLevel>) -> (Int, UInt32) {
        (level.pointee.isDegraded ? 1 : 0, level.pointee.priority)
    }
}
