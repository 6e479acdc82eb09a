/// What one worker chooses the hosts of a cluster from, as `HostSelection` says it. Plain memory of this worker's.
struct WorkerLevels: BitwiseCopyable {
    private(set) var first: UnsafeMutablePointer<WorkerLevel>?
    private(set) var count = 0

    /// Without hosts.
    init() {}

    init(_ levels: [WorkerLevel]) {
        guard !levels.isEmpty else { return }
        let memory = UnsafeMutablePointer<WorkerLevel>.allocate(capacity: levels.count)
        memory.initialize(from: levels, count: levels.count)
        first = memory
        count = levels.count
    }

    /// Gives the memory back.
    mutating func free() {
        for i in 0..<count { first?[i].free() }
        first?.deallocate()
        self = WorkerLevels()
    }

    /// The level of a request, as Envoy chooses it. There must be one.
    ///
    /// - Parameter hash: any number that is another for another request; in a cluster that balances by hash the request's own.
    @inline(__always)
    func choose(_ hash: UInt64) -> UnsafeMutablePointer<WorkerLevel> {
        let first = first.unsafelyUnwrapped
        return count == 1 ? first : chooseByLoad(first, hash)
    }

    private func chooseByLoad(
        _ first: UnsafeMutablePointer<WorkerLevel>, _ hash: UInt64
    ) -> UnsafeMutablePointer<WorkerLevel> {
        let percent = UInt32(truncatingIfNeeded: hash % 100)
        var sum: UInt32 = 0
        for i in 0..<count {
            sum &+= first[i].load
            if percent < sum { return first + i }
        }
        return first
    }
}

/// Hosts of one priority.
struct WorkerLevel: BitwiseCopyable {
    var priority: UInt32
    var isDegraded: Bool
    /// Percent of the requests.
    var load: UInt32
    /// Percent of the requests that it could take.
    var availability: UInt32
    /// Hosts are used without regard to their health, since too few are healthy.
    var isPanic: Bool
    /// One or more.
    var places: UnsafeMutablePointer<WorkerPlace>
    var placeCount: Int
    /// Which of `places` has its turn; empty where there is one.
    var schedule = WeightedSchedule()
    /// Of a cluster that balances by hash.
    var table = HashTable.View()

    @inline(__always)
    mutating func nextPlace() -> UnsafeMutablePointer<WorkerPlace> {
        if placeCount == 1 { return places }
        let place = places + Int(schedule.first)
        schedule.charge(weight: place.pointee.weight)
        return place
    }

    mutating func free() {
        for i in 0..<placeCount {
            places[i].hosts.deallocate()
            places[i].schedule.free()
        }
        places.deallocate()
        schedule.free()
    }
}

/// Hosts among which the policy of a cluster chooses.
struct WorkerPlace: BitwiseCopyable {
    var locality: Int
    var weight: Double
    /// Indices into the worker's host slab.
    var hosts: UnsafeMutablePointer<Int32>
    var count: Int
    var next: Int
    /// Whose turn it is where weights differ; else empty.
    var schedule = WeightedSchedule()

    init(_ slots: [Int32], locality: Int = 0, weight: Double = 1, next: Int) {
        hosts = .allocate(capacity: max(slots.count, 1))
        hosts.initialize(from: slots, count: slots.count)
        count = slots.count
        self.locality = locality
        self.weight = weight
        self.next = next
    }

    /// The next host; there must be one.
    @inline(__always)
    mutating func turn() -> Int32 {
        let place = next < count ? next : 0
        next = place &+ 1
        return hosts[place]
    }
}
