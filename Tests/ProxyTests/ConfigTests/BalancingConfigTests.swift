import ProxyConfig
import Testing

/// `lb_policy`, what belongs to it, and `hash_policy`.
@Suite struct BalancingConfigTests {
    private static func cluster(_ fields: String) throws -> Cluster {
        try #require(try load(Sample.cluster(fields)).bootstrap.clusters.first)
    }

    @Test func policies() throws {
        #expect(try Self.cluster("alt_stat_name: x").balancing == .roundRobin)
        #expect(try Self.cluster("lb_policy: ROUND_ROBIN").balancing == .roundRobin)
        #expect(try Self.cluster("lb_policy: random").balancing == .random)
        #expect(try Self.cluster("lb_policy: 1").balancing == .leastRequest(LeastRequest()))
        #expect(try Self.cluster("lb_policy: RING_HASH").balancing == .ringHash(RingHash()))
        #expect(try Self.cluster("lb_policy: MAGLEV").balancing == .maglev(tableSize: 65537))
        var least = LeastRequest()
        least.choices = 5
        least.bias = RuntimeDouble(0.5, key: "bias")
        #expect(
            try Self.cluster(
                "lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 5, "
                    + "active_request_bias: {default_value: 0.5, runtime_key: bias}}"
            ).balancing == .leastRequest(least))
        var ring = RingHash()
        (ring.minimumSize, ring.maximumSize, ring.function) = (10, 20, .murmurHash2)
        #expect(
            try Self.cluster(
                "lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 10, maximum_ring_size: 20, "
                    + "hash_function: MURMUR_HASH_2}"
            ).balancing == .ringHash(ring))
        #expect(
            try Self.cluster("lb_policy: MAGLEV, maglev_lb_config: {table_size: 251}").balancing
                == .maglev(tableSize: 251))
        let named = try Self.cluster(
            "type: STRICT_DNS, lb_policy: MAGLEV, "
                + "common_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}")
        #expect(named.hashesHostnames)
        let keyed = try Self.cluster(
            "load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
                + "{address: 127.0.0.1, port_value: 1}}}, metadata: {filter_metadata: {envoy.lb: {hash_key: k, a: 1}, "
                + "other: {hash_key: x}}}}]}]}")
        #expect(keyed.endpoints.map(\.hashKey) == ["k"])
    }

    @Test(arguments: [
        (
            "lb_policy: CLUSTER_PROVIDED",
            "lb_policy: lb_policy CLUSTER_PROVIDED and type ORIGINAL_DST are for each other only"
        ),
        ("type: ORIGINAL_DST", "lb_policy CLUSTER_PROVIDED and type ORIGINAL_DST are for each other only"),
        ("lb_policy: MAGLEV, ring_hash_lb_config: {}", "ring_hash_lb_config: has no effect with lb_policy MAGLEV"),
        ("least_request_lb_config: {}", "has no effect with lb_policy ROUND_ROBIN, it is for LEAST_REQUEST"),
        (
            "lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 1}",
            "choice_count: 1 is out of range (2 to"
        ),
        (
            "lb_policy: LEAST_REQUEST, least_request_lb_config: {active_request_bias: {default_value: -1}}",
            "active_request_bias: default_value must not be negative"
        ),
        (
            "round_robin_lb_config: {slow_start_config: {aggression: {default_value: 0}}}",
            "aggression: default_value must be greater than 0"
        ),
        (
            "round_robin_lb_config: {slow_start_config: {min_weight_percent: {value: 101}}}",
            "is out of range (0 to 100)"
        ),
        ("lb_policy: RANDOM, round_robin_lb_config: {}", "round_robin_lb_config: has no effect with lb_policy RANDOM"),
        ("lb_policy: MAGLEV, maglev_lb_config: {table_size: 9}", "table_size: 9 is not a prime number"),
        ("lb_policy: MAGLEV, maglev_lb_config: {table_size: 1}", "table_size: 1 is not a prime number"),
        ("lb_policy: MAGLEV, maglev_lb_config: {table_size: 5000012}", "is out of range (0 to 5000011)"),
        (
            "lb_policy: RING_HASH, ring_hash_lb_config: {maximum_ring_size: 5}",
            "minimum_ring_size (1024) must not exceed maximum_ring_size (5)"
        ),
        (
            "lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 8388609}", "is out of range (0 to 8388608)"
        ),
        (
            "common_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}",
            "use_hostname_for_hashing: is for clusters of type STRICT_DNS"
        ),
        (
            "common_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 120}}",
            "\"hash_balance_factor\" is an Envoy field that this build does not support"
        ),
        ("load_balancing_policy: {}", "\"load_balancing_policy\" is an Envoy field that this build does not support"),
        (
            "load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
                + "{address: 127.0.0.1, port_value: 1}}}, metadata: {filter_metadata: {envoy.lb: {hash_key: 5}}}}]}]}",
            "metadata.filter_metadata[\"envoy.lb\"][\"hash_key\"]: expected a text"
        ),
    ])
    func whatIsRefused(fields: String, message: String) {
        let found = errors(Sample.cluster(fields))
        #expect(found.count == 1 && found.first?.contains(message) == true, "\(found)")
    }

    @Test func slowStarts() throws {
        var start = SlowStart(windowMs: 60_000)
        #expect(
            try Self.cluster("round_robin_lb_config: {slow_start_config: {slow_start_window: 60s}}").slowStart == start)
        start.aggression = RuntimeDouble(2.5, key: "k")
        start.minimumPercent = 0.5
        #expect(
            try Self.cluster(
                "lb_policy: LEAST_REQUEST, least_request_lb_config: {slow_start_config: {slow_start_window: 60s, "
                    + "aggression: {default_value: 2.5, runtime_key: k}, min_weight_percent: {value: 0.5}}}"
            ).slowStart == start)
        #expect(try Self.cluster("round_robin_lb_config: {slow_start_config: {}}").slowStart == nil)
        #expect(try Self.cluster("round_robin_lb_config: {}").slowStart == nil)
    }

    /// Groups of endpoints that say the same of priority and locality are one.
    @Test func groups() throws {
        func group(_ fields: String, _ port: Int) -> String {
            "{\(fields)lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: \(port)}}}}]}"
        }
        let groups = [
            group("priority: 1, ", 1), group("locality: {region: r, zone: z, sub_zone: s}, ", 2),
            group("priority: 1, load_balancing_weight: 3, ", 3), group("", 4),
            group("locality: {region: r, zone: z, sub_zone: s}, load_balancing_weight: 7, ", 5),
        ]
        let cluster = try Self.cluster(
            "load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 200}, endpoints: "
                + "[\(groups.joined(separator: ", "))]}, "
                + "common_lb_config: {zone_aware_lb_config: {fail_traffic_on_panic: true}}")
        var place = Locality()
        (place.region, place.zone, place.subZone) = ("r", "z", "s")
        #expect(
            cluster.groups == [
                EndpointGroup(priority: 1, locality: Locality()),
                EndpointGroup(priority: 0, locality: place, weight: 7),
                EndpointGroup(priority: 0, locality: Locality()),
            ])
        #expect(cluster.endpoints.map(\.group) == [0, 1, 0, 2, 1])
        #expect(!cluster.weighsLocalities)
        #expect(
            try Self.cluster("common_lb_config: {locality_weighted_lb_config: {}}").weighsLocalities)
        #expect(cluster.overprovisioning == 200 && cluster.failsInPanic)
    }

    @Test(arguments: [
        ("policy: {overprovisioning_factor: 0}", "overprovisioning_factor: 0 is out of range (1 to"),
        ("policy: {weighted_priority_health: true}", "\"weighted_priority_health\" is an Envoy field"),
        ("policy: {drop_overloads: [{category: a}]}", "\"drop_overloads\" is an Envoy field"),
        ("endpoints: [{priority: 129}]", "priority: 129 is out of range (0 to 128)"),
        ("endpoints: [{load_balancing_weight: 0}]", "load_balancing_weight: 0 is out of range (1 to"),
    ])
    func groupsThatAreRefused(fields: String, message: String) {
        let found = errors(Sample.cluster("load_assignment: {cluster_name: c, \(fields)}"))
        #expect(found.count == 1 && found.first?.contains(message) == true, "\(found)")
    }

    private static func route(_ policy: String) -> String {
        Sample.route("{match: {prefix: /}, route: {cluster: c, hash_policy: [\(policy)]}}")
    }

    @Test func hashPolicies() throws {
        let loaded = try load(
            Self.route(
                "{header: {header_name: X-User}, terminal: true}, {header: {header_name: \":path\"}}, "
                    + "{cookie: {name: sid}}, {query_parameter: {name: Id}}, {connection_properties: {source_ip: true}}, "
                    + "{connection_properties: {source_ip: false}}, "
                    + "{cookie: {name: t, ttl: 1.9s, path: /p, attributes: [{name: Secure}, {name: A, value: b}]}}"))
        var given = HashCookie(name: "t")
        (given.ttlSeconds, given.path, given.attributes) = (1, "/p", ["Secure", "A=b"])
        #expect(
            loaded.forward?.hashPolicies == [
                HashPolicy(.header("x-user"), isTerminal: true), HashPolicy(.header(":path")),
                HashPolicy(.cookie(HashCookie(name: "sid"))), HashPolicy(.queryParameter("Id")), HashPolicy(.sourceIP),
                HashPolicy(.cookie(given)),
            ])
    }

    @Test(arguments: [
        ("{}", "one of header, cookie, connection_properties, query_parameter is required"),
        ("{filter_state: {key: k}}", "\"filter_state\" is an Envoy field that this build does not support"),
        ("{header: {}}", "required field \"header_name\" is missing"),
        ("{header: {header_name: \"a b\"}}", "header_name: \"a b\" is not the name of a header"),
        (
            "{header: {header_name: X-Request-ID}}",
            "the hash of \"x-request-id\", which the proxy itself writes or removes"
        ),
        ("{header: {header_name: a, regex_rewrite: {}}}", "\"regex_rewrite\" is an Envoy field"),
        ("{cookie: {ttl: 0s}}", "required field \"name\" is missing"),
        ("{cookie: {name: \"a\\nb\"}}", "name: \"a\\nb\" has control characters"),
        ("{cookie: {name: a, path: \"a\\rb\"}}", "path: \"a\\u{d}b\" has control characters"),
        ("{query_parameter: {}}", "required field \"name\" is missing"),
        ("{header: {header_name: a}, cookie: {name: b}}", "only one of"),
    ])
    func hashPoliciesThatAreRefused(policy: String, message: String) {
        let found = errors(Self.route(policy))
        #expect(found.count == 1 && found.first?.contains(message) == true, "\(found)")
    }

    private static func tcp(_ policies: String) -> String {
        Sample.tcp("stat_prefix: p, cluster: c, hash_policy: [\(policies)]")
    }

    @Test func hashPoliciesOfTCPProxies() throws {
        #expect(try load(Self.tcp("{source_ip: {}}")).tcp?.hashesSource == true)
        #expect(try load(Self.tcp("")).tcp?.hashesSource == false)
        #expect(
            errors(Self.tcp("{filter_state: {key: k}}")).first?.contains("\"filter_state\" is an Envoy field") == true)
        #expect(errors(Self.tcp("{}")).first?.contains("\"source_ip\" is missing") == true)
        let two = errors(Self.tcp("{source_ip: {}}, {source_ip: {}}"))
        #expect(two.count == 1 && two.first?.contains("may have one hash policy only") == true)
    }
}
