import CLinux

/// Clusters and their hosts in one worker: which there are, and whose turn it is.
extension Worker {
    /// Takes over a new list of hosts. Known addresses keep their pool; removed ones serve what they have and take
    /// nothing new.
    func replaceHosts(cluster index: Int, _ list: [UpstreamHost], _ selection: HostSelection?) {
        guard index < snapshot.clusterCount else { return }
        // Another cluster has this place, or will.
        if list.isEmpty, !originalHosts.slots.isEmpty { dropOriginalHosts(cluster: index) }
        let cluster = clusters + index
        var kept: [Int32] = []
        let old = (0..<cluster.pointee.memberCount).map { cluster.pointee.members[$0] }
        for host in list {
            var address = host.address
            if let known = old.first(where: { sameAddress(hosts[$0], &address) && !kept.contains($0) }) {
                hosts[known].pointee.hostname = hostnames.bytes(host.hostname)
                hosts[known].pointee.weight = max(host.weight, 1)
                hosts[known].pointee.cells = host.cells?.words
                hosts[known].pointee.load = host.load?.word
                hosts[known].pointee.labels = hostnames.bytes(host.labels)
                hosts[known].pointee.isCanary = host.isCanary
                hosts[known].pointee.priority = host.priority
                kept.append(known)
                continue
            }
            let slot = hosts.take()
            guard slot >= 0 else { break }
            hosts[slot].pointee = HostPool()
            hosts[slot].pointee.address = address
            hosts[slot].pointee.hostname = hostnames.bytes(host.hostname)
            hosts[slot].pointee.cluster = Int32(index)
            hosts[slot].pointee.weight = max(host.weight, 1)
            hosts[slot].pointee.isFree = false
            hosts[slot].pointee.cells = host.cells?.words
            hosts[slot].pointee.load = host.load?.word
            hosts[slot].pointee.labels = hostnames.bytes(host.labels)
            hosts[slot].pointee.isCanary = host.isCanary
            hosts[slot].pointee.priority = host.priority
            hosts[slot].pointee.isByClient = snapshot.clusters[index].proxyVersion != nil
            kept.append(slot)
        }
        cluster.pointee.members.deallocate()
        cluster.pointee.members = .allocate(capacity: max(kept.count, 1))
        for (i, slot) in kept.enumerated() { cluster.pointee.members[i] = slot }
        cluster.pointee.memberCount = kept.count
        // Each worker begins elsewhere, so that few requests do not all meet the first host.
        if old.isEmpty, !kept.isEmpty { cluster.pointee.next = Int(random() % UInt64(kept.count)) }
        let stay = Set(old.isEmpty ? [] : kept)
        for slot in old where !stay.contains(slot) {
            hosts[slot].pointee.cells = nil
            hosts[slot].pointee.load = nil
            retireHost(slot, hosts[slot])
        }
        cellKeeper.keep(list.compactMap(\.cells), cluster: index)
        balanceKeeper.keep(list.compactMap(\.load), cluster: index)
        selectHosts(cluster: index, selection)
    }

    /// Which of the members are used from now on; nil: all.
    func selectHosts(cluster index: Int, _ selection: HostSelection?) {
        guard index < snapshot.clusterCount else { return }
        let cluster = clusters + index
        let count = cluster.pointee.memberCount
        let preconnects = snapshot.clusters[index].preconnect.isOn
        // The row may have had another cluster, which foresaw hosts that are no longer there.
        cluster.pointee.ahead.free()
        if preconnects { prepareAhead(cluster: index, selection) }
        if selection == nil, count == 1, !preconnects, snapshot.clusters[index].balancing.policy == .roundRobin {
            return selectOnlyHost(cluster: index)
        }
        let selection = selection ?? HostSelection(positions: (0..<count).map(Int32.init))
        let first = slots(cluster, selection.levels.first?.places.first?.positions ?? [])
        cluster.pointee.hosts.deallocate()
        cluster.pointee.hosts = .allocate(capacity: max(first.count, 1))
        for (i, slot) in first.enumerated() { cluster.pointee.hosts[i] = slot }
        cluster.pointee.hostCount = first.count
        prepareBalance(cluster: index, selection)
    }

    /// The same where there is nothing to choose, as in most of many clusters.
    private func selectOnlyHost(cluster index: Int) {
        let cluster = clusters + index
        cluster.pointee.hosts.deallocate()
        cluster.pointee.hosts = .allocate(capacity: 1)
        cluster.pointee.hosts[0] = cluster.pointee.members[0]
        cluster.pointee.hostCount = 1
        cluster.pointee.levels.free()
        cluster.pointee.others.free()
        cluster.pointee.needsCare = false
        balanceKeeper.keep([HashTable](), cluster: index)
    }

    /// The hosts at these positions of the list.
    func slots(_ cluster: UnsafeMutablePointer<WorkerCluster>, _ positions: [Int32]) -> [Int32] {
        // Fewer members than listed: there was no room for more.
        positions.filter { $0 >= 0 && $0 < cluster.pointee.memberCount }.map { cluster.pointee.members[Int($0)] }
    }

    /// Lets connections to a host go that has become unhealthy: others may do better once it is well again.
    func hostFailed(cluster index: Int, _ address: cl_address, closesTunnels: Bool) {
        guard index < snapshot.clusterCount else { return }
        let cluster = clusters + index
        var address = address
        for i in 0..<cluster.pointee.memberCount {
            let hostSlot = cluster.pointee.members[i]
            let pool = hosts[hostSlot]
            guard sameAddress(pool, &address), pool.pointee.connections > 0 else { continue }
            while pool.pointee.idleHead >= 0 { close(pool.pointee.idleHead, connections[pool.pointee.idleHead]) }
            closeSpares(pool)
            for slot in 0..<connections.count {
                let u = connections[slot]
                guard u.pointee.host == hostSlot else { continue }
                switch u.pointee.kind {
                case .upstreamHTTP where u.pointee.stream >= 0:
                    streams[u.pointee.stream].pointee.flags.insert(.closeUpstream)
                case .tunnelUpstream where closesTunnels && !u.pointee.flags.contains(.upgraded):
                    closeTunnel(slot, u)
                default: break
                }
            }
        }
    }

    private func sameAddress(_ pool: UnsafeMutablePointer<HostPool>, _ address: inout cl_address) -> Bool {
        cl_address_equal(&pool.pointee.address, &address)
    }

    func retireHost(_ slot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        pool.pointee.isRemoved = true
        while pool.pointee.idleHead >= 0 {
            let idle = pool.pointee.idleHead
            close(idle, connections[idle])
            if pool.pointee.isFree { return }
        }
        closeSpares(pool)
        freeHostIfUnused(slot, pool)
    }

    func freeHostIfUnused(_ slot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        guard pool.pointee.isRemoved, !pool.pointee.isFree, pool.pointee.connections == 0,
            pool.pointee.pendingCount == 0, pool.pointee.retrying == 0
        else { return }
        pool.pointee.isFree = true
        hosts.give(slot)
    }

    /// The next host of a cluster that does not need care, or -1 when it has none that may be used.
    @inline(__always)
    func nextHost(_ cluster: UnsafeMutablePointer<WorkerCluster>) -> Int32 {
        let count = cluster.pointee.hostCount
        if count == 0 { return -1 }
        var next = cluster.pointee.next
        if next >= count { next = 0 }
        cluster.pointee.next = next &+ 1
        return cluster.pointee.hosts[next]
    }
}
