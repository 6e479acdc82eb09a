/// The network filters besides the HTTP connection manager and the TCP proxy.
extension MessageSchema {
    static let echo = MessageSchema("envoy.extensions.filters.network.echo.v3.Echo")

    static let networkDirectResponse = MessageSchema(
        "envoy.extensions.filters.network.direct_response.v3.Config", supported: "response")

    static let connectionLimit = MessageSchema(
        "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
        supported: "stat_prefix max_connections delay", refused: "runtime_enabled",
        hints: ["runtime_enabled": "the limit is always in force"])

    static let networkRateLimit = MessageSchema(
        "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
        supported: "stat_prefix token_bucket runtime_enabled share_key")

    /// What a filter chain ends with.
    static let terminalFilters = [httpConnectionManager, tcpProxy, echo, networkDirectResponse]
    static let networkFilters = terminalFilters + [connectionLimit, networkRateLimit]
}
