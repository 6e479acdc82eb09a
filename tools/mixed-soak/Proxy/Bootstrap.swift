/// The two bootstraps between which restarts alternate. They differ in a header of the answers, in the order of clusters and
/// in a route that nobody asks for.
struct Bootstrap {
    /// Where everything listens: port numbers of the soak's own loopback address.
    var address: String
    var ports: [Door: UInt16]
    var adminPort: UInt16
    var logPath: String
    var tcpLogPath: String
    /// Addresses of hosts by cluster.
    var clusters: [String: [(address: String, port: UInt16)]]
    /// Files that are replaced all the time: the routes of one listener (RDS), the hosts of the cluster `main` (EDS).
    var routePath: String
    var endpointPath: String
    /// And some clusters (CDS).
    var clusterPath: String
    /// And the other listeners (LDS).
    var listenerPath: String
    /// The name that DNS resolves, and its port; nil: there is no name server.
    var name: (host: String, port: UInt16)?

    func text(second: Bool) -> String {
        """
        static_resources:
          listeners:
        \(httpListener(.exact, second))  clusters:
        \(all(second))dynamic_resources:
          cds_config: { path_config_source: { path: \(clusterPath) } }
          lds_config: { path_config_source: { path: \(listenerPath) } }
        admin: { address: { socket_address: { address: \(address), port_value: \(adminPort) } } }

        """
    }

    private func log(_ path: String, _ format: String) -> String {
        "access_log: [{ name: file, typed_config: { \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3."
            + "FileAccessLog, path: \"\(path)\", log_format: { text_format_source: { inline_string: \"\(format)\\n\" } } } }]"
    }

    private func routes(_ second: Bool) -> [String] {
        let retry =
            "retry_policy: { retry_on: \"5xx,reset,connect-failure\", num_retries: 4, "
            + "retry_back_off: { base_interval: 0.005s, max_interval: 0.02s } }"
        var routes = [
            "{ match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }",
            "{ match: { path: /gone }, direct_response: { status: 410 } }",
            "{ match: { prefix: /old }, direct_response: { status: 302 } }",
            "{ match: { prefix: /flaky }, route: { cluster: flaky, \(retry) } }",
            "{ match: { prefix: /stall }, route: { cluster: main, timeout: 0.4s } }",
            "{ match: { prefix: /lie }, route: { cluster: liars } }",
            "{ match: { prefix: /checked/ }, route: { cluster: checked, prefix_rewrite: / } }",
            "{ match: { prefix: /routed/, headers: [{ name: x-soak-route, string_match: { prefix: con } }] }, route: { cluster: main, "
                + "regex_rewrite: { pattern: { regex: '^/routed/([a-z]+)' }, substitution: '/\\1' } } }",
            "{ match: { safe_regex: { regex: '/[0-9]+/content' } }, route: { prefix_rewrite: /content, "
                + "weighted_clusters: { clusters: [{ name: main, weight: 1 }, { name: dying, weight: 0 }] } } }",
            "{ match: { path: /elsewhere, query_parameters: [{ name: to }] }, "
                + "redirect: { path_redirect: /content, response_code: FOUND } }",
            "{ match: { prefix: /dying/ }, route: { cluster: dying, prefix_rewrite: / } }",
            filtered(
                "whole", to: "/take", "whole", "buffer.v3.BufferPerRoute", "buffer: { max_request_bytes: 3000000 }"),
            filtered(
                "late", to: "/content", "late", "fault.v3.HTTPFault",
                "delay: { header_delay: {}, percentage: { numerator: 100 } }"),
            filtered(
                "changed", to: "/content", "changed", "header_mutation.v3.HeaderMutationPerRoute",
                "mutations: { response_mutations: [{ append: { header: { key: x-soak-changed, value: "
                    + "\"%REQ(x-soak-value)%\" } } }] }"),
            filtered(
                "limited", to: "/content", "limited", "local_ratelimit.v3.LocalRateLimit",
                "stat_prefix: limited, token_bucket: { max_tokens: 5, tokens_per_fill: 5, fill_interval: 1s }, "
                    + "filter_enabled: { default_value: { numerator: 100 } }, "
                    + "filter_enforced: { default_value: { numerator: 100 } }"),
        ]
        if name != nil {
            routes.append("{ match: { prefix: /strict/ }, route: { cluster: strict, prefix_rewrite: / } }")
            routes.append("{ match: { prefix: /logical/ }, route: { cluster: logical, prefix_rewrite: / } }")
        }
        if second { routes.insert("{ match: { path: /second }, direct_response: { status: 204 } }", at: 0) }
        for path in ["content", "hold", "take", "echo", "fields", "status", "upgrade"] {
            routes.append("{ match: { prefix: /\(path) }, route: { cluster: main, timeout: 60s } }")
        }
        return routes
    }

