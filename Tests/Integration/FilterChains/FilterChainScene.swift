/// Filter chains for tests, each in one line.
enum FilterChainScene {
    private static let extensions = "type.googleapis.com/envoy.extensions.filters"

    /// A chain that answers every request with its name.
    ///
    /// - Parameter match: fields of the match; nil: there is none.
    static func answering(_ name: String, _ match: String?) -> String { chain(answeringFilters(name), match) }

    static func answeringFilters(_ name: String) -> String {
        let route = "{ match: { prefix: \"/\" }, direct_response: { status: 200, body: { inline_string: \(name) } } }"
        let config = """
            "@type": \(extensions).network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: \(name), \
            route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [\(route)] }] }, \
            http_filters: [{ name: r, typed_config: { "@type": \(extensions).http.router.v3.Router } }]
            """
        return "[{ name: http, typed_config: { \(config) } }]"
    }

    /// A chain with a TCP proxy, whose stat prefix is the cluster.
    static func tunnel(to cluster: String, _ match: String?) -> String {
        let config =
            "\"@type\": \(extensions).network.tcp_proxy.v3.TcpProxy, stat_prefix: \(cluster), cluster: \(cluster)"
        return chain("[{ name: tcp, typed_config: { \(config) } }]", match)
    }

    /// A filter chain of these filters.
    static func chain(of filters: String..., match: String? = nil) -> String {
        chain("[\(filters.joined(separator: ", "))]", match)
    }

    static let echo = "{ name: echo, typed_config: { \"@type\": \(extensions).network.echo.v3.Echo } }"

    static func response(_ text: String) -> String {
        "{ name: text, typed_config: { \"@type\": \(extensions).network.direct_response.v3.Config, "
            + "response: { inline_string: \"\(text)\" } } }"
    }

    /// - Parameter more: further fields.
    static func limit(_ prefix: String, _ most: Int, _ more: String = "") -> String {
        "{ name: limit, typed_config: { \"@type\": \(extensions).network.connection_limit.v3.ConnectionLimit, "
            + "stat_prefix: \(prefix), max_connections: \(most)\(more) } }"
    }

    /// - Parameter more: further fields.
    static func rate(_ prefix: String, _ tokens: Int, _ more: String = "") -> String {
        "{ name: rate, typed_config: { \"@type\": \(extensions).network.local_ratelimit.v3.LocalRateLimit, "
            + "stat_prefix: \(prefix), token_bucket: { max_tokens: \(tokens), fill_interval: 3600s }\(more) } }"
    }

    /// The filter of `answering`.
    static func answers(_ name: String) -> String { String(answeringFilters(name).dropFirst().dropLast()) }

    private static func chain(_ filters: String, _ match: String?) -> String {
        "{ \(match.map { "filter_chain_match: { \($0) }, " } ?? "")filters: \(filters) }"
    }

    /// For connections to this address.
    static func to(_ address: String) -> String {
        "prefix_ranges: [{ address_prefix: \(address), prefix_len: 32 }]"
    }

    /// For clients with this address.
    static func from(_ address: String, _ length: Int = 32) -> String {
        "source_prefix_ranges: [{ address_prefix: \(address), prefix_len: \(length) }]"
    }

    /// The first chain of this is the one with the upstream, for connections to 127.0.0.1; listens on all addresses.
    static func configuration(_ upstream: UInt16, _ moreChains: String...) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.listeners[0].address = "0.0.0.0"
        configuration.chainLines = ["filter_chain_match: { \(to("127.0.0.1")) }"]
        configuration.moreChains = moreChains
        return configuration
    }
}
