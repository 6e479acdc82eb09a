import CLinux
import ProxyConfig
import Stats

/// `/clusters`: the clusters, their limits and their hosts.
///
/// Envoy also shows what it counted for each host (`cx_*`, `rq_*`, success rates). None of this exists here: no such line is better
/// than a zero that is not true.
enum ClustersEndpoint {
    static func answer(_ request: AdminRequest, _ context: any AdminContext) -> AdminResponse {
        var clusters = context.clusters
        if let filter = request.query["filter"] {
            do throws(BadQuery) {
                let pattern = try StatsQuery.pattern(filter)
                clusters = clusters.filter { pattern.matchesPart(of: $0.cluster.name) }
            } catch {
                return .text(error.text, status: 400)
            }
        }
        if request.query["format"] == "json" {
            return .json(JSON.object(["cluster_statuses": .array(clusters.map { json($0.cluster, $0.hosts) })]).text)
        }
        return .text(clusters.map { text($0.cluster, $0.hosts) }.joined())
    }

    private static func observabilityName(_ cluster: Cluster) -> String { cluster.altStatName ?? cluster.name }

    private static func text(_ cluster: Cluster, _ hosts: [UpstreamHost]) -> String {
        var output = ""
        func line(_ parts: String...) {
            output += "\(cluster.name)::\(parts.joined(separator: "::"))".visible + "\n"
        }
        line("observability_name", observabilityName(cluster))
        for (priority, limits) in [("default_priority", cluster.limits), ("high_priority", cluster.highLimits)] {
            line(priority, "max_connections", "\(limits.maxConnections)")
            line(priority, "max_pending_requests", "\(limits.maxPendingRequests)")
            line(priority, "max_requests", "\(limits.maxRequests)")
            line(priority, "max_retries", "\(limits.shownRetries)")
        }
        line("added_via_api", "\(cluster.isDiscovered)")
        for host in hosts {
            let address = SocketAddress.text(host.address)
            line(address, "hostname", host.hostname)
            line(address, "health_flags", host.health.text)
            line(address, "weight", "\(host.weight)")
            let group = cluster.group(of: host)
            line(address, "region", group?.locality.region ?? "")
            line(address, "zone", group?.locality.zone ?? "")
            line(address, "sub_zone", group?.locality.subZone ?? "")
            line(address, "canary", "\(cluster.endpoint(of: host)?.isCanary ?? false)")
            line(address, "priority", "\(group?.priority ?? 0)")
        }
        return output
    }

    private static func json(_ cluster: Cluster, _ hosts: [UpstreamHost]) -> JSON {
        var members = [JSON.Member(name: "name", value: .string(cluster.name))]
        // Fields without a value are left out, as in protobuf's JSON.
        if !hosts.isEmpty {
            members.append(.init(name: "host_statuses", value: .array(hosts.map { json($0, cluster) })))
        }
        members += [
            .init(
                name: "circuit_breakers",
                value: .object([
                    "thresholds": .array([json(cluster.limits, isHigh: false), json(cluster.highLimits, isHigh: true)])
                ])),
            .init(name: "observability_name", value: .string(observabilityName(cluster))),
        ]
        return .members(members)
    }

    /// `envoy.config.cluster.v3.CircuitBreakers.Thresholds`.
    private static func json(_ limits: ClusterLimits, isHigh: Bool) -> JSON {
        var members = isHigh ? [JSON.Member(name: "priority", value: .string("HIGH"))] : []
        members += [
            .init(name: "max_connections", value: .number(UInt64(limits.maxConnections))),
            .init(name: "max_pending_requests", value: .number(UInt64(limits.maxPendingRequests))),
            .init(name: "max_requests", value: .number(UInt64(limits.maxRequests))),
            .init(name: "max_retries", value: .number(UInt64(limits.shownRetries))),
        ]
        return .members(members)
    }

    private static func json(_ host: UpstreamHost, _ cluster: Cluster) -> JSON {
        var members: [JSON.Member] = [
            .init(name: "address", value: address(host.address)),
            .init(name: "health_status", value: healthStatus(host)),
            .init(name: "weight", value: .number(UInt64(host.weight))),
        ]
        if !host.hostname.isEmpty { members.append(.init(name: "hostname", value: .string(host.hostname))) }
        let group = cluster.group(of: host)
        if let priority = group?.priority, priority > 0 {
            members.append(.init(name: "priority", value: .number(UInt64(priority))))
        }
        members.append(.init(name: "locality", value: locality(group?.locality ?? Locality())))
        return .members(members)
    }

    /// `envoy.config.core.v3.Locality`.
    static func locality(_ place: Locality) -> JSON {
        .members(
            [("region", place.region), ("zone", place.zone), ("sub_zone", place.subZone)].filter { !$0.1.isEmpty }.map {
                JSON.Member(name: $0.0, value: .string($0.1))
            })
    }

    /// `envoy.admin.v3.HostHealthStatus`.
    private static func healthStatus(_ host: UpstreamHost) -> JSON {
        let flags: [(flag: HealthFlags, name: String)] = [
            (.failedActiveCheck, "failed_active_health_check"), (.failedOutlierCheck, "failed_outlier_check"),
            (.degradedActiveCheck, "failed_active_degraded_check"), (.pendingRemoval, "pending_dynamic_removal"),
            (.excluded, "excluded_via_immediate_hc_fail"),
            (.timedOut, "active_hc_timeout"),
        ]
        var members = flags.filter { host.health.contains($0.flag) }.map {
            JSON.Member(name: $0.name, value: .bool(true))
        }
        let configured =
            switch host.configuredHealth {
            case .unknown, .healthy: "HEALTHY"
            case .degraded: "DEGRADED"
            case .unhealthy: "UNHEALTHY"
            case .draining: "DRAINING"
            case .timeout: "TIMEOUT"
            }
        members.append(.init(name: "eds_health_status", value: .string(configured)))
        return .members(members)
    }

    /// `envoy.config.core.v3.Address`.
    static func address(_ address: cl_address) -> JSON {
        let host = SocketAddress.host(address)
        guard ListenSocket.isIP(address) else { return .object(["pipe": .object(["path": .string(host)])]) }
        return .object([
            "socket_address": .object([
                "address": .string(host), "port_value": .number(UInt64(SocketAddress.port(address))),
            ])
        ])
    }
}
