import CLinux
import Glibc

/// Whose turn it is in clusters where that is not simply the next host's: weights differ, few hosts are healthy, or the policy is
/// another than ROUND_ROBIN. What each needs is made when the hosts change (`prepareBalance`).
extension Worker {
    /// The host of a cluster that `needsCare`, -1: it has none that may be used.
    ///
    /// - Parameters:
    ///   - key: what chooses it in a cluster that balances by hash; others do not look at it.
    ///   - attempt: how many hosts have been found unfit before, for the same request.
    @inline(never)
    func chooseCarefully(cluster index: Int, _ key: HashKey = HashKey(), attempt: UInt32 = 0) -> Int32 {
        let ahead = (clusters + index).pointee.ahead.take()
        return ahead >= 0 ? ahead : chooseNow(cluster: index, key, attempt: attempt)
    }

    /// The same, whatever was foreseen.
    ///
    /// - Parameter chosen: the level; nil: by its load.
    func chooseNow(
        cluster index: Int, _ key: HashKey, attempt: UInt32, level chosen: UnsafeMutablePointer<WorkerLevel>? = nil
    ) -> Int32 {
        let cluster = clusters + index
        let balancing = snapshot.clusters[index].balancing
        let isHashed = balancing.policy == .hash
        let levels = cluster.pointee.levels
        let hash = isHashed && key.isSet ? key.value : isHashed || levels.count > 1 ? random() : 0
        let level = chosen ?? levels.choose(hash)
        if level.pointee.isPanic, !isHashed || attempt == 0 {
            clusterStats[index].counters[.lb_healthy_panic].increment()
        }
        if isHashed {
            let position = level.pointee.table.choose(hash, attempt: attempt)
            // There was no room for all hosts.
            guard position >= 0, Int(position) < cluster.pointee.memberCount else { return -1 }
            return cluster.pointee.members[Int(position)]
        }
        let place = level.pointee.nextPlace()
        if place.pointee.count == 0 { return -1 }
        switch balancing.policy {
        case .random: return place.pointee.hosts[Int(random() % UInt64(place.pointee.count))]
        case .leastRequest:
            return place.pointee.schedule.isEmpty
                ? chooseLeast(place, of: balancing.choices)
                : chooseByWeightAndLoad(place, bias: balancing.currentBias)
        case .roundRobin, .hash, .originalDst:
            return place.pointee.schedule.isEmpty ? place.pointee.turn() : chooseByWeight(place)
        }
    }

    private func chooseByWeight(_ place: UnsafeMutablePointer<WorkerPlace>) -> Int32 {
        let host = place.pointee.schedule.first
        place.pointee.schedule.charge(weight: weight(host))
        return host
    }

    /// A host's weight as its age leaves it.
    func weight(_ host: Int32) -> Double {
        let weight = Double(hosts[host].pointee.weight)
        let start = snapshot.clusters[Int(hosts[host].pointee.cluster)].balancing.slowStart
        if start.windowNs == 0 { return weight }
        return weight * start.part(since(host), nowNs: state.pointee.nowNs)
    }

    /// When it joined or became healthy; 0: that is of no account.
    func since(_ host: Int32) -> UInt64 {
        hosts[host].pointee.load.map { cl_load_relaxed($0 + HostLoad.since) } ?? 0
    }

    private func chooseByWeightAndLoad(_ place: UnsafeMutablePointer<WorkerPlace>, bias: Double) -> Int32 {
        let host = place.pointee.schedule.first
        place.pointee.schedule.charge(weight: loadedWeight(host, bias: bias))
        return host
    }

    /// A host's weight as its requests leave it.
    func loadedWeight(_ host: Int32, bias: Double) -> Double {
        let weight = weight(host)
        let requests = Double(load(of: host)) + 1
        if bias == 1 { return weight / requests }
        // A bias may be anything: what became of the weight must still be one.
        return bias == 0 ? weight : max(weight / pow(requests, bias), Double.leastNormalMagnitude)
    }

    private func chooseLeast(_ place: UnsafeMutablePointer<WorkerPlace>, of choices: UInt32) -> Int32 {
        let count = place.pointee.count
        var best = place.pointee.hosts[Int(random() % UInt64(count))]
        var least = load(of: best)
        var left = choices
        while left > 1 {
            let other = place.pointee.hosts[Int(random() % UInt64(count))]
            let load = load(of: other)
            if load < least { (best, least) = (other, load) }
            left &-= 1
        }
        return best
    }

    // MARK: Requests of hosts

    /// Requests that a host has, of all workers.
    @inline(__always)
    private func load(of host: Int32) -> UInt64 {
        guard let word = hosts[host].pointee.load else { return 0 }
        let load = cl_load_relaxed(word)
        // Workers count while this reads.
        return load > 1 << 63 ? 0 : load
    }

    /// A connection begins to carry a request or a tunnel, or no longer does; one that is still being made carries none, as in
    /// Envoy.
    @inline(__always)
    func countLoad(_ u: ConnectionPointer, of cluster: Int, _ change: Int64) {
        if snapshot.clusters[cluster].watch.contains(.load) { addLoad(u, change) }
    }

    /// The same. Who calls has seen `HostWatch.load`.
    @inline(never)
    func addLoad(_ u: ConnectionPointer, _ change: Int64) {
        guard !u.pointee.flags.contains(.connecting), let word = hosts[u.pointee.host].pointee.load else { return }
        _ = cl_fetch_add(word, UInt64(bitPattern: change))
    }
}

/// Keeps the memory that a worker chooses hosts by.
final class BalanceKeeper {
    private var tables: [Int: [HashTable]] = [:]
    private var loads: [Int: [HostLoad]] = [:]

    func keep(_ list: [HashTable], cluster: Int) { tables[cluster] = list.isEmpty ? nil : list }

    func keep(_ list: [HostLoad], cluster: Int) { loads[cluster] = list.isEmpty ? nil : list }
}
