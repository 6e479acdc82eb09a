/// The configuration that cases run against: the same for envoyd and for Envoy.
public enum Bootstrap {
    /// Names of listeners, and what each sets besides Envoy's defaults.
    public static let listeners: [(name: String, lines: [String])] = [
        ("plain", []),
        ("http10", ["http_protocol_options: { accept_http_10: true }"]),
        ("trailers", ["http_protocol_options: { enable_trailers: true }"]),
        ("upgrades", ["upgrade_configs: [{ upgrade_type: websocket }]"]),
    ]

    /// - Parameter log: where the access log goes: path, flags, details of each request.
    public static func text(upstream: UInt16, log: String) -> String {
        """
        static_resources:
          listeners:
        \(listeners.map { listener($0.name, $0.lines, log) }.joined())
          clusters:
          - name: service
            type: STATIC
            connect_timeout: 5s
            load_assignment:
              cluster_name: service
              endpoints:
              - lb_endpoints:
                - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(upstream) } } }
        admin:
          address:
            socket_address: { address: 127.0.0.1, port_value: 0 }

        """
    }

    private static func listener(_ name: String, _ lines: [String], _ log: String) -> String {
        let extensions = "type.googleapis.com/envoy.extensions"
        return """
              - name: \(name)
                address:
                  socket_address: { address: 127.0.0.1, port_value: 0 }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": \(extensions).filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: \(name)
                      delayed_close_timeout: 0.05s
            \(lines.map { "          " + $0 + "\n" }.joined())          access_log:
                      - name: envoy.access_loggers.file
                        typed_config:
                          "@type": \(extensions).access_loggers.file.v3.FileAccessLog
                          path: \(log)
                          log_format:
                            text_format_source:
                              inline_string: "%REQ(:PATH)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n"
                      route_config:
                        name: local_route
                        virtual_hosts:
                        - name: local_service
                          domains: ["*"]
                          routes:
                          - { match: { prefix: "/" }, route: { cluster: service } }
                      http_filters:
                      - name: envoy.filters.http.router
                        typed_config:
                          "@type": \(extensions).filters.http.router.v3.Router

            """
    }
}
