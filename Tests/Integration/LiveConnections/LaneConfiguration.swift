import ThreadTesting

/// A bootstrap with a cluster for each lane: HTTP lanes share the listener `listener_0` and are routed by path, a TCP
/// lane has a listener of its own.
struct LaneConfiguration {
    struct Entry {
        var name: String
        var port: UInt16
        var isTCP: Bool
        /// The cluster that serves it, by default of the lane's name.
        var cluster: String?
    }

    var lanes: [Entry]
    /// Other listeners that do the same as `listener_0`.
    var moreHTTP: [String] = []
    /// Nothing that the first builds did not know: no retries and no CONNECT.
    var isPlain = false

    var text: String {
        let http = (["listener_0"] + moreHTTP).map { listener($0, manager) }
        let tcp = lanes.filter(\.isTCP).map { listener($0.name, tunnel(to: $0.cluster ?? $0.name)) }
        return """
            static_resources:
              listeners:
            \((http + tcp).joined())  clusters:
            \(lanes.map(cluster).joined())admin:
              address: { socket_address: { address: 127.0.0.1, port_value: 0 } }

            """
    }

    private func listener(_ name: String, _ filter: String) -> String {
        """
          - name: \(name)
            address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
            filter_chains:
            - filters:
        \(filter)
        """
    }

    private static let longest = "\(Int(60 * Pace.slowness))s"

    /// No time limit is near: what ends here ends because a test wants it.
    private var manager: String {
        let type = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
        let retried: [(path: String, base: String?)] = isPlain ? [] : [("again/", "0.01s"), ("later/", "0.5s")]
        let routes = lanes.filter { !$0.isTCP }.map { lane in
            let changed =
                isPlain
                ? ""
                : "              - { match: { prefix: /\(lane.name)/changed }, route: { cluster: \(lane.cluster ?? lane.name), "
                    + "timeout: \(Self.longest) }, response_headers_to_add: [{ header: { key: x-asked, value: '%REQ(X-ASK)%' } }], "
                    + "response_headers_to_remove: [x-secret] }\n"
            return changed + (isPlain ? "" : filtered(lane))
                + (retried + [("", nil)]).map { path, base in
                    let retry = base.map {
                        ", retry_policy: { retry_on: 5xx, num_retries: 3, retry_back_off: { base_interval: \($0) } }"
                    }
                    return "              - { match: { prefix: /\(lane.name)/\(path) }, "
                        + "route: { cluster: \(lane.cluster ?? lane.name), timeout: \(Self.longest)\(retry ?? "") } }\n"
                }.joined()
        }
        return """
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": type.googleapis.com/\(type)
                      stat_prefix: ingress_http
                      delayed_close_timeout: \(Self.longest)
                      http_protocol_options: { enable_trailers: true, accept_http_10: true }
                      upgrade_configs: [{ upgrade_type: websocket }\(isPlain ? "" : ", { upgrade_type: CONNECT }")]
                      route_config:
                        virtual_hosts:
            \(lanes.filter { !$0.isTCP }.map(connectHosts).joined())\
                        - name: all
                          domains: ["*"]
                          routes:\(routes.isEmpty ? " []\n" : "\n" + routes.joined())\
                      http_filters:
            \(isPlain ? "" : filters)          - name: envoy.filters.http.router
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router

            """
    }

    private static let extensions = "type.googleapis.com/envoy.extensions.filters.http"

    /// On where a route says so.
    private var filters: String {
        let types = [
            ("fault", "fault.v3.HTTPFault"), ("limit", "local_ratelimit.v3.LocalRateLimit, stat_prefix: lanes"),
            ("mutation", "header_mutation.v3.HeaderMutation"),
        ]
        return types.map { name, type in
            "          - { name: \(name), disabled: true, typed_config: { \"@type\": \(Self.extensions).\(type) } }\n"
        }.joined()
    }

    private func filtered(_ lane: Entry) -> String {
        func fault(_ delay: String) -> String {
            "fault: { \"@type\": \(Self.extensions).fault.v3.HTTPFault, delay: { fixed_delay: \(delay), "
                + "percentage: { numerator: 100 } } }"
        }
        let change = "{ append: { header: { key: x-mutated, value: '%REQ(X-ASK)%' } } }"
        let mutation =
            "mutation: { \"@type\": \(Self.extensions).header_mutation.v3.HeaderMutationPerRoute, "
            + "mutations: { request_mutations: [\(change)], response_mutations: [\(change)] } }"
        let always = "{ default_value: { numerator: 100 } }"
        let limit =
            "limit: { \"@type\": \(Self.extensions).local_ratelimit.v3.LocalRateLimit, stat_prefix: lanes, "
            + "token_bucket: { max_tokens: 2, fill_interval: 36000s }, filter_enabled: \(always), "
            + "filter_enforced: \(always), local_rate_limit_per_downstream_connection: true }"
        let routes = [
            ("delayed", "\(mutation), \(fault("1s"))"), ("short", fault("0.001s")), ("limited", limit),
        ]
        return routes.map { path, filters in
            "              - { match: { prefix: /\(lane.name)/\(path)/ }, route: { cluster: "
                + "\(lane.cluster ?? lane.name), timeout: \(Self.longest) }, typed_per_filter_config: { \(filters) } }\n"
        }.joined()
    }

    /// CONNECT requests have no path: port 1 of the lane's name is a tunnel that ends in the proxy, port 2 one that the
    /// upstream is asked for.
    private func connectHosts(_ lane: Entry) -> String {
        if isPlain { return "" }
        let cluster = lane.cluster ?? lane.name
        return [(1, ", upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }]"), (2, "")].map { port, more in
            """
                        - name: \(lane.name)_\(port)
                          domains: ["\(lane.name):\(port)"]
                          routes: [{ match: { connect_matcher: {} }, route: { cluster: \(cluster)\(more) } }]

            """
        }.joined()
    }

    private func tunnel(to cluster: String) -> String {
        """
              - name: envoy.filters.network.tcp_proxy
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                  stat_prefix: ingress_tcp
                  cluster: \(cluster)

        """
    }

    private func cluster(_ lane: Entry) -> String {
        let address = "{ socket_address: { address: 127.0.0.1, port_value: \(lane.port) } }"
        return """
              - name: \(lane.name)
                type: STATIC
                connect_timeout: \(Self.longest)
                load_assignment:
                  cluster_name: \(lane.name)
                  endpoints: [{ lb_endpoints: [{ endpoint: { address: \(address) } }] }]

            """
    }
}
