import CLinux
import ProxyConfig

/// What names resolved to before: in the process that served before, or in the cluster that had the same name until a file changed. It is used as long
/// as name servers say nothing else, so that one that fails takes no host away.
extension ClusterManager {
    /// Of all clusters, for a process that takes over.
    var resolvedHosts: HostsRecord {
        var record = HostsRecord()
        record.names = clusters.flatMap { resolvedNames(of: $0) }
        return record
    }

    func resolvedNames(of state: Discovered) -> [HostsRecord.Name] {
        guard state.cluster.discovery.isDNS else { return [] }
        return state.cluster.endpoints.indices.compactMap { position in
            guard let (host, port) = state.name(position), !state.byEndpoint[position].isEmpty else { return nil }
            return HostsRecord.Name(
                cluster: state.cluster.name, host: host, port: port,
                addresses: state.byEndpoint[position].map(\.address))
        }
    }

    /// Uses what the parent knows for names of which nothing is known here yet, be it that asking has failed; their own answers
    /// replace it.
    func adopt(_ record: HostsRecord) {
        let known = Dictionary(grouping: record.names, by: \.cluster)
        for (index, state) in clusters.enumerated() { adopt(known[state.cluster.name] ?? [], cluster: index) }
    }

    /// The same for one cluster.
    func adopt(_ names: [HostsRecord.Name], cluster index: Int) {
        let state = clusters[index]
        guard state.cluster.discovery.isDNS, !names.isEmpty else { return }
        for position in state.cluster.endpoints.indices where !state.answeredOnce[position] {
            guard let (host, port) = state.name(position),
                let known = names.first(where: { $0.host == host && $0.port == port }), !known.addresses.isEmpty
            else { continue }
            state.byEndpoint[position] = state.hosts(known.addresses, endpoint: position, host)
            state.resolvedOnce[position] = true
            merge(index)
        }
    }
}

extension ClusterManager.Discovered {
    /// The name that an endpoint has to be asked for; nil: it is an address.
    fileprivate func name(_ position: Int) -> (host: String, port: UInt16)? {
        guard case .socket(let host, let port) = cluster.endpoints[position].address, !SocketAddress.isLiteral(host)
        else { return nil }
        return (host, port)
    }
}
