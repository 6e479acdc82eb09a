import CLinux
import ProxyConfig

/// Clusters whose endpoints come from files (EDS): what changes when a file does.
extension ClusterManager {
    /// Of all clusters that there are.
    var names: [String] { clusters.map(\.cluster.name).filter { !$0.isEmpty } }

    /// Tells filters that count hosts, some of which are new, how many there are.
    func tellMemberships() {
        for (index, state) in clusters.enumerated() {
            let healthy = state.health.map { $0.hosts.count { $0.state != .failed } } ?? state.hosts.count
            memberships?.set(cluster: index, total: state.hosts.count, healthy: healthy)
        }
    }

    /// Gives a cluster the endpoints that a file has for it; hosts that stay keep what is known of them.
    ///
    /// - Throws: why not; then the cluster has what it had.
    func assign(_ file: DiscoveredAssignments, cluster index: Int) throws(DiscoveryProblem) {
        let state = clusters[index]
        // Another cluster may have its place by now.
        guard state.cluster.endpointSource != nil else { return }
        guard !file.assignments.isEmpty else {
            state.stats.counters[.update_empty].increment()
            return
        }
        let old = state.cluster
        var next = old
        try next.take(file)
        keepWell(&next, state)
        state.take(next)
        state.byEndpoint = next.endpoints.enumerated().map { position, endpoint in
            // Those that are only kept are known from the list that there is.
            guard !endpoint.isKept, let address = SocketAddress.make(endpoint.address) else { return [] }
            return [
                UpstreamHost(
                    address: address, hostname: endpoint.hostname, weight: endpoint.weight, endpoint: position)
            ]
        }
        merge(index, before: old)
    }

    /// Hosts that the file has no more but that pass their checks stay for now, in the priority and locality that they had.
    private func keepWell(_ next: inout Cluster, _ state: Discovered) {
        guard let health = state.health else { return }
        let listed = Set(next.endpoints.compactMap { SocketAddress.make($0.address).map(SocketAddress.text) })
        for i in state.hosts.indices where !listed.contains(SocketAddress.text(state.hosts[i].address)) {
            let position = state.hosts[i].endpoint
            guard health.outlivesRemoval(state.hosts[i].address), state.cluster.endpoints.indices.contains(position)
            else { continue }
            var endpoint = state.cluster.endpoints[position]
            endpoint.isKept = true
            if let group = state.cluster.group(of: state.hosts[i]) {
                endpoint.group = next.position(of: group)
            }
            next.endpoints.append(endpoint)
            state.hosts[i].endpoint = next.endpoints.count - 1
        }
    }
}

extension Cluster {
    /// The position of a group with this priority and locality, which is made if there is none.
    fileprivate mutating func position(of group: EndpointGroup) -> Int {
        if let known = groups.firstIndex(where: { $0.priority == group.priority && $0.locality == group.locality }) {
            return known
        }
        groups.append(group)
        return groups.count - 1
    }
}
