import ProxyConfig

/// The health of hosts in all clusters: who is told of it, and when it is looked at.
extension ClusterManager {
    /// What `/clusters` shows.
    var described: [(cluster: Cluster, hosts: [UpstreamHost])] {
        clusters.filter { !$0.cluster.name.isEmpty }.map { state in
            var hosts = state.hosts
            if let health = state.health {
                hosts = zip(state.hosts, health.hosts).map { host, state in
                    var host = host
                    host.health = state.flags
                    host.configuredHealth = state.endpoint?.health ?? .unknown
                    return host
                }
            }
            // One priority after the other, as in Envoy.
            guard HostSpread.isNeeded(state.cluster) else { return (state.cluster, hosts) }
            let priorities = hosts.map { state.cluster.group(of: $0)?.priority ?? 0 }
            let order = hosts.indices.sorted { (priorities[$0], $0) < (priorities[$1], $1) }
            return (state.cluster, order.map { hosts[$0] })
        }
    }

    func connectHealth(_ index: Int) {
        let state = clusters[index]
        guard let health = state.health else { return }
        health.outlet.publish = { [weak self, weak state] in
            guard let self, let state, self.clusters[index] === state, !state.isWarming else { return }
            self.workers?.select(self.selection(index), cluster: index)
        }
        let closes = clusters[index].cluster.closesConnectionsOnHealthFailure
        health.outlet.failed = { [weak self] host in
            self?.workers?.hostFailed(host.address, cluster: index, closesTunnels: closes)
        }
        health.outlet.counted = { [weak self] total, healthy in
            self?.memberships?.set(cluster: index, total: total, healthy: healthy)
        }
        health.outlet.dropRemoved = { [weak self, weak state] in
            guard let self, let state, self.clusters[index] === state else { return }
            self.merge(index)
        }
        health.outlet.hasTraffic = { [weak self] in self?.workers?.hasTraffic(cluster: index) ?? false }
    }

    func publish(_ index: Int) {
        let state = clusters[index]
        // Nobody is there yet, or any more: a table may be large.
        guard let workers, !state.isWarming, state.cluster.discovery != .originalDst else { return }
        workers.publish(hosts: state.cluster.labelled(state.hosts), selection: selection(index), cluster: index)
    }

    /// Which hosts are used, nil: all alike; with the tables of a cluster that has some.
    private func selection(_ index: Int) -> HostSelection? {
        let state = clusters[index]
        let selection =
            if let health = state.health {
                health.selection
            } else {
                HostSpread.selection(
                    state.cluster, state.hosts.map { HostSpread.Member(group: state.cluster.groupPosition(of: $0)) })
            }
        guard let balance = state.balance else { return selection }
        if let health = state.health { balance.note(state.hosts, health.hosts) }
        return balance.complete(selection, state.hosts)
    }

    /// What a worker says of a host, which may be gone meanwhile.
    func handle(_ event: HostEvent, cluster index: Int, host id: UInt64) {
        guard clusters.indices.contains(index), !clusters[index].isWarming, let health = clusters[index].health,
            let host = health.host(id: id)
        else { return }
        health.handle(event, host)
    }

    /// Hosts that are checked, each on a connection of its own.
    var checkedHosts: UInt64 {
        clusters.reduce(0) { $0 + UInt64($1.health?.hosts.count { $0.check != nil } ?? 0) }
    }

    /// Checks hosts of which nothing is known, before this process serves.
    func prepareHealth() { for state in clusters { state.health?.prepare() } }

    /// This process serves: it checks, and takes hosts out.
    func startHealth() {
        isServing = true
        for state in clusters { state.health?.start() }
    }

    /// Another process does.
    func pauseHealth() {
        isServing = false
        for state in clusters { state.health?.pause() }
    }

    /// This process does again.
    func resumeHealth() {
        isServing = true
        for state in clusters { state.health?.resume() }
    }

    /// What is known of the hosts, for a process that takes over; nil: nothing.
    ///
    /// - Parameter since: revisions by cluster: only hosts that have changed since.
    func healthRecord(since: [UInt64]? = nil) -> HostHealthRecord? {
        var record = HostHealthRecord()
        for (index, state) in clusters.enumerated() {
            guard let health = state.health else { continue }
            let known = health.record(since: since?[index])
            if since == nil || !known.hosts.isEmpty { record.clusters.append(known) }
        }
        return record.clusters.isEmpty ? nil : record
    }

    /// For `healthRecord(since:)`.
    var healthRevisions: [UInt64] { clusters.map { $0.health?.revision ?? 0 } }

    func adopt(_ record: HostHealthRecord) {
        let known = Dictionary(clusters.map { ($0.cluster.name, $0) }) { first, _ in first }
        for cluster in record.clusters { known[cluster.name]?.health?.adopt(cluster) }
    }
}
