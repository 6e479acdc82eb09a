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
    static func isNeeded(_ cluster: Cluster) -> Bool { cluster.groups.contains { $0.priority > 0 } }

    /// How many priorities have other hosts than before.
    static func changes(_ cluster: Cluster, from old: [UpstreamHost], to new: [UpstreamHost]) -> Int {
        func addresses(_ hosts: [UpstreamHost]) -> [UInt32: [String]] {
            Dictionary(grouping: hosts) { cluster.group(of: $0)?.priority ?? 0 }.mapValues {
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
        }
        let loads = PriorityLoads(
            sets.map(\.count), overprovisioning: cluster.overprovisioning, threshold: cluster.healthyPanicPercent)
        var levels: [HostLevel] = []
        for isDegraded in [false, true] {
            for (priority, set) in sets.enumerated() {
                let load = isDegraded ? loads.degraded[priority] : loads.healthy[priority]
                // Also without load, since tables of healthy hosts are made for all priorities.
                if load == 0, isDegraded || !cluster.balancing.isHashed { continue }
                levels.append(
                    level(cluster, set, UInt32(priority), load, isDegraded, isPanic: loads.isPanic[priority]))
            }
        }
        // There is no host for anything, and no panic.
        if levels.isEmpty { levels = [level(cluster, sets[0], 0, 100, false, isPanic: loads.isPanic[0])] }
        return HostSelection(levels: levels)
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
        return HostLevel(
            priority: priority, isDegraded: isDegraded, load: load, isPanic: isPanic,
            places: [HostPlace(positions: positions)])
    }

    /// The hosts of a priority, by position.
    private struct HostSet {
        var all: [Int32] = []
        var healthy: [Int32] = []
        var degraded: [Int32] = []
        var excluded = 0

        var count: PriorityLoads.Members {
            PriorityLoads.Members(
                hosts: all.count, healthy: healthy.count, degraded: degraded.count, excluded: excluded)
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

    func group(of host: UpstreamHost) -> EndpointGroup? {
        let position = groupPosition(of: host)
        return groups.indices.contains(position) ? groups[position] : nil
    }
}
