import CLinux

/// Clusters and their hosts in one worker: which there are, and whose turn it is.
extension Worker {
    /// Takes over a new list of hosts. Known addresses keep their pool; removed ones serve what they have and take
    /// nothing new.
    func replaceHosts(cluster index: Int, _ list: [UpstreamHost]) {
        guard index < snapshot.clusterCount else { return }
        let cluster = clusters + index
        var kept: [Int32] = []
        let old = (0..<cluster.pointee.hostCount).map { cluster.pointee.hosts[$0] }
        for host in list {
            var address = host.address
            if let known = old.first(where: { sameAddress(hosts[$0], &address) && !kept.contains($0) }) {
                hosts[known].pointee.weight = max(host.weight, 1)
                kept.append(known)
                continue
            }
            let slot = hosts.take()
            guard slot >= 0 else { break }
            hosts[slot].pointee = HostPool()
            hosts[slot].pointee.address = address
            hosts[slot].pointee.cluster = Int32(index)
            hosts[slot].pointee.weight = max(host.weight, 1)
            hosts[slot].pointee.isFree = false
            kept.append(slot)
        }
        cluster.pointee.hosts.deallocate()
        cluster.pointee.hosts = .allocate(capacity: max(kept.count, 1))
        for (i, slot) in kept.enumerated() { cluster.pointee.hosts[i] = slot }
        cluster.pointee.hostCount = kept.count
        cluster.pointee.isWeighted = Set(kept.map { hosts[$0].pointee.weight }).count > 1
        // Each worker begins elsewhere, so that few requests do not all meet the first host.
        if old.isEmpty, !kept.isEmpty { cluster.pointee.next = Int(random() % UInt64(kept.count)) }
        for slot in old where !kept.contains(slot) { retireHost(slot, hosts[slot]) }
    }

    private func sameAddress(_ pool: UnsafeMutablePointer<HostPool>, _ address: inout cl_address) -> Bool {
        cl_address_equal(&pool.pointee.address, &address)
    }

    private func retireHost(_ slot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        pool.pointee.isRemoved = true
        while pool.pointee.idleHead >= 0 {
            let idle = pool.pointee.idleHead
            close(idle, connections[idle])
            if pool.pointee.isFree { return }
        }
        freeHostIfUnused(slot, pool)
    }

    func freeHostIfUnused(_ slot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        guard pool.pointee.isRemoved, !pool.pointee.isFree, pool.pointee.connections == 0,
            pool.pointee.pendingCount == 0
        else { return }
        pool.pointee.isFree = true
        hosts.give(slot)
    }

    /// ROUND_ROBIN: the next host of a cluster, or -1 when it has none. With different weights, smooth weighted round
    /// robin, which spreads the turns of a heavy host.
    @inline(__always)
    func chooseHost(cluster index: Int) -> Int32 {
        let cluster = clusters + index
        let count = cluster.pointee.hostCount
        if count == 0 { return -1 }
        if cluster.pointee.isWeighted { return chooseWeighted(cluster) }
        var next = cluster.pointee.next
        if next >= count { next = 0 }
        cluster.pointee.next = next &+ 1
        return cluster.pointee.hosts[next]
    }

    @inline(never)
    private func chooseWeighted(_ cluster: UnsafeMutablePointer<WorkerCluster>) -> Int32 {
        var total: Int64 = 0
        var best: Int32 = -1
        for i in 0..<cluster.pointee.hostCount {
            let slot = cluster.pointee.hosts[i]
            let pool = hosts[slot]
            pool.pointee.standing += Int64(pool.pointee.weight)
            total += Int64(pool.pointee.weight)
            if best < 0 || pool.pointee.standing > hosts[best].pointee.standing { best = slot }
        }
        if best >= 0 { hosts[best].pointee.standing -= total }
        return best
    }
}
