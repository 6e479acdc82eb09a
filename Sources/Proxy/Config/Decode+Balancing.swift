/// `lb_policy` of clusters with what belongs to it.
extension Decoder {
    private enum Policy: String {
        case roundRobin = "ROUND_ROBIN", leastRequest = "LEAST_REQUEST", ringHash = "RING_HASH", random = "RANDOM"
        case maglev = "MAGLEV", originalDst = "CLUSTER_PROVIDED"
    }

    /// Each is for one policy; Envoy ignores those of others.
    private static let policyOfConfig: [(field: String, policy: Policy)] = [
        ("round_robin_lb_config", .roundRobin), ("least_request_lb_config", .leastRequest),
        ("ring_hash_lb_config", .ringHash), ("maglev_lb_config", .maglev),
        ("original_dst_lb_config", .originalDst),
    ]

    func balancing(_ message: Message, _ cluster: inout Cluster) {
        let policy =
            message["lb_policy"].map {
                $0.choice(
                    [
                        ("ROUND_ROBIN", 0, Policy.roundRobin), ("LEAST_REQUEST", 1, .leastRequest),
                        ("RING_HASH", 2, .ringHash), ("RANDOM", 3, .random), ("MAGLEV", 5, .maglev),
                        ("CLUSTER_PROVIDED", 6, .originalDst),
                    ], known: ["ORIGINAL_DST_LB", "4", "LOAD_BALANCING_POLICY_CONFIG", "7"])
            } ?? .roundRobin
        // Wrong, which has been reported.
        guard let policy else { return }
        if (policy == .originalDst) != (cluster.discovery == .originalDst), !message.has("cluster_type") {
            (message["lb_policy"] ?? message.value).error(
                "lb_policy CLUSTER_PROVIDED and type ORIGINAL_DST are for each other only")
        }
        for (field, owner) in Self.policyOfConfig where owner != policy {
            message[field]?.error("has no effect with lb_policy \(policy.rawValue), it is for \(owner.rawValue)")
        }
        switch policy {
        case .roundRobin:
            cluster.balancing = .roundRobin
            cluster.slowStart = slowStart(message["round_robin_lb_config"]?.message(.roundRobinConfig))
        case .random: cluster.balancing = .random
        case .leastRequest:
            let config = message["least_request_lb_config"]?.message(.leastRequestConfig)
            cluster.balancing = .leastRequest(config.map { leastRequest($0) } ?? LeastRequest())
            cluster.slowStart = slowStart(config)
        case .ringHash:
            cluster.balancing = .ringHash(
                message["ring_hash_lb_config"]?.message(.ringHashConfig).map { ringHash($0) } ?? RingHash())
        case .maglev:
            let size = message["maglev_lb_config"]?.message(.maglevConfig).flatMap { maglevSize($0) }
            cluster.balancing = .maglev(tableSize: size ?? 65537)
        case .originalDst: cluster.balancing = .originalDst(originalDst(message))
        }
    }

    private func originalDst(_ cluster: Message) -> OriginalDst {
        var result = OriginalDst()
        result.cleanupMs = cluster["cleanup_interval"]?.positiveDuration() ?? result.cleanupMs
        for field in ["health_checks", "outlier_detection"] {
            cluster[field]?.error("is not supported by this build in a cluster of type ORIGINAL_DST")
        }
        guard let config = cluster["original_dst_lb_config"]?.message(.originalDst) else { return result }
        let usesHeader = config["use_http_header"]?.bool() ?? false
        if let value = config["http_header_name"], let name = value.string(), !name.isEmpty {
            // Envoy's rule.
            if !usesHeader { value.error("is for use_http_header: true") }
            if !LogFormatParser.isHeaderName(name) { value.error("\(quoted(name)) is not the name of a header") }
            result.header = name.lowercased()
        } else if usesHeader {
            result.header = "x-envoy-original-dst-host"
        }
        result.port = config["upstream_port_override"]?.number(0...65535).map { UInt16($0) }
        return result
    }

