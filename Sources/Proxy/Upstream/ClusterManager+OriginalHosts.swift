import CLinux
import ProxyConfig
import StatCatalog

/// The hosts of clusters of type ORIGINAL_DST: the sum of what the workers have made.
extension ClusterManager {
    /// Looks from now on, every `cleanup_interval`, for hosts that nobody wants any more.
    func startCleaning() {
        for index in clusters.indices { planCleaning(index) }
    }

    /// The next look at the hosts of a cluster, as long as it has its place.
    func planCleaning(_ index: Int) {
        let state = clusters[index]
        guard case .originalDst(let config) = state.cluster.balancing else { return }
        loop.after(ms: config.cleanupMs) { [weak self, weak state] in
            guard let self, let state, self.clusters[index] === state else { return }
            self.planCleaning(index)
            guard let workers = self.workers, !state.hosts.isEmpty else { return }
            workers.cleanOriginalHosts(cluster: index) { [weak self] gone in self?.forget(index, gone) }
        }
    }

    /// A worker has a host that it had not.
    func addOriginalHost(cluster index: Int, _ address: PeerAddress) {
        guard clusters.indices.contains(index) else { return }
        let state = clusters[index]
        state.originalHosts[address, default: 0] += 1
        guard state.originalHosts[address] == 1 else { return }
        let socket = address.socketAddress
        // As in Envoy.
        state.hosts.append(
            UpstreamHost(address: socket, hostname: state.cluster.name + SocketAddress.text(socket)))
        showOriginalHosts(index)
    }

    /// Workers have let these go; each stands there once for each worker.
    private func forget(_ index: Int, _ gone: [cl_address]) {
        let state = clusters[index]
        var last: Set<PeerAddress> = []
        for var one in gone {
            let address = PeerAddress(&one)
            guard let count = state.originalHosts[address] else { continue }
            state.originalHosts[address] = count > 1 ? count - 1 : nil
            if count == 1 { last.insert(address) }
        }
        if last.isEmpty { return }
        state.hosts.removeAll { host in
            var address = host.address
            return last.contains(PeerAddress(&address))
        }
        showOriginalHosts(index)
    }

    private func showOriginalHosts(_ index: Int) {
        let state = clusters[index]
        let count = UInt64(state.hosts.count)
        state.stats.counters[.membership_change].increment()
        state.stats.gauges[.membership_total].set(count)
        state.stats.gauges[.membership_healthy].set(count)
        memberships?.set(cluster: index, total: state.hosts.count, healthy: state.hosts.count)
    }
}
