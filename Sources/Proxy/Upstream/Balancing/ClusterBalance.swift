import CLinux
import ProxyConfig
import StatCatalog
import Stats

/// What the hosts of one cluster need besides their order, on the main thread: the table of a cluster that chooses by hash, and
/// the counts of one that chooses by requests. Other clusters have no such object.
final class ClusterBalance {
    /// Its endpoints may change.
    var cluster: Cluster
    private let ring: GaugeGroup<RingHashGauge>?
    private let maglev: GaugeGroup<MaglevGauge>?
    /// The tables in use by priority, and what they were made of.
    private var made: [UInt32: (members: [HashTable.Member], table: HashTable)] = [:]

    static func isNeeded(_ cluster: Cluster) -> Bool {
        switch cluster.balancing {
        case .leastRequest, .ringHash, .maglev: true
        case .roundRobin, .random: cluster.slowStart != nil
        case .originalDst: false
        }
    }

    init(_ cluster: Cluster, store: StatsStore, writer: StatsWriter) {
        self.cluster = cluster
        let name = Snapshot.statName(cluster.altStatName ?? cluster.name)
        switch cluster.balancing {
        case .ringHash:
            ring = GroupIDs(store, in: ClusterRingHashScope(name)).cells(writer)
            maglev = nil
        case .maglev:
            ring = nil
            maglev = GroupIDs(store, in: ClusterMaglevScope(name)).cells(writer)
        case .roundRobin, .leastRequest, .random, .originalDst:
            ring = nil
            maglev = nil
        }
    }

    /// Gives hosts that balance by requests their counts; known ones keep theirs.
    func fill(_ hosts: inout [UpstreamHost], known: [UpstreamHost]) {
        guard !cluster.balancing.isHashed else { return }
        var loads: [String: [HostLoad]] = [:]
        for host in known {
            if let load = host.load { loads[SocketAddress.text(host.address), default: []].append(load) }
        }
        for i in hosts.indices {
            let key = SocketAddress.text(hosts[i].address)
            hosts[i].load = loads[key]?.popLast() ?? HostLoad()
        }
    }

    /// Tells workers since when hosts are there; those that are not healthy do not start slowly.
    func note(_ hosts: [UpstreamHost], _ health: [HostHealth]) {
        guard cluster.slowStart != nil else { return }
        for (host, health) in zip(hosts, health) {
            host.load?.setSince(health.state == .healthy ? health.sinceNs : 0)
        }
    }

    /// A selection with the tables that go with it.
    func complete(_ selection: HostSelection?, _ hosts: [UpstreamHost]) -> HostSelection? {
        guard cluster.balancing.isHashed else { return selection }
        var selection = selection ?? HostSelection(positions: hosts.indices.map(Int32.init))
        for i in selection.levels.indices {
            let level = selection.levels[i]
            let members = level.places.flatMap { place in
                var members = place.positions.filter { hosts.indices.contains(Int($0)) }.map {
                    member($0, hosts[Int($0)])
                }
                guard cluster.weighsLocalities else { return members }
                let sum = members.reduce(0) { $0 + UInt64($1.weight) }
                for i in members.indices { (members[i].share, members[i].siblings) = (place.weight, sum) }
                return members
            }
            selection.levels[i].table = table(level.priority, members)
        }
        return selection
    }

    private func table(_ priority: UInt32, _ members: [HashTable.Member]) -> HashTable {
        if let known = made[priority], known.members == members { return known.table }
        let table: HashTable
        switch cluster.balancing {
        case .maglev(let size): table = HashTable.maglev(members, size: size)
        case .ringHash(let config): table = HashTable.ring(members, config)
        case .roundRobin, .leastRequest, .random, .originalDst: table = HashTable.maglev([], size: 2)
        }
        made[priority] = (members, table)
        // As in Envoy they stay what they were when there is no host left.
        if members.isEmpty { return table }
        ring?[.size].set(UInt64(table.size))
        ring?[.min_hashes_per_host].set(UInt64(table.fewest))
        ring?[.max_hashes_per_host].set(UInt64(table.most))
        maglev?[.min_entries_per_host].set(UInt64(table.fewest))
        maglev?[.max_entries_per_host].set(UInt64(table.most))
        return table
    }

    private func member(_ position: Int32, _ host: UpstreamHost) -> HashTable.Member {
        HashTable.Member(position: position, key: Array(key(host).utf8), weight: max(host.weight, 1))
    }

    /// What is hashed of a host.
    private func key(_ host: UpstreamHost) -> String {
        let endpoint = cluster.endpoints.indices.contains(host.endpoint) ? cluster.endpoints[host.endpoint] : nil
        if let key = endpoint?.hashKey, !key.isEmpty { return key }
        guard cluster.hashesHostnames else { return SocketAddress.text(host.address) }
        // An address in a cluster of names is its own name.
        return host.hostname.isEmpty ? SocketAddress.host(host.address) : host.hostname
    }
}
