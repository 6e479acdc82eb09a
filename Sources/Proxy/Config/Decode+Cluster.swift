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
        preconnect(message, &cluster)
        loadAssignment(message, type, &cluster)
        endpointSource(message, &cluster)
        return cluster
    }

    /// nil: the type is wrong, which has been reported.
    private func discoveryType(_ message: Message) -> Discovery? {
        if message.has("cluster_type") { return nil }
        guard let value = message["type"] else { return .static }
        return value.choice(
            [
                ("STATIC", 0, .static), ("STRICT_DNS", 1, .strictDNS), ("LOGICAL_DNS", 2, .logicalDNS),
                ("EDS", 3, .eds), ("ORIGINAL_DST", 4, .originalDst),
            ])
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
                cluster.maxStreamDurationMs = common["max_stream_duration"]?.duration() ?? 0
                cluster.maxRequestsPerConnection =
                    common["max_requests_per_connection"]?.number() ?? cluster.maxRequestsPerConnection
            }
            let http = options.requireOne(
                of: ["explicit_http_config"], else: ["use_downstream_protocol_config", "auto_config"])
            guard let explicit = http?.message(.explicitHTTPConfig) else { continue }
            let http1 = explicit.requireOne(
                of: ["http_protocol_options"], else: ["http2_protocol_options", "http3_protocol_options"]
            )?.message(.upstreamHTTP1Options)
            cluster.headerCase = http1.map { headerCase($0) } ?? []
        }
    }
}
