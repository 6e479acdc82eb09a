/// Which hosts of a cluster may be chosen, by position in its list.
public struct HostSelection: Sendable, Equatable {
    /// One is chosen for each request, by its load.
    var levels: [HostLevel]
    /// Those without load that could take some; not of a cluster that balances by hash.
    var others: [HostLevel] = []
    /// Those that are not healthy; empty unless the cluster makes connections ahead.
    var unwell: [Int32] = []

    /// All requests go to these hosts.
    ///
    /// - Parameter isPanic: they are used whether they are well or not.
    public init(positions: [Int32], isPanic: Bool = false) {
        levels = [HostLevel(isPanic: isPanic, places: [HostPlace(positions: positions)])]
    }

    init(levels: [HostLevel], others: [HostLevel] = [], unwell: [Int32] = []) {
        self.levels = levels
        self.others = others
        self.unwell = unwell
    }
}

/// The healthy hosts of a priority, or its degraded ones, or in panic all of it.
struct HostLevel: Sendable, Equatable {
    var priority: UInt32 = 0
    var isDegraded = false
    /// Percent of the requests.
    var load: UInt32 = 100
    /// Percent of the requests that it could take, whatever others can.
    var availability: UInt32 = 0
    var isPanic = false
    /// More than one: localities, which take turns by weight.
    var places: [HostPlace]
    /// Where these hosts stand, in a cluster that balances by hash.
    var table: HashTable?

    /// What follows from hosts and health; tables follow from that.
    static func == (a: HostLevel, b: HostLevel) -> Bool {
        a.priority == b.priority && a.isDegraded == b.isDegraded && a.load == b.load && a.isPanic == b.isPanic
            && a.places == b.places && a.availability == b.availability
    }
}

/// Hosts among which the policy of the cluster chooses.
struct HostPlace: Sendable, Equatable {
    /// Which locality, by group; 0 also where localities are of no account.
    var locality = 0
    /// Of its turns; in a cluster that balances by hash its part of all places.
    var weight = 1.0
    var positions: [Int32]
}

/// Whether a host is used.
enum HostState: Sendable, Equatable {
    case healthy
    /// Where healthy ones do not suffice.
    case degraded
    /// In panic only.
    case failed
}
