import CLinux
import ProxyConfig

/// The hosts of all clusters as they are now, `EndpointsConfigDump`: only with `include_eds`.
enum EndpointSection {
    static func make(
        _ clusters: [(cluster: Cluster, hosts: [UpstreamHost])], _ names: NamePattern
    ) -> ConfigSection {
        var fixed = ConfigSection.List(
            type: "EndpointsConfigDump.StaticEndpointConfig", fields: ["endpoint_config", "last_updated"],
            resource: ("endpoint_config", .endpoints))
        var dynamic = ConfigSection.List(
            type: "EndpointsConfigDump.DynamicEndpointConfig",
            fields: ["version_info", "endpoint_config", "last_updated", "error_state", "client_status"],
            resource: ("endpoint_config", .endpoints))
        for (cluster, hosts) in clusters {
            let name = cluster.endpointSource?.name ?? cluster.name
            guard names.takes(name) else { continue }
            let item = JSON.object(["endpoint_config": ConfigDump.any(assignment(name, cluster, hosts), .endpoints)])
            if cluster.isDiscovered { dynamic.items.append(item) } else { fixed.items.append(item) }
        }
        var section = ConfigSection(
            type: "EndpointsConfigDump", fields: ["static_endpoint_configs", "dynamic_endpoint_configs"])
        section.lists = ["static_endpoint_configs": fixed, "dynamic_endpoint_configs": dynamic]
        return section
    }

    private static func assignment(_ name: String, _ cluster: Cluster, _ hosts: [UpstreamHost]) -> JSON {
        var groups: [(group: EndpointGroup, hosts: [JSON])] = []
        for host in hosts {
            let group = cluster.group(of: host) ?? EndpointGroup(priority: 0, locality: Locality())
            let endpoint = cluster.endpoints.indices.contains(host.endpoint) ? cluster.endpoints[host.endpoint] : nil
            if let known = groups.firstIndex(where: { $0.group == group }) {
                groups[known].hosts.append(json(host, endpoint))
            } else {
                groups.append((group, [json(host, endpoint)]))
            }
        }
        groups.sort { $0.group.priority < $1.group.priority }
        var members: [JSON.Member] = [.init(name: "cluster_name", value: .string(name))]
        if !groups.isEmpty {
            members.append(.init(name: "endpoints", value: .array(groups.map { json($0.group, $0.hosts) })))
        }
        members.append(
            .init(
                name: "policy",
                value: .object(["overprovisioning_factor": .number(UInt64(cluster.overprovisioning))])))
        return .members(members)
    }

    /// `LocalityLbEndpoints`.
    private static func json(_ group: EndpointGroup, _ hosts: [JSON]) -> JSON {
        var members: [JSON.Member] = [
            .init(name: "locality", value: ClustersEndpoint.locality(group.locality)),
            .init(name: "lb_endpoints", value: .array(hosts)),
            .init(name: "load_balancing_weight", value: .number(UInt64(group.weight))),
        ]
        if group.priority > 0 { members.append(.init(name: "priority", value: .number(UInt64(group.priority)))) }
        return .members(members)
    }

    /// `LbEndpoint`.
    private static func json(_ host: UpstreamHost, _ configured: Endpoint?) -> JSON {
        var check: [JSON.Member] = []
        if let port = configured?.healthCheckPort, port > 0 {
            check.append(.init(name: "port_value", value: .number(UInt64(port))))
        }
        if let name = configured?.healthCheckHostname, !name.isEmpty {
            check.append(.init(name: "hostname", value: .string(name)))
        }
        if configured?.disablesHealthCheck == true {
            check.append(.init(name: "disable_active_health_check", value: .bool(true)))
        }
        var endpoint: [JSON.Member] = [
            .init(name: "address", value: ClustersEndpoint.address(host.address)),
            .init(name: "health_check_config", value: .members(check)),
        ]
        if !host.hostname.isEmpty { endpoint.append(.init(name: "hostname", value: .string(host.hostname))) }
        var members: [JSON.Member] = [
            .init(name: "endpoint", value: .members(endpoint)),
            .init(name: "health_status", value: .string(status(host, configured))),
        ]
        if let metadata = configured?.metadata, !metadata.isEmpty {
            members.append(.init(name: "metadata", value: .object(["filter_metadata": .raw(metadata)])))
        }
        members.append(.init(name: "load_balancing_weight", value: .number(UInt64(host.weight))))
        return .members(members)
    }

    /// What checks say comes first.
    private static func status(_ host: UpstreamHost, _ configured: Endpoint?) -> String {
        if host.health.contains(.failedActiveCheck) || host.health.contains(.failedOutlierCheck) { return "UNHEALTHY" }
        switch configured?.health ?? .unknown {
        case .unhealthy: return "UNHEALTHY"
        case .draining: return "DRAINING"
        case .timeout: return "TIMEOUT"
        case .degraded: return "DEGRADED"
        case .unknown, .healthy: return host.health.contains(.degradedActiveCheck) ? "DEGRADED" : "HEALTHY"
        }
    }
}
