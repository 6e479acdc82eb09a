import ProxyConfig
import Testing

@Suite("Defaults and values taken over")
struct DefaultsTests {
    @Test("an empty bootstrap")
    func bootstrap() throws {
        let loaded = try load("{}")
        #expect(loaded.bootstrap.admin == nil)
        #expect(loaded.bootstrap.listeners.isEmpty)
        #expect(loaded.bootstrap.clusters.isEmpty)
        #expect(loaded.bootstrap.statsFlushIntervalMs == 5000)
        #expect(loaded.bootstrap.node.id == "")
    }

    @Test("node, admin and the flush interval")
    func bootstrapValues() throws {
        let loaded = try load(
            """
            node: {id: i, cluster: c, locality: {region: r, zone: z, sub_zone: s}}
            stats_flush_interval: 0.0005s
            admin:
              access_log: [{name: f, typed_config: {"@type": \
            type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null}}]
              address: {pipe: {path: "@admin"}}
            """)
        let node = loaded.bootstrap.node
        #expect([node.id, node.cluster, node.region, node.zone, node.subZone] == ["i", "c", "r", "z", "s"])
        #expect(loaded.bootstrap.statsFlushIntervalMs == 1)
        #expect(loaded.bootstrap.admin?.address == .pipe(path: "@admin"))
        #expect(loaded.bootstrap.admin?.accessLogs.map(\.sink) == [.file(path: "/dev/null")])
        #expect(loaded.bootstrap.admin?.location == SourceLocation(file: "envoy.yaml", line: 4, column: 3))
    }

    @Test("a listener without a name is named by its address")
    func listenerDefaults() throws {
        let text = Sample.bootstrap(
            listeners: """
                {address: {socket_address: {address: "::1", port_value: 0}}, filter_chains: [{filters: [
                \(Sample.plainTCP)]}]}
                """)
        let listener = try #require(try load(text).bootstrap.listeners.first)
        #expect(listener.name == "[::1]:0")
        #expect(listener.statPrefix == nil)
        #expect(listener.reusePort)
        #expect(!listener.ipv4Compat)
        #expect(listener.backlog == 4096)
        #expect(listener.bufferLimit == 1 << 20)
    }

    @Test("a listener's values")
    func listenerValues() throws {
        let text = Sample.oneListener(
            Sample.plainTCP,
            fields: "stat_prefix: s, enable_reuse_port: false, tcp_backlog_size: 0x10, "
                + "per_connection_buffer_limit_bytes: 0,")
        let listener = try #require(try load(text).bootstrap.listeners.first)
        #expect(listener.statPrefix == "s")
        #expect(!listener.reusePort)
        #expect(listener.backlog == 16)
        #expect(listener.bufferLimit == .max)
    }

