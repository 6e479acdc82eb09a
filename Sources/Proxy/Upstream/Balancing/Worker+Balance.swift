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
        let cluster = clusters + index
        let count = cluster.pointee.hostCount
        if count == 0 { return -1 }
        let balancing = snapshot.clusters[index].balancing
        if cluster.pointee.isPanic, balancing.policy != .hash || attempt == 0 {
            clusterStats[index].counters[.lb_healthy_panic].increment()
        }
        switch balancing.policy {
        case .roundRobin:
            return cluster.pointee.schedule.isEmpty ? nextHost(cluster, count) : chooseByWeight(cluster)
        case .random: return cluster.pointee.hosts[Int(random() % UInt64(count))]
        case .leastRequest:
            return cluster.pointee.schedule.isEmpty
                ? chooseLeast(cluster, count, of: balancing.choices)
                : chooseByWeightAndLoad(cluster, bias: balancing.currentBias)
        case .hash:
            let position = cluster.pointee.table.choose(key.isSet ? key.value : random(), attempt: attempt)
            // There was no room for all hosts.
            guard position >= 0, Int(position) < cluster.pointee.memberCount else { return -1 }
            return cluster.pointee.members[Int(position)]
        }
    }

    private func chooseByWeight(_ cluster: UnsafeMutablePointer<WorkerCluster>) -> Int32 {
        let host = cluster.pointee.schedule.first
        cluster.pointee.schedule.charge(weight: Double(hosts[host].pointee.weight))
        return host
    }

    private func chooseByWeightAndLoad(_ cluster: UnsafeMutablePointer<WorkerCluster>, bias: Double) -> Int32 {
        let host = cluster.pointee.schedule.first
        cluster.pointee.schedule.charge(weight: loadedWeight(host, bias: bias))
        return host
    }

    /// A host's weight as its requests leave it.
    private func loadedWeight(_ host: Int32, bias: Double) -> Double {
        let weight = Double(hosts[host].pointee.weight)
        let requests = Double(load(of: host)) + 1
        if bias == 1 { return weight / requests }
        // A bias may be anything: what became of the weight must still be one.
        return bias == 0 ? weight : max(weight / pow(requests, bias), Double.leastNormalMagnitude)
    }

    private func chooseLeast(
        _ cluster: UnsafeMutablePointer<WorkerCluster>, _ count: Int, of choices: UInt32
    ) -> Int32 {
        var best = cluster.pointee.hosts[Int(random() % UInt64(count))]
        var least = load(of: best)
        var left = choices
        while left > 1 {
            let other = cluster.pointee.hosts[Int(random() % UInt64(count))]
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

    // MARK: Preparing

    /// The hosts that are used have changed.
    func prepareBalance(cluster index: Int, _ table: HashTable?) {
        let cluster = clusters + index
        let balancing = snapshot.clusters[index].balancing
        cluster.pointee.schedule.free()
        cluster.pointee.table = table?.view ?? HashTable.View()
        balanceKeeper.keep(table, cluster: index)
        cluster.pointee.needsCare = cluster.pointee.isPanic || balancing.policy != .roundRobin
        let used = (0..<cluster.pointee.hostCount).map { cluster.pointee.hosts[$0] }
        guard balancing.policy == .roundRobin || balancing.policy == .leastRequest, let first = used.first,
            used.contains(where: { hosts[$0].pointee.weight != hosts[first].pointee.weight })
        else { return }
        let isLoaded = balancing.policy == .leastRequest
        let weights = used.map { host in
            (host, isLoaded ? loadedWeight(host, bias: balancing.currentBias) : Double(hosts[host].pointee.weight))
        }
        cluster.pointee.schedule = WeightedSchedule(weights) { Double(random() >> 11) / Double(1 << 53 as UInt64) }
        cluster.pointee.needsCare = true
    }
}

/// Keeps the memory that a worker chooses hosts by.
final class BalanceKeeper {
    private var tables: [Int: HashTable] = [:]
    private var loads: [Int: [HostLoad]] = [:]

    func keep(_ table: HashTable?, cluster: Int) { tables[cluster] = table }

    func keep(_ list: [HostLoad], cluster: Int) { loads[cluster] = list.isEmpty ? nil : list }
}