    private static let filters = "type.googleapis.com/envoy.extensions.filters.http"

    /// A route with a filter of its own.
    private func filtered(_ prefix: String, to path: String, _ name: String, _ type: String, _ fields: String) -> String
    {
        "{ match: { prefix: /\(prefix) }, route: { cluster: main, prefix_rewrite: \(path), timeout: 60s }, "
            + "typed_per_filter_config: { \(name): { \"@type\": \(Self.filters).\(type), \(fields) } } }"
    }

    /// Filters that only some routes have.
    private var httpFilters: [String] {
        [
            ("whole", "buffer.v3.Buffer", "max_request_bytes: 1"), ("late", "fault.v3.HTTPFault", ""),
            ("changed", "header_mutation.v3.HeaderMutation", ""),
            ("limited", "local_ratelimit.v3.LocalRateLimit", "stat_prefix: limited"),
        ].map { name, type, fields in
            "{ name: \(name), disabled: true, typed_config: { \"@type\": \(Self.filters).\(type)"
                + "\(fields.isEmpty ? "" : ", \(fields)") } }"
        }
    }

    private func httpListener(_ door: Door, _ second: Bool) -> String {
        """
          - name: \(door.rawValue)
            address: { socket_address: { address: \(address), port_value: \(ports[door]!) } }
            filter_chains:
            - filters:
              - name: envoy.filters.network.http_connection_manager
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                  stat_prefix: \(door.rawValue)
                  via: \(second ? "second" : "first")
                  upgrade_configs: [{ upgrade_type: websocket }]
                  normalize_path: true
                  \(log(logPath, "\(door.rawValue) %REQ(X-SOAK-ID)% %RESPONSE_CODE%"))
        \(door == .exact ? discoveredRoutes : ownRoutes(second))          http_filters:
        \(httpFilters.map { "          - \($0)\n" }.joined())          - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }

        """
    }

    private func ownRoutes(_ second: Bool) -> String {
        "          route_config:\n" + virtualHosts(second).map { "            \($0)\n" }.joined()
    }

    private var discoveredRoutes: String {
        "          rds: { route_config_name: routes, config_source: { path_config_source: { path: \(routePath) } } }\n"
    }

    private func virtualHosts(_ second: Bool) -> [String] {
        [
            "virtual_hosts:", "- name: all", "  domains: [\"*\"]", "  include_request_attempt_count: true",
            "  include_attempt_count_in_response: true", "  routes:",
        ] + routes(second).map { "  - \($0)" }
    }

    /// What `routePath` has, one of two.
    func discovered(second: Bool) -> String {
        "resources:\n- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n  name: routes\n"
            + virtualHosts(second).map { "  \($0)\n" }.joined()
    }

    /// What `endpointPath` has: all hosts but one, nil: all.
    func endpoints(without left: Int?) -> String {
        let hosts = (clusters["main"] ?? []).enumerated().filter { $0.offset != left }.map(\.element)
        return "resources:\n- { \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, "
            + "\(Self.assignment("main", hosts).dropFirst(2))\n"
    }

    private static func assignment(_ name: String, _ hosts: [(address: String, port: UInt16)]) -> String {
        let endpoints = hosts.map {
            "{ endpoint: { address: { socket_address: { address: \($0.address), port_value: \($0.port) } } } }"
        }
        return "{ cluster_name: \(name), endpoints: [{ lb_endpoints: [\(endpoints.joined(separator: ", "))] }] }"
    }

