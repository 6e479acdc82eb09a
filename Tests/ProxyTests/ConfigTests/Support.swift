import Glibc
import ProxyConfig

/// Configurations for the tests, named `envoy.yaml`.
enum Sample {
    static let hcmType =
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    static let tcpType = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    /// All network filters, as an error lists them.
    static let networkTypes = [
        "http_connection_manager.v3.HttpConnectionManager", "tcp_proxy.v3.TcpProxy", "echo.v3.Echo",
        "direct_response.v3.Config", "connection_limit.v3.ConnectionLimit", "local_ratelimit.v3.LocalRateLimit",
    ].map { "type.googleapis.com/envoy.extensions.filters.network.\($0)" }.joined(separator: " or ")

    /// All HTTP filters, as an error lists them.
    static let filterTypes = [
        "fault.v3.HTTPFault", "cors.v3.Cors", "local_ratelimit.v3.LocalRateLimit", "header_mutation.v3.HeaderMutation",
        "buffer.v3.Buffer", "health_check.v3.HealthCheck", "router.v3.Router",
    ].map { "type.googleapis.com/envoy.extensions.filters.http.\($0)" }.joined(separator: " or ")

    static let routerType = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    static let optionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

    static let router = "http_filters: [{name: router, typed_config: {\"@type\": \(routerType)}}]"

    /// The path of the one network filter's configuration.
    static let typedConfig = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"

    static let plainTCP = "{name: tcp, typed_config: {\"@type\": \(tcpType), stat_prefix: p, cluster: c}}"

    /// A whole bootstrap: each part is on a line of its own, so that positions are easy to see.
    static func bootstrap(listeners: String = "", clusters: String = "{name: c}", rest: String = "") -> String {
        """
        static_resources:
          listeners: [
        \(listeners)
          ]
          clusters: [
        \(clusters)
          ]
        \(rest)
        """
    }

    static func listener(_ filter: String, fields: String = "") -> String {
        """
        {name: l, address: {socket_address: {address: 127.0.0.1, port_value: 10000}},
        \(fields)
        filter_chains: [{filters: [
        \(filter)
        ]}]}
        """
    }

    /// The fields stand in line 5 from column 1, the filters in line 7.
    static func oneListener(_ filters: String, fields: String) -> String {
        bootstrap(listeners: listener(filters, fields: fields))
    }

    /// The fields stand in line 7 from column 1.
    static func hcm(_ fields: String) -> String {
        bootstrap(listeners: listener("{name: http, typed_config: {\"@type\": \(hcmType),\n\(fields)\n}}"))
    }

    /// The route stands in line 8 from column 1.
    static func route(_ route: String) -> String {
        hcm(
            """
            stat_prefix: p, \(router), route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [
            \(route)
            ]}]}
            """)
    }

    /// The virtual hosts stand in line 8 from column 1.
    static func hosts(_ hosts: String) -> String {
        hcm("stat_prefix: p, \(router), route_config: {virtual_hosts: [\n\(hosts)\n]}")
    }

    /// The fields stand in line 7 from column 1.
    static func tcp(_ fields: String) -> String {
        bootstrap(listeners: listener("{name: tcp, typed_config: {\"@type\": \(tcpType),\n\(fields)\n}}"))
    }

    /// The clusters stand in line 6 from column 1.
    static func clusters(_ clusters: String) -> String { bootstrap(clusters: clusters) }

    /// One cluster named `c`; the fields stand in line 7 from column 1.
    static func cluster(_ fields: String) -> String { bootstrap(clusters: "{name: c,\n\(fields)}") }
}

func load(_ text: String, inline: String? = nil, sources: DataSources = .none) throws -> LoadedConfiguration {
    try BootstrapLoader.load(
        file: (name: "envoy.yaml", text: Array(text.utf8)), inline: inline.map { Array($0.utf8) }, sources: sources)
}

/// The lines of the error; empty when the text loads.
func errors(_ text: String, inline: String? = nil) -> [String] { errors(bytes: Array(text.utf8), inline: inline) }

func errors(bytes: [UInt8], inline: String? = nil) -> [String] {
    do throws(ConfigurationError) {
        _ = try BootstrapLoader.load(file: (name: "envoy.yaml", text: bytes), inline: inline.map { Array($0.utf8) })
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

extension LoadedConfiguration {
    /// The last filter of the first chain.
    private var filter: NetworkFilter? { bootstrap.listeners.first?.filterChains.first?.filter }

    var http: HTTPConnectionManager? {
        if case .httpConnectionManager(let manager)? = filter { return manager }
        return nil
    }

    var tcp: TCPProxy? {
        if case .tcpProxy(let proxy)? = filter { return proxy }
        return nil
    }

    var route: Route? { http?.routes.virtualHosts.first?.routes.first }

    var forward: Forward? {
        if case .forward(let forward)? = route?.action { return forward }
        return nil
    }
}

/// A file's bytes, or nil.
func contents(of path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

func fileNames(in directory: String) -> [String] {
    guard let entries = opendir(directory) else { return [] }
    defer { closedir(entries) }
    var names: [String] = []
    while let entry = readdir(entries) {
        names.append(
            withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            })
    }
    return names
}
