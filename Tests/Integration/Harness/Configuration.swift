/// A bootstrap in the manner of `examples/envoy.yaml`. Ports are 0 unless a test needs to know them beforehand.
struct Configuration {
    struct Listen {
        var name = "listener_0"
        var address = "127.0.0.1"
        var port: UInt16 = 0
    }

    var upstreams: [UInt16] = []
    var cluster = "service"
    /// All of them do the same.
    var listeners = [Listen()]
    var adminPort: UInt16 = 0
    /// Lines of the HTTP connection manager.
    var manager: [String] = []
    /// Routes, one a line; by default everything goes to the cluster.
    var routes: [String] = []
    /// Lines of the route configuration.
    var routeLines: [String] = []
    /// The path of a file that has the routes `rc` (RDS); nil: they stand here.
    var routeFile: String?
    /// Virtual hosts before the one for all domains, one a line.
    var hosts: [String] = []
    /// HTTP filters in front of the router, one a line.
    var filters: [String] = []
    /// Lines of each listener.
    var listenerLines: [String] = []
    /// Lines of the cluster.
    var clusterLines: [String] = []
    /// Clusters besides, one a line.
    var moreClusters: [String] = []
    /// Lines of a TCP proxy instead of the HTTP connection manager.
    var tcp: [String]?
    /// Of that TCP proxy: the field instead of `cluster`.
    var tcpClusters: String?
    /// Lines of the filter chain with that filter.
    var chainLines: [String] = []
    /// Filter chains besides, one a line.
    var moreChains: [String] = []
    /// Lines of the bootstrap itself.
    var top: [String] = []

    init(_ upstreams: UInt16..., cluster: String = "service") {
        self.upstreams = upstreams
        self.cluster = cluster
    }

    var text: String {
        """
        static_resources:
          listeners:
        \(listeners.map(text).joined())
          clusters:
          - name: \(cluster)
            type: STATIC
            connect_timeout: 5s
        \(lines(clusterLines, 4))    load_assignment:
              cluster_name: \(cluster)
              endpoints:
              - lb_endpoints: \(endpoints)
        \(lines(moreClusters.map { "- " + $0 }, 2))admin:
          address:
            socket_address: { address: 127.0.0.1, port_value: \(adminPort) }
        \(lines(top, 0))
        """
    }

    private func text(_ listener: Listen) -> String {
        """
          - name: \(listener.name)
            address:
              socket_address: { address: \(listener.address), port_value: \(listener.port) }
        \(lines(listenerLines, 4))    filter_chains:
            - filters:
        \(filter)
        \(lines(chainLines, 6))\(lines(moreChains.map { "- " + $0 }, 4))
        """
    }

    private var filter: String {
        if let tcp {
            return """
                      - name: envoy.filters.network.tcp_proxy
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                          stat_prefix: ingress_tcp
                          \(tcpClusters ?? "cluster: \(cluster)")
                \(lines(tcp, 10))
                """
        }
        let type = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
        return """
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": type.googleapis.com/\(type)
                      stat_prefix: ingress_http
            \(lines(manager, 10))\(routeConfiguration)          http_filters:
            \(lines(filters.map { "- " + $0 }, 10))          - name: envoy.filters.http.router
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router

            """
    }

    private var routeConfiguration: String {
        if let routeFile {
            return lines(
                ["rds: { route_config_name: rc, config_source: { path_config_source: { path: \"\(routeFile)\" } } }"],
                10)
        }
        let all = routes.isEmpty ? ["{ match: { prefix: \"/\" }, route: { cluster: \(cluster) } }"] : routes
        return """
                      route_config:
                        name: local_route
            \(lines(routeLines, 12))            virtual_hosts:
            \(lines(hosts.map { "- " + $0 }, 12))            - name: local_service
                          domains: ["*"]
                          routes:
            \(lines(all.map { "- " + $0 }, 14))
            """
    }

    private var endpoints: String {
        let all = upstreams.map {
            "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \($0) } } } }"
        }
        return "[\(all.joined(separator: ", "))]"
    }

    private func lines(_ lines: [String], _ indentation: Int) -> String {
        lines.map { String(repeating: " ", count: indentation) + $0 + "\n" }.joined()
    }
}
