import ProxyConfig

/// From hosts and their health to those that are used. Pure; the rules are Envoy's.
enum HostSpread {
    /// A host, in the order of the cluster's list.
    struct Member {
        /// Position in `Cluster.groups`.
        var group = 0
        var state = HostState.healthy
        /// Counts neither way for panic and the load of priorities.
        var isExcluded = false
    }

    /// Whether hosts of the cluster are not all alike as far as the configuration goes.
    static func isNeeded(_ cluster: Cluster) -> Bool {
        cluster.weighsLocalities || cluster.groups.contains { $0.priority > 0 }
    }

    /// How many priorities have other hosts than before.
    static func changes(
        from old: (cluster: Cluster, hosts: [UpstreamHost]), to new: (cluster: Cluster, hosts: [UpstreamHost])
    ) -> Int {
        // At the start of many clusters.
        if old.hosts.isEmpty, new.cluster.groups.allSatisfy({ $0.priority == 0 }) { return new.hosts.isEmpty ? 0 : 1 }
        func addresses(_ state: (cluster: Cluster, hosts: [UpstreamHost])) -> [UInt32: [String]] {
            Dictionary(grouping: state.hosts) { state.cluster.group(of: $0)?.priority ?? 0 }.mapValues {
                $0.map { SocketAddress.text($0.address) }.sorted()
            }
        }
        let (before, after) = (addresses(old), addresses(new))
        return Set(before.keys).union(after.keys).count { before[$0] != after[$0] }
    }

    /// nil: all hosts are used, and all alike.
    static func selection(_ cluster: Cluster, _ members: [Member]) -> HostSelection? {
        if !members.isEmpty, !isNeeded(cluster), members.allSatisfy({ $0.state == .healthy }) { return nil }
        let lowest = cluster.groups.reduce(0) { max($0, Int($1.priority)) }
        var sets = [HostSet](repeating: HostSet(), count: lowest + 1)
        for (position, member) in members.enumerated() {
            let isKnown = cluster.groups.indices.contains(member.group)
            sets[isKnown ? Int(cluster.groups[member.group].priority) : 0].add(Int32(position), member)
            if isKnown, cluster.weighsLocalities {
                sets[Int(cluster.groups[member.group].priority)].localities[member.group, default: .init()]
                    .add(Int32(position), member)
            }
        }
        let loads = PriorityLoads(
            sets.map(\.count), overprovisioning: cluster.overprovisioning, threshold: cluster.healthyPanicPercent)
        var levels: [HostLevel] = []
        var others: [HostLevel] = []
        for isDegraded in [false, true] {
            for (priority, set) in sets.enumerated() {
                let load = isDegraded ? loads.degraded[priority] : loads.healthy[priority]
                let share = isDegraded ? loads.degradedShares[priority] : loads.healthyShares[priority]
                // Also without load, since tables of healthy hosts are made for all priorities.
                let isOther = load == 0 && (isDegraded || !cluster.balancing.isHashed)
                if isOther, share == 0 || cluster.balancing.isHashed { continue }
                var level = level(
                    cluster, set, UInt32(priority), load, isDegraded, isPanic: loads.isPanic[priority])
                // Nobody asks where there is no other.
                if lowest > 0 { level.availability = share }
                if isOther { others.append(level) } else { levels.append(level) }
            }
        }
        // There is no host for anything, and no panic.
        if levels.isEmpty { levels = [level(cluster, sets[0], 0, 100, false, isPanic: loads.isPanic[0])] }
        let unwell = cluster.preconnect == nil ? [] : members.indices.filter { members[$0].state != .healthy }
        return HostSelection(levels: levels, others: others, unwell: unwell.map(Int32.init))
    }

    private static func level(
        _ cluster: Cluster, _ set: HostSet, _ priority: UInt32, _ load: UInt32, _ isDegraded: Bool, isPanic: Bool
    ) -> HostLevel {
        let positions: [Int32]
        if isPanic {
            positions = cluster.failsInPanic && !cluster.balancing.isHashed ? [] : set.all
        } else {
            // As in Envoy, degraded hosts have no place in tables.
            positions = isDegraded && !cluster.balancing.isHashed ? set.degraded : set.healthy
        }
        var places = [HostPlace(positions: positions)]
        if cluster.weighsLocalities {
            if cluster.balancing.isHashed {
                places = shares(cluster, set, isPanic: isPanic)
            } else if !isPanic {
                let weighted = turns(cluster, set, isDegraded)
                if !weighted.isEmpty { places = weighted }
            }
        }
        return HostLevel(priority: priority, isDegraded: isDegraded, load: load, isPanic: isPanic, places: places)
    }

