/// Whether a cluster has so few healthy hosts that all of them are used. As Envoy computes it for one priority.
enum HealthyPanic {
    /// Envoy's overprovisioning factor in percent: with 5 of 7 hosts healthy nothing is amiss yet.
    private static let overprovisioning = 140

    /// - Parameters:
    ///   - excluded: hosts that count neither way.
    ///   - threshold: percent; 0: never.
    static func isPanic(healthy: Int, members: Int, excluded: Int, threshold: UInt32) -> Bool {
        let counted = members - excluded
        let share = counted > 0 ? Double(healthy) * 100 / Double(counted) : 0
        if counted > 0, overprovisioning * healthy / counted >= 100 { return false }
        return share < Double(threshold)
    }
}

/// Which hosts of a cluster may be chosen, by position in its list.
public struct HostSelection: Sendable, Equatable {
    public var positions: [Int32]
    /// All of them, since too few are healthy.
    public var isPanic = false
    /// Where these hosts stand, in a cluster that balances by hash.
    var table: HashTable?
    public init(positions: [Int32], isPanic: Bool = false) {
        self.positions = positions
        self.isPanic = isPanic
    }

    /// What follows from hosts and health; tables follow from that.
    public static func == (a: HostSelection, b: HostSelection) -> Bool {
        a.positions == b.positions && a.isPanic == b.isPanic
    }
}