    private func leastRequest(_ message: Message) -> LeastRequest {
        var result = LeastRequest()
        result.choices = message["choice_count"]?.number(2...UInt32.max) ?? result.choices
        if let value = message["active_request_bias"], let bias = value.message(.runtimeDouble) {
            let fallback = bias["default_value"].map { $0.double() } ?? 0
            // Envoy takes it, and uses 1 instead.
            if let fallback, fallback < 0 { value.error("default_value must not be negative") }
            result.bias = RuntimeDouble(fallback ?? 1, key: bias["runtime_key"]?.string() ?? "")
        }
        return result
    }

    private func slowStart(_ config: Message?) -> SlowStart? {
        guard let message = config?["slow_start_config"]?.message(.slowStartConfig) else { return nil }
        var result = SlowStart(windowMs: message["slow_start_window"]?.duration() ?? 0)
        if let value = message["aggression"], let aggression = value.message(.runtimeDouble) {
            let fallback = aggression["default_value"].map { $0.double() } ?? 0
            // Envoy takes it, and uses 1 instead.
            if let fallback, fallback <= 0 { value.error("default_value must be greater than 0") }
            result.aggression = RuntimeDouble(fallback ?? 1, key: aggression["runtime_key"]?.string() ?? "")
        }
        if let percent = message["min_weight_percent"]?.message(.percent) {
            result.minimumPercent = percent["value"].map { percentValue($0) } ?? 0
        }
        // As in Envoy, without a window there is none.
        return result.windowMs > 0 ? result : nil
    }

    private func percentValue(_ value: Value) -> Double {
        guard let real = value.double() else { return 0 }
        if real < 0 || real > 100 { value.error("\(value.node.kindText) is out of range (0 to 100)") }
        return real
    }

    private func ringHash(_ message: Message) -> RingHash {
        var result = RingHash()
        let minimum = message["minimum_ring_size"]?.number(0...RingHash.largest)
        let maximum = message["maximum_ring_size"]?.number(0...RingHash.largest)
        result.minimumSize = minimum ?? result.minimumSize
        result.maximumSize = maximum ?? result.maximumSize
        if result.minimumSize > result.maximumSize {
            message.error(
                "minimum_ring_size (\(result.minimumSize)) must not exceed maximum_ring_size (\(result.maximumSize))")
        }
        if let function = message["hash_function"]?.choice([
            ("XX_HASH", 0, RingHash.Function.xxHash), ("MURMUR_HASH_2", 1, .murmurHash2),
        ]) {
            result.function = function
        }
        return result
    }

    private func maglevSize(_ message: Message) -> UInt32? {
        guard let value = message["table_size"], let size = value.number(0...5_000_011) else { return nil }
        guard Self.isPrime(size) else {
            value.error("\(size) is not a prime number, which the size of a Maglev table must be")
            return nil
        }
        return size
    }

    private static func isPrime(_ number: UInt32) -> Bool {
        guard number > 1 else { return false }
        var divisor: UInt32 = 2
        while divisor * divisor <= number {
            if number % divisor == 0 { return false }
            divisor += 1
        }
        return true
    }

    /// `common_lb_config.consistent_hashing_lb_config`.
    func consistentHashing(_ value: Value?, _ cluster: inout Cluster) {
        guard let value = value?.message(.consistentHashing)?["use_hostname_for_hashing"] else { return }
        cluster.hashesHostnames = value.bool() ?? false
        // Envoy's rule.
        guard cluster.hashesHostnames, cluster.discovery != .strictDNS else { return }
        value.error("is for clusters of type STRICT_DNS")
    }

    /// The key of an endpoint that stands in its metadata, instead of its address; empty: none.
    func hashKey(_ member: Message) -> String {
        guard let metadata = member["metadata"]?.message(.endpointMetadata),
            let filters = metadata["filter_metadata"]
        else { return "" }
        for (filter, _, value) in filters.map() where filter == "envoy.lb" {
            for (key, _, value) in value.map() where key == "hash_key" {
                // Envoy looks at texts only, and at the address instead of anything else.
                guard case .scalar(let scalar) = value.node.content, scalar.kind == .string else {
                    value.error("expected a text, got \(value.node.kindText)")
                    return ""
                }
                return scalar.text
            }
        }
        return ""
    }

}

extension Value {
    func double() -> Double? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .number, let real = Double(scalar.text) else {
            error("expected a number, got \(node.kindText)")
            return nil
        }
        return real
    }
}