    /// Localities that have turns: by their weight, as far as enough of their hosts are well.
    private static func turns(_ cluster: Cluster, _ set: HostSet, _ isDegraded: Bool) -> [HostPlace] {
        set.inOrder(cluster).compactMap { group, hosts in
            let used = isDegraded ? hosts.degraded : hosts.healthy
            let counted = hosts.all.count - hosts.excluded
            guard counted > 0 else { return nil }
            let share = Double(used.count) / Double(counted) * (Double(cluster.overprovisioning) / 100)
            let weight = Double(cluster.groups[group].weight) * min(1, share)
            return weight > 0 ? HostPlace(locality: group, weight: weight, positions: used) : nil
        }
    }

    /// Localities that have places in a table: by their weight, whatever their hosts are like.
    private static func shares(_ cluster: Cluster, _ set: HostSet, isPanic: Bool) -> [HostPlace] {
        let localities = set.inOrder(cluster)
        let sum = localities.reduce(0) { $0 + UInt64(cluster.groups[$1.0].weight) }
        guard sum > 0 else { return [HostPlace(positions: [])] }
        return localities.filter { cluster.groups[$0.0].weight > 0 }.map { group, hosts in
            HostPlace(
                locality: group, weight: Double(cluster.groups[group].weight) / Double(sum),
                positions: isPanic ? hosts.all : hosts.healthy)
        }
    }

    /// The hosts of a priority, or of a locality of it, by position.
    private struct HostSet {
        /// By group.
        var localities: [Int: HostSet] = [:]
        var all: [Int32] = []
        var healthy: [Int32] = []
        var degraded: [Int32] = []
        var excluded = 0

        var count: PriorityLoads.Members {
            PriorityLoads.Members(
                hosts: all.count, healthy: healthy.count, degraded: degraded.count, excluded: excluded)
        }

        /// In Envoy's order: the proxy's own locality first, then by name.
        func inOrder(_ cluster: Cluster) -> [(Int, HostSet)] {
            func key(_ group: Int) -> (Int, String, String, String) {
                let place = cluster.groups[group].locality
                return (place == cluster.ownLocality ? 0 : 1, place.region, place.zone, place.subZone)
            }
            return localities.sorted { key($0.key) < key($1.key) }.map { ($0.key, $0.value) }
        }

        mutating func add(_ position: Int32, _ member: Member) {
            all.append(position)
            if member.isExcluded { excluded += 1 }
            switch member.state {
            case .healthy: healthy.append(position)
            case .degraded: degraded.append(position)
            case .failed: break
            }
        }
    }
}

extension Cluster {
    /// Position in `groups`; 0 also of a host whose endpoint is not known.
    func groupPosition(of host: UpstreamHost) -> Int {
        endpoints.indices.contains(host.endpoint) ? endpoints[host.endpoint].group : 0
    }

    /// nil: it is not known.
    func endpoint(of host: UpstreamHost) -> Endpoint? {
        endpoints.indices.contains(host.endpoint) ? endpoints[host.endpoint] : nil
    }

    /// The same hosts with what their endpoints say that matters when a request is sent again.
    func labelled(_ hosts: [UpstreamHost]) -> [UpstreamHost] {
        if groups.allSatisfy({ $0.priority == 0 }), endpoints.allSatisfy({ $0.labels.isEmpty }) { return hosts }
        return hosts.map { host in
            var host = host
            if let endpoint = endpoint(of: host) { (host.labels, host.isCanary) = (endpoint.labels, endpoint.isCanary) }
            host.priority = group(of: host)?.priority ?? 0
            return host
        }
    }

    func group(of host: UpstreamHost) -> EndpointGroup? {
        let position = groupPosition(of: host)
        return groups.indices.contains(position) ? groups[position] : nil
    }
}
