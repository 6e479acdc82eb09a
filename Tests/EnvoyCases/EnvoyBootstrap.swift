/// The configuration of a file of cases: what the file gives, and around it what all have.
///
/// One listener `case`, whose connection manager counts under `http.case.`; three clusters `one`, `two` and `three` of one host each.
public enum EnvoyBootstrap {
    public static let clusters = ["one", "two", "three"]

    /// - Parameter ports: of the hosts of `clusters`.
    public static func text(_ file: EnvoyCaseFile, ports: [UInt16]) -> String {
        func block(_ key: String, _ indent: Int) -> String {
            (file.blocks[key] ?? []).map {
                String(repeating: " ", count: indent) + fill($0, ports) + "\n"
            }.joined()
        }
        let extensions = "type.googleapis.com/envoy.extensions"
        return """
            static_resources:
              listeners:
              - name: case
                address:
                  socket_address: { address: 127.0.0.1, port_value: 0 }
            \(block("listener", 4))    filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": \(extensions).filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: case
                      delayed_close_timeout: 0.05s
            \(block("manager", 10))          route_config:
                        name: local_route
            \(block("route_config", 12))            virtual_hosts:
            \(block("virtual_hosts", 12))          http_filters:
            \(block("filters", 10))          - name: envoy.filters.http.router
                        typed_config:
                          "@type": \(extensions).filters.http.router.v3.Router
            \(block("router", 14))\(block("filter_chain", 6))\(block("filter_chains", 4))  clusters:
            \(zip(clusters, ports).map { cluster($0, $1, block("cluster", 4)) }.joined())\(block("clusters", 2))admin:
              address:
                socket_address: { address: 127.0.0.1, port_value: 0 }
            \(block("bootstrap", 0))
            """
    }

    private static func cluster(_ name: String, _ port: UInt16, _ more: String) -> String {
        """
          - name: \(name)
            type: STATIC
            connect_timeout: 5s
        \(more)    load_assignment:
              cluster_name: \(name)
              endpoints:
              - lb_endpoints:
                - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(port) } } }

        """
    }

    private static func answering(_ name: String) -> String {
        let extensions = "type.googleapis.com/envoy.extensions.filters"
        let route = "{ match: { prefix: \"/\" }, direct_response: { status: 200, body: { inline_string: \(name) } } }"
        return """
            [{ name: envoy.filters.network.http_connection_manager, typed_config: { \
            "@type": \(extensions).network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: \(name), \
            route_config: { virtual_hosts: [{ name: all, domains: ["*"], routes: [\(route)] }] }, \
            http_filters: [{ name: envoy.filters.http.router, typed_config: { \
            "@type": \(extensions).http.router.v3.Router } }] } }]
            """
    }

    /// `{one}` is the port of that cluster's host, `{answers X}` are the filters of a chain whose answer to everything is `X`.
    private static func fill(_ line: String, _ ports: [UInt16]) -> String {
        var line = line
        if let start = line.firstRange(of: "{answers ")?.lowerBound, let end = line[start...].firstIndex(of: "}") {
            let name = line[line.index(start, offsetBy: 9)..<end]
            line.replaceSubrange(start...end, with: answering(String(name)))
        }
        for (name, port) in zip(clusters, ports) {
            let parts = line.split(separator: "{\(name)}", omittingEmptySubsequences: false)
            line = parts.joined(separator: "\(port)")
        }
        return line
    }
}
