extension Decoder {
    mutating func clusters(_ messages: [Message]) -> [Cluster] {
        var result: [Cluster] = []
        result.reserveCapacity(messages.count)
        clusterNames.reserveCapacity(messages.count)
        for message in messages { result.append(cluster(message)) }
        return result
    }

    mutating func cluster(_ message: Message) -> Cluster {
        var cluster = Cluster(name: "", location: message.location)
        if let value = message.require("name"), let name = value.nonEmptyString() {
            cluster.name = name
            if let first = clusterNames[name] {
                value.error("duplicate cluster name \(quoted(name)), already in \(Self.place(first, value))")
            } else {
                clusterNames[name] = value.location
            }
        }
        if let name = message["alt_stat_name"]?.string(), !name.isEmpty { cluster.altStatName = name }
        let type = discoveryType(message)
        cluster.discovery = type ?? .static
        resolution(message, &cluster)
        if let timeout = message["connect_timeout"]?.positiveDuration() { cluster.connectTimeoutMs = timeout }
        if let limit = bufferLimit(message["per_connection_buffer_limit_bytes"]) { cluster.bufferLimit = limit }
        cluster.proxyProtocol = upstreamTransportSocket(message["transport_socket"])
        upstreamSockets(message, &cluster)
        if let breakers = message["circuit_breakers"]?.message(.circuitBreakers) {
            circuitBreakers(breakers, &cluster)
        }
        if let options = message["typed_extension_protocol_options"] { protocolOptions(options, &cluster) }
        health(message, &cluster)
        balancing(message, &cluster)
        loadAssignment(message, type, &cluster)
        return cluster
    }

    /// nil: the type is wrong, which has been reported.
    private func discoveryType(_ message: Message) -> Discovery? {
        if message.has("cluster_type") { return nil }
        guard let value = message["type"] else { return .static }
        return value.choice(
            [("STATIC", 0, .static), ("STRICT_DNS", 1, .strictDNS), ("LOGICAL_DNS", 2, .logicalDNS)],
            known: ["EDS", "ORIGINAL_DST", "3", "4"])
    }

    private func resolution(_ message: Message, _ cluster: inout Cluster) {
        cluster.dnsFamily =
            message["dns_lookup_family"]?.choice([
                ("AUTO", 0, .auto), ("V4_ONLY", 1, .v4Only), ("V6_ONLY", 2, .v6Only),
                ("V4_PREFERRED", 3, .v4Preferred), ("ALL", 4, .all),
            ]) ?? .auto
        cluster.respectDNSTTL = message["respect_dns_ttl"]?.bool() ?? false
        if let rate = refreshInterval(message["dns_refresh_rate"]) { cluster.dnsRefreshMs = rate }
        guard let rate = message["dns_failure_refresh_rate"]?.message(.refreshRate) else { return }
        cluster.dnsFailureBaseMs = refreshInterval(rate.require("base_interval"))
        guard let value = rate["max_interval"], let longest = refreshInterval(value) else { return }
        cluster.dnsFailureMaxMs = longest
        if let base = cluster.dnsFailureBaseMs, longest < base {
            value.error("must not be less than base_interval")
        }
    }

    /// Envoy's rule for intervals between DNS queries.
    private func refreshInterval(_ value: Value?) -> UInt64? {
        guard let value, let duration = value.protoDuration() else { return nil }
        if duration.seconds == 0 && duration.nanoseconds <= 1_000_000 {
            value.error("must be greater than 0.001s")
            return nil
        }
        return duration.milliseconds
    }

    private func circuitBreakers(_ message: Message, _ cluster: inout Cluster) {
        guard let list = message["thresholds"] else { return }
        var (hasDefault, hasHigh) = (false, false)
        for value in list.list() {
            guard let thresholds = value.message(.thresholds) else { continue }
            let isHigh = requestPriority(thresholds["priority"]) == .high
            // Envoy takes the first.
            if isHigh ? hasHigh : hasDefault {
                value.error("thresholds of priority \(isHigh ? "HIGH" : "DEFAULT") may be given only once")
            }
            if isHigh {
                cluster.highLimits = limits(thresholds)
                hasHigh = true
            } else {
                cluster.limits = limits(thresholds)
                hasDefault = true
            }
        }
    }

    private func limits(_ message: Message) -> ClusterLimits {
        var limits = ClusterLimits()
        limits.maxConnections = message["max_connections"]?.number() ?? limits.maxConnections
        limits.maxPendingRequests = message["max_pending_requests"]?.number() ?? limits.maxPendingRequests
        limits.maxRequests = message["max_requests"]?.number() ?? limits.maxRequests
        limits.maxRetries = message["max_retries"]?.number() ?? limits.maxRetries
        limits.retryBudget = message["retry_budget"]?.message(.retryBudget).map(retryBudget)
        limits.tracksRemaining = message["track_remaining"]?.bool() ?? false
        return limits
    }

    func requestPriority(_ value: Value?) -> RequestPriority {
        value?.choice([("DEFAULT", 0, .default), ("HIGH", 1, .high)]) ?? .default
    }

