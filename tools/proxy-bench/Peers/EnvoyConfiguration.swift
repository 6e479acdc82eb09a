import ToolSupport

/// A bootstrap for envoyd and Envoy: the same bytes for both.
func envoyConfiguration(_ setup: Setup) -> String {
    var routes = ""
    switch setup.many {
    case .routes, .paths:
        let field = setup.many == .routes ? "prefix" : "path"
        for i in 0..<setup.count {
            let path = setup.many == .routes ? "/route/\(i)/" : "/route/\(i)"
            routes += "              - { match: { \(field): \"\(path)\" }, route: { cluster: up } }\n"
        }
    case .none, .clusters, .listeners: break
    }
    routes += "              - { match: { prefix: / }, route: { cluster: up } }\n"

    var listeners = ""
    for i in 0..<(setup.many == .listeners ? setup.count : 1) {
        listeners += """
              - name: http\(i)
                address: { socket_address: { address: \(Setup.host(i)), port_value: \(setup.http) } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: http
                      route_config:
                        name: local
                        virtual_hosts:
                        - name: all
                          domains: ["*"]
                          routes:
            \(routes)          http_filters:
                      - name: envoy.filters.http.router
                        typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }

            """
    }
    if setup.tcp != 0 {
        listeners += """
              - name: tcp
                address: { socket_address: { address: 127.0.0.1, port_value: \(setup.tcp) } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                      stat_prefix: tcp
                      cluster: up

            """
    }
    var clusters = ""
    for i in 0..<(setup.many == .clusters ? setup.count : 1) {
        let name = i == 0 ? "up" : "up\(i)"
        clusters += """
              - name: \(name)
                type: STATIC
                circuit_breakers: { thresholds: [{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }] }
                load_assignment:
                  cluster_name: \(name)
                  endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(setup.upstream) } } } }] }]

            """
    }
    return """
        static_resources:
          listeners:
        \(listeners)  clusters:
        \(clusters)admin: { address: { socket_address: { address: 127.0.0.1, port_value: \(setup.admin) } } }

        """
}

struct Envoyd: Peer {
    let name = "envoyd"
    let binary: String

    func refuses(_ setup: Setup) -> String? { nil }

    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String] {
        try writeFile("\(folder)/envoyd.yaml", envoyConfiguration(setup))
        return [
            binary, "-c", "\(folder)/envoyd.yaml", "--base-id", "\(setup.baseID)", "--concurrency", "\(setup.workers)",
            "-l", "warning",
        ]
    }
}

struct Envoy: Peer {
    let name = "Envoy"
    let binary: String

    func refuses(_ setup: Setup) -> String? { nil }

    func prepare(_ setup: Setup, in folder: String) throws(Failure) -> [String] {
        try writeFile("\(folder)/envoy.yaml", envoyConfiguration(setup))
        return [
            binary, "-c", "\(folder)/envoy.yaml", "--concurrency", "\(setup.workers)", "--disable-hot-restart", "-l",
            "error",
        ]
    }
}
