/// What is made in a worker when the hosts that are used have changed.
extension Worker {
    func prepareBalance(cluster index: Int, _ selection: HostSelection) {
        let cluster = clusters + index
        let policy = snapshot.clusters[index].balancing.policy
        var old = cluster.pointee.levels
        let levels = selection.levels.map { level(index, $0, old) }
        old.free()
        cluster.pointee.levels = WorkerLevels(levels)
        cluster.pointee.others.free()
        cluster.pointee.others = WorkerLevels(selection.others.map { level(index, $0, WorkerLevels()) })
        balanceKeeper.keep(selection.levels.compactMap(\.table), cluster: index)
        // Else the next one is simply the next one.
        cluster.pointee.needsCare =
            policy != .roundRobin || levels.count != 1 || snapshot.clusters[index].preconnect.isPredictive
            || levels.contains { $0.isPanic || $0.placeCount != 1 || !$0.places.pointee.schedule.isEmpty }
    }

    private func level(_ index: Int, _ level: HostLevel, _ old: WorkerLevels) -> WorkerLevel {
        let cluster = clusters + index
        let places = UnsafeMutablePointer<WorkerPlace>.allocate(capacity: level.places.count)
        for (i, one) in level.places.enumerated() {
            var place = WorkerPlace(
                slots(cluster, one.positions), locality: one.locality, weight: one.weight,
                next: (cluster.pointee.needsCare ? old.next(level, one) : nil) ?? cluster.pointee.next)
            place.schedule = schedule(index, place)
            (places + i).initialize(to: place)
        }
        var result = WorkerLevel(
            priority: level.priority, isDegraded: level.isDegraded, load: level.load,
            availability: level.availability, isPanic: level.isPanic, places: places, placeCount: level.places.count)
        if level.places.count > 1 {
            result.schedule = WeightedSchedule(
                level.places.enumerated().map { (Int32($0.offset), $0.element.weight) }, random: randomPart)
        }
        result.table = level.table?.view ?? HashTable.View()
        return result
    }

    /// Empty: the hosts are all alike.
    private func schedule(_ index: Int, _ place: WorkerPlace) -> WeightedSchedule {
        let balancing = snapshot.clusters[index].balancing
        let used = (0..<place.count).map { place.hosts[$0] }
        let (start, now) = (balancing.slowStart, state.pointee.nowNs)
        guard balancing.policy == .roundRobin || balancing.policy == .leastRequest, used.count > 1,
            used.contains(where: {
                hosts[$0].pointee.weight != hosts[used[0]].pointee.weight
                    || start.windowNs > 0 && start.isStarting(since($0), nowNs: now)
            })
        else { return WeightedSchedule() }
        let isLoaded = balancing.policy == .leastRequest
        let weights = used.map { ($0, isLoaded ? loadedWeight($0, bias: balancing.currentBias) : weight($0)) }
        return WeightedSchedule(weights, random: randomPart)
    }

    /// From 0 to 1.
    private func randomPart() -> Double { Double(random() >> 11) / Double(1 << 53 as UInt64) }
}

extension WorkerLevels {
    /// Whose turn it is among the hosts that stood for these before.
    fileprivate func next(_ level: HostLevel, _ place: HostPlace) -> Int? {
        guard let first else { return nil }
        for i in 0..<count where first[i].priority == level.priority && first[i].isDegraded == level.isDegraded {
            for j in 0..<first[i].placeCount where first[i].places[j].locality == place.locality {
                return first[i].places[j].next
            }
        }
        return nil
    }
}