    @Test("the TCP proxy")
    func tcpProxy() throws {
        let plain = try #require(try load(Sample.tcp("stat_prefix: p, cluster: c")).tcp)
        #expect(plain.idleTimeoutMs == 3_600_000)
        #expect(plain.maxConnectAttempts == 1)
        #expect(plain.maxConnectionDurationMs == 0)
        let set = try #require(
            try load(
                Sample.tcp(
                    "statPrefix: p, cluster: c, idleTimeout: 0s, maxConnectAttempts: \"3\", "
                        + "maxDownstreamConnectionDuration: 10s")
            ).tcp)
        #expect(set.statPrefix == "p")
        #expect(set.idleTimeoutMs == 0)
        #expect(set.maxConnectAttempts == 3)
        #expect(set.weights == [])
        let weighted = "weighted_clusters: {clusters: [{name: c, weight: 1}, {name: c, weight: 4294967295}]}"
        let several = try #require(try load(Sample.tcp("stat_prefix: p, \(weighted)")).tcp)
        #expect(several.cluster == "")
        #expect(several.weights.map(\.weight) == [1, .max])
        #expect(several.weights.map(\.cluster) == ["c", "c"])
        #expect(set.maxConnectionDurationMs == 10_000)
    }

    @Test("the HTTP connection manager's defaults")
    func httpDefaults() throws {
        let http = try #require(try load(Sample.hcm("stat_prefix: p, route_config: {}, \(Sample.router)")).http)
        #expect(http.serverName == "envoy")
        #expect(http.serverHeader == .overwrite)
        #expect([http.useRemoteAddress, http.skipXFFAppend, http.preserveExternalRequestID] == [false, false, false])
        #expect([http.requestIDInResponse, http.acceptHTTP10, http.enableTrailers] == [false, false, false])
        #expect(http.generateRequestID)
        #expect(http.maxRequestHeadersKiB == 60)
        #expect(http.maxHeadersCount == 100)
        #expect(http.idleTimeoutMs == 3_600_000)
        #expect(http.streamIdleTimeoutMs == 300_000)
        #expect(http.delayedCloseTimeoutMs == 1000)
        #expect(http.drainTimeoutMs == 5000)
        #expect([http.maxConnectionDurationMs, http.requestTimeoutMs, http.requestHeadersTimeoutMs] == [0, 0, 0])
        #expect(http.maxRequestsPerConnection == 0)
        #expect(http.upgradeTypes.isEmpty)
        #expect(http.via.isEmpty)
    }

    @Test("the HTTP connection manager's values")
    func httpValues() throws {
        let http = try #require(
            try load(
                Sample.hcm(
                    """
                    stat_prefix: p, route_config: {name: r}, \(Sample.router), server_name: s, via: v,
                    server_header_transformation: PASS_THROUGH, use_remote_address: true, xff_num_trusted_hops: 2,
                    skip_xff_append: true, generate_request_id: false, preserve_external_request_id: true,
                    always_set_request_id_in_response: true, max_request_headers_kb: 96,
                    common_http_protocol_options: {idle_timeout: 1s, max_connection_duration: 2s,
                      max_headers_count: 7, max_requests_per_connection: 8},
                    stream_idle_timeout: 3s, request_timeout: 4s, request_headers_timeout: 5s, drain_timeout: 6s,
                    delayed_close_timeout: 0s,
                    http_protocol_options: {accept_http_10: true, default_host_for_http_10: h, enable_trailers: true},
                    upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: foo, enabled: false}]
                    """)
            ).http)
        #expect(http.routes.name == "r")
        #expect([http.serverName, http.via, http.defaultHostForHTTP10] == ["s", "v", "h"])
        #expect(http.serverHeader == .passThrough)
        #expect([http.useRemoteAddress, http.skipXFFAppend, http.preserveExternalRequestID] == [true, true, true])
        #expect([http.requestIDInResponse, http.acceptHTTP10, http.enableTrailers] == [true, true, true])
        #expect(!http.generateRequestID)
        #expect([http.xffTrustedHops, http.maxRequestHeadersKiB, http.maxHeadersCount] == [2, 96, 7])
        #expect(http.maxRequestsPerConnection == 8)
        #expect([http.idleTimeoutMs, http.maxConnectionDurationMs, http.streamIdleTimeoutMs] == [1000, 2000, 3000])
        #expect([http.requestTimeoutMs, http.requestHeadersTimeoutMs, http.drainTimeoutMs] == [4000, 5000, 6000])
        #expect(http.delayedCloseTimeoutMs == 0)
        #expect(http.upgradeTypes == ["websocket"])
    }

    @Test("routes")
    func routes() throws {
        let plain = try load(Sample.route("{match: {prefix: /}, route: {cluster: c}}"))
        #expect(plain.route?.caseSensitive == true)
        #expect(plain.forward?.timeoutMs == 15_000)
        #expect(plain.forward?.idleTimeoutMs == nil)
        #expect(plain.forward?.rewrite == nil)
        #expect(plain.forward?.hostRewrite == nil)
        #expect(plain.forward?.upgrades == [:])
        let set = try load(
            Sample.route(
                """
                {name: some, match: {path: /a, case_sensitive: false}, route: {cluster: c, timeout: 0s, idle_timeout: 0s,
                prefix_rewrite: /b, host_rewrite_literal: h, upgrade_configs: [{upgrade_type: FOO, enabled: false}]}}
                """))
        #expect(set.route?.name == "some")
        #expect(set.route?.match == .path("/a"))
        #expect(set.route?.caseSensitive == false)
        #expect(set.forward?.timeoutMs == 0)
        #expect(set.forward?.idleTimeoutMs == 0)
        #expect(set.forward?.rewrite == .prefix("/b"))
        #expect(set.forward?.hostRewrite == .literal("h"))
        #expect(set.forward?.upgrades == ["foo": false])
    }

    @Test("domains are taken in lower case")
    func domains() throws {
        let loaded = try load(Sample.hosts("{name: v, domains: [A.Example, \"*.b\", \"c.*\", \"*\"]}"))
        #expect(loaded.http?.routes.virtualHosts.first?.domains == ["a.example", "*.b", "c.*", "*"])
        #expect(loaded.warnings == [])
    }

    @Test("a cluster's defaults")
    func clusterDefaults() throws {
        let cluster = try #require(try load(Sample.clusters("{name: c}")).bootstrap.clusters.first)
        #expect(cluster.altStatName == nil)
        #expect(cluster.discovery == .static)
        #expect(cluster.dnsFamily == .auto)
        #expect(cluster.dnsRefreshMs == 5000)
        #expect(cluster.dnsFailureBaseMs == nil)
        #expect(cluster.dnsFailureMaxMs == nil)
        #expect(!cluster.respectDNSTTL)
        #expect(cluster.connectTimeoutMs == 5000)
        #expect(cluster.bufferLimit == 1 << 20)
        #expect(cluster.idleTimeoutMs == 3_600_000)
        for limits in [cluster.limits, cluster.highLimits] {
            #expect([limits.maxConnections, limits.maxPendingRequests, limits.maxRequests] == [1024, 1024, 1024])
            #expect(limits.maxRetries == 3 && !limits.tracksRemaining)
        }
        #expect(cluster.maxRequestsPerConnection == 0)
        #expect(cluster.endpoints.isEmpty)
    }

    @Test("a cluster's values")
    func clusterValues() throws {
        let loaded = try load(
            Sample.cluster(
                """
                type: strict_dns, alt_stat_name: s, dns_lookup_family: ALL, dns_refresh_rate: 60s, respect_dns_ttl: true,
                dns_failure_refresh_rate: {base_interval: 2s, max_interval: 10s}, connect_timeout: 1.25s,
                circuit_breakers: {thresholds: [{priority: DEFAULT, max_connections: 1, max_pending_requests: 2,
                  max_requests: 0, max_retries: 9}]},
                typed_extension_protocol_options: {\(Sample.optionsName): {
                  "@type": type.googleapis.com/\(Sample.optionsName), explicit_http_config: {http_protocol_options: {}},
                  common_http_protocol_options: {idle_timeout: 30s, max_requests_per_connection: 5}}},
                load_assignment: {cluster_name: other, endpoints: [
                  {lb_endpoints: [{load_balancing_weight: 3, endpoint: {hostname: h,
                    address: {socket_address: {address: a.example, port_value: "80"}}}}]},
                  {lb_endpoints: [{endpoint: {address: {socket_address: {address: "::1", port_value: 81}}}}]}]}
                """))
        let cluster = try #require(loaded.bootstrap.clusters.first)
        #expect(cluster.altStatName == "s")
        #expect(cluster.discovery == .strictDNS)
        #expect(cluster.dnsFamily == .all)
        #expect(cluster.dnsRefreshMs == 60_000)
        #expect(cluster.dnsFailureBaseMs == 2000)
        #expect(cluster.dnsFailureMaxMs == 10_000)
        #expect(cluster.respectDNSTTL)
        #expect(cluster.connectTimeoutMs == 1250)
        #expect(cluster.idleTimeoutMs == 30_000)
        #expect(cluster.maxRequestsPerConnection == 5)
        let limits = cluster.limits
        #expect([limits.maxConnections, limits.maxPendingRequests, limits.maxRequests] == [1, 2, 0])
        #expect(
            cluster.endpoints.map(\.address) == [.socket(host: "a.example", port: 80), .socket(host: "::1", port: 81)])
        #expect(cluster.endpoints.map(\.weight) == [3, 1])
        #expect(cluster.endpoints.map(\.hostname) == ["h", ""])
    }

    static let harmless: [String] = [
        "node: {id: a, metadata: {x: [1]}, user_agent_name: u}",
        "dynamic_resources: {}\nstats_config: {}\nstats_sinks: []\nwatchdogs: {}\nheader_prefix: x-envoy",
        "admin: {access_log: [], access_log_path: /dev/null, profile_path: /p, "
            + "address: {socket_address: {address: 0.0.0.0, port_value: 0, protocol: TCP, resolver_name: \"\"}}}",
        "layered_runtime: {layers: [{name: admin, admin_layer: {}}, {name: s, static_layer: {}}]}",
        "layered_runtime: {}\nadmin: ~\nnode: null\nstatic_resources:",
        Sample.hcm(
            "stat_prefix: p, route_config: {validate_clusters: true}, \(Sample.router), codec_type: AUTO, "
                + "access_log: [], add_user_agent: false, normalize_path: false, local_reply_config: {}, "
                + "http_protocol_options: {allow_absolute_url: true, use_balsa_parser: true}"),
        Sample.hcm("stat_prefix: p, route_config: {}, codecType: http1, \(Sample.router)"),
        Sample.oneListener(
            Sample.plainTCP,
            fields: "traffic_direction: INBOUND, listener_filters: [], metadata: {a: b}, bind_to_port: true, "
                + "drain_type: DEFAULT, socket_options: [],"),
        Sample.cluster(
            "lb_policy: round_robin, health_checks: [], common_lb_config: {}, metadata: {}, "
                + "transport_socket: {name: raw, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}"),
        Sample.route("{match: {prefix: /, headers: []}, route: {cluster: c, retry_policy: {}, priority: DEFAULT}}"),
    ]

    @Test("what changes nothing is accepted", arguments: harmless)
    func accepted(text: String) {
        #expect(errors(text) == [])
        #expect((try? load(text))?.warnings == [])
    }

    /// Words that Envoy takes as well.
    @Test(
        "booleans",
        arguments: [
            ("true", true), ("True", true), ("yes", true), ("Y", true), ("on", true), ("ON", true), ("\"yes\"", true),
            ("t", true), ("\"1\"", true), ("False", false), ("no", false), ("Off", false), ("n", false),
            ("\"f\"", false),
        ])
    func booleans(word: String, value: Bool) throws {
        let text = Sample.oneListener(Sample.plainTCP, fields: "bind_to_port: \(word),")
        #expect(try load(text).bootstrap.listeners[0].bindsToPort == value)
    }

    @Test("words that are none", arguments: ["oN", "1", "maybe", "~1", "\"\""])
    func noBooleans(word: String) {
        let text = Sample.oneListener(Sample.plainTCP, fields: "bind_to_port: \(word),")
        #expect(errors(text).count == 1)
    }
}