    private func protocolOptions(_ value: Value, _ cluster: inout Cluster) {
        for (key, location, option) in value.map() {
            guard key == MessageSchema.upstreamOptions.name else {
                findings.error(
                    location, option.path,
                    "unknown extension \(quoted(key)), expected \(MessageSchema.upstreamOptions.name)")
                continue
            }
            guard let options = option.extensionMessage([.upstreamOptions])?.message else { continue }
            if let common = options["common_http_protocol_options"]?.message(.upstreamHTTPOptions) {
                cluster.idleTimeoutMs = common["idle_timeout"]?.duration() ?? cluster.idleTimeoutMs
                cluster.maxRequestsPerConnection =
                    common["max_requests_per_connection"]?.number() ?? cluster.maxRequestsPerConnection
            }
            let http = options.requireOne(
                of: ["explicit_http_config"], else: ["use_downstream_protocol_config", "auto_config"])
            guard let explicit = http?.message(.explicitHTTPConfig) else { continue }
            _ = explicit.requireOne(
                of: ["http_protocol_options"], else: ["http2_protocol_options", "http3_protocol_options"]
            )?.message(.upstreamHTTP1Options)
        }
    }

    private func loadAssignment(_ message: Message, _ type: Discovery?, _ cluster: inout Cluster) {
        guard let value = message["load_assignment"] else {
            if cluster.discovery == .logicalDNS {
                message.error("a LOGICAL_DNS cluster must have exactly one endpoint, load_assignment is missing")
            }
            return
        }
        guard let assignment = value.message(.loadAssignment) else { return }
        _ = assignment.require("cluster_name")?.nonEmptyString()
        let rule: HostRule =
            switch type {
            case .static: .ipLiteral
            case .strictDNS, .logicalDNS: .hostName
            case nil: .either
            }
        var count = 0
        var weights: UInt64 = 0
        if let policy = assignment["policy"]?.message(.loadPolicy), let factor = policy["overprovisioning_factor"] {
            cluster.overprovisioning = factor.number(1...UInt32.max) ?? cluster.overprovisioning
        }
        for locality in assignment["endpoints"]?.messages(.localityEndpoints) ?? [] {
            let members = locality["lb_endpoints"]?.list() ?? []
            count += members.count
            let group = endpointGroup(locality, &cluster)
            for member in members {
                guard var endpoint = endpoint(member, rule) else { continue }
                endpoint.group = group
                weights += UInt64(endpoint.weight)
                cluster.endpoints.append(endpoint)
            }
        }
        if cluster.discovery == .logicalDNS, count != 1 {
            value.error("a LOGICAL_DNS cluster must have exactly one endpoint, this one has \(count)")
        }
        checkLocalityWeights(value, cluster)
        if weights > UInt64(UInt32.max) { value.error("the sum of all load_balancing_weight exceeds \(UInt32.max)") }
    }

    /// Envoy's rule for tables.
    private func checkLocalityWeights(_ value: Value, _ cluster: Cluster) {
        guard cluster.weighsLocalities, cluster.balancing.isHashed else { return }
        let sums = Dictionary(grouping: cluster.groups, by: \.priority).mapValues {
            $0.reduce(0) { $0 + UInt64($1.weight) }
        }
        if sums.values.contains(where: { $0 > UInt64(UInt32.max) }) {
            value.error("the sum of the weights of all localities of a priority exceeds \(UInt32.max)")
        }
    }

    /// Its position among the cluster's.
    private func endpointGroup(_ message: Message, _ cluster: inout Cluster) -> Int {
        var group = EndpointGroup(
            priority: message["priority"]?.number(0...EndpointGroup.lowestPriority) ?? 0,
            locality: message["locality"]?.message(.locality).map { locality($0) } ?? Locality())
        // As in Envoy, one without a locality has no weight, and of several for one locality the last counts.
        let weight = message["load_balancing_weight"]?.number(1...UInt32.max)
        if let weight, message.has("locality") { group.weight = weight }
        let known = cluster.groups.firstIndex { $0.priority == group.priority && $0.locality == group.locality }
        if let known {
            if group.weight > 0 { cluster.groups[known].weight = group.weight }
            return known
        }
        cluster.groups.append(group)
        return cluster.groups.count - 1
    }

    func locality(_ message: Message) -> Locality {
        var result = Locality()
        result.region = message["region"]?.string() ?? ""
        result.zone = message["zone"]?.string() ?? ""
        result.subZone = message["sub_zone"]?.string() ?? ""
        return result
    }

    private func endpoint(_ value: Value, _ rule: HostRule) -> Endpoint? {
        guard let message = value.message(.lbEndpoint) else { return nil }
        let weight = message["load_balancing_weight"]?.number(1...UInt32.max) ?? 1
        let host = message.requireOne(of: ["endpoint"], else: ["endpoint_name"])
        guard let inner = host?.message(.endpoint) else { return nil }
        let hostname = inner["hostname"]?.string() ?? ""
        guard let address = inner.require("address").flatMap({ self.address($0, rule)?.address }) else { return nil }
        var result = Endpoint(address: address, location: message.location)
        result.weight = weight
        result.hostname = hostname
        result.hashKey = hashKey(message)
        health(message, inner, &result)
        return result
    }
}
