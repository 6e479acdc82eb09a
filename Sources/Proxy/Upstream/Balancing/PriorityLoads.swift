/// How requests are spread over the priorities of a cluster, and which of them use all hosts since too few are well. Pure; the
/// rules are Envoy's.
struct PriorityLoads: Equatable {
    /// The hosts of one priority.
    struct Members: Equatable {
        var hosts = 0
        var healthy = 0
        var degraded = 0
        /// Count neither way.
        var excluded = 0
    }

    /// Percent of the requests that go to the healthy hosts of each priority, and to its degraded ones. The sum of all is 100,
    /// or 0 where there is no host for any.
    private(set) var healthy: [UInt32]
    private(set) var degraded: [UInt32]
    /// All hosts of the priority are used.
    private(set) var isPanic: [Bool]
    /// Percent of the requests that the healthy hosts of each priority could take, and its degraded ones, whatever others can.
    let healthyShares: [UInt32]
    let degradedShares: [UInt32]

    /// - Parameters:
    ///   - overprovisioning: percent: with 140, 5 of 7 healthy hosts are as good as all.
    ///   - threshold: percent of hosts that must be well; 0: there is no panic.
    init(_ priorities: [Members], overprovisioning: UInt32, threshold: UInt32) {
        let factor = UInt64(overprovisioning)
        /// What a priority can take: 0 to 100.
        func share(_ members: Members, _ count: Int) -> UInt64 {
            let counted = members.hosts - members.excluded
            return counted > 0 ? min(100, factor * UInt64(count) / UInt64(counted)) : 0
        }
        let health = priorities.map { share($0, $0.healthy) }
        let rest = priorities.map { share($0, $0.degraded) }
        healthyShares = health.map(UInt32.init)
        degradedShares = rest.map(UInt32.init)
        let total = min(100, health.reduce(0, +) + rest.reduce(0, +))
        healthy = priorities.map { _ in 0 }
        degraded = healthy
        isPanic = priorities.map { total < 100 && Self.isPanic($0, threshold) }
        guard !priorities.isEmpty else { return }
        if !isPanic.contains(false) {
            spreadByCount(priorities)
        } else if total > 0 {
            var left: UInt64 = 100
            Self.spread(health, total, &left, &healthy)
            Self.spread(rest, total, &left, &degraded)
            // What roundings have left goes to the first that can take anything.
            if let first = health.firstIndex(where: { $0 > 0 }) {
                healthy[first] += UInt32(left)
            } else if let first = rest.firstIndex(where: { $0 > 0 }) {
                degraded[first] += UInt32(left)
            }
        }
    }

    private static func isPanic(_ members: Members, _ threshold: UInt32) -> Bool {
        let counted = members.hosts - members.excluded
        func percent(_ count: Int) -> Double { counted > 0 ? 100 * Double(count) / Double(counted) : 0 }
        return percent(members.healthy) + percent(members.degraded) < Double(min(threshold, 100))
    }

    private static func spread(_ shares: [UInt64], _ total: UInt64, _ left: inout UInt64, _ loads: inout [UInt32]) {
        for (priority, share) in shares.enumerated() {
            let load = min(left, share * 100 / total)
            loads[priority] = UInt32(load)
            left -= load
        }
    }

    /// No priority is well: each takes as many requests as it has hosts.
    private mutating func spreadByCount(_ priorities: [Members]) {
        let all = priorities.reduce(0) { $0 + $1.hosts }
        guard all > 0, let first = priorities.firstIndex(where: { $0.hosts > 0 }) else {
            healthy[0] = 100
            return
        }
        for (priority, members) in priorities.enumerated() {
            healthy[priority] = UInt32(100 * members.hosts / all)
        }
        healthy[first] += 100 - healthy.reduce(0, +)
    }
}