    private var tcpListener: String {
        """
          - name: stream
            address: { socket_address: { address: \(address), port_value: \(ports[.stream]!) } }
            filter_chains:
            - filters:
              - name: envoy.filters.network.tcp_proxy
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                  stat_prefix: stream
                  cluster: echo
                  \(log(tcpLogPath, "stream"))

        """
    }

    private func all(_ second: Bool) -> String {
        let statics = clusters.keys.sorted().filter { !Self.discovered.contains($0) }.map { name in
            "  - "
                + cluster(
                    name, name == "main" ? "EDS" : "STATIC", clusters[name]!, name == "checked" ? Self.check : "")
        }
        let all = statics + (name == nil ? [] : ["  - " + named("strict", "STRICT_DNS")])
        return (second ? all.reversed() : all).joined()
    }

    private func named(_ cluster: String, _ type: String, _ more: String = "") -> String {
        self.cluster(
            cluster, type, name.map { [("\(cluster).\($0.host)", $0.port)] } ?? [],
            "dns_lookup_family: V4_ONLY, dns_refresh_rate: 1s, \(more)")
    }

    private static let discovered: Set<String> = ["dying", "echo"]

    /// What `clusterPath` has: `changes` say which of them are other than before, or there.
    func discoveredClusters(changes: Int) -> String {
        func timeout(_ bit: Int) -> String { "cleanup_interval: \(changes >> bit & 1 + 5)s," }
        var all = Self.discovered.sorted().enumerated().map { i, name in
            cluster(name, "STATIC", clusters[name] ?? [], timeout(i))
        }
        if name != nil { all.append(named("logical", "LOGICAL_DNS", timeout(2))) }
        for i in 0..<3 where changes >> (3 + i) & 1 == 1 { all.append(cluster("comes\(i)", "STATIC", [], "")) }
        let type = "\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, "
        return "resources:\n" + all.map { "- { \(type)\($0.dropFirst(2))" }.joined()
    }

    /// What `listenerPath` has: `changes` say which of them are other than before, or there.
    func discoveredListeners(changes: Int) -> String {
        let more = "    per_connection_buffer_limit_bytes: \(1_000_000 + changes >> 1 & 1)\n"
        // Twice the same for another name of its filter chain only.
        let named =
            changes >> 2 & 1 == 1
            ? tcpListener.replacing("    - filters:", with: "    - name: other\n      filters:") : tcpListener
        var all = [httpListener(.rough, changes & 1 == 1), named].map { $0 + more }
        for i in 0..<2 where changes >> (3 + i) & 1 == 1 {
            all.append(
                "  - name: comes\(i)\n    address: { socket_address: { address: \(address), port_value: 0 } }\n"
                    + "    filter_chains: [{ filters: [{ name: echo, typed_config: { \"@type\": "
                    + "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo } }] }]\n")
        }
        let type = "\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener"
        return "resources:\n" + all.map { "  - \(type)\n    \($0.dropFirst(4))" }.joined()
    }

    private static let check =
        "health_checks: [{ timeout: 1s, interval: 0.2s, no_traffic_interval: 0.2s, unhealthy_threshold: 2, "
        + "healthy_threshold: 1, http_health_check: { path: /health } }],"

    private func cluster(_ name: String, _ type: String, _ hosts: [(address: String, port: UInt16)], _ more: String)
        -> String
    {
        let source =
            type == "EDS"
            ? "eds_cluster_config: { eds_config: { path_config_source: { path: \(endpointPath) } } }"
            : "load_assignment: \(Self.assignment(name, hosts))"
        return "{ name: \(name), type: \(type), connect_timeout: 5s, \(more) circuit_breakers: { thresholds: [{ "
            + "max_connections: 10000, max_pending_requests: 10000, max_requests: 10000, max_retries: 10000 }] }, "
            + "\(source) }\n"
    }
}
