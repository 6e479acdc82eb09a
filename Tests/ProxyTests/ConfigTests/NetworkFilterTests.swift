import Testing

@testable import ProxyConfig

/// The network filters besides the HTTP connection manager and the TCP proxy.
@Suite struct NetworkFilterTests {
    private static let network = "type.googleapis.com/envoy.extensions.filters.network"
    private static let filters = "static_resources.listeners[0].filter_chains[0].filters"

    private static let echo = "{name: e, typed_config: {\"@type\": \(network).echo.v3.Echo}}"

    private static func response(_ fields: String) -> String {
        "{name: d, typed_config: {\"@type\": \(network).direct_response.v3.Config, \(fields)}}"
    }

    private static func limit(_ fields: String) -> String {
        "{name: l, typed_config: {\"@type\": \(network).connection_limit.v3.ConnectionLimit, \(fields)}}"
    }

    private static func rate(_ fields: String) -> String {
        "{name: r, typed_config: {\"@type\": \(network).local_ratelimit.v3.LocalRateLimit, \(fields)}}"
    }

    /// The filters stand in line 6, each on a line of its own.
    private static func text(_ filters: String...) -> String {
        Sample.oneListener(filters.joined(separator: ",\n"), fields: "")
    }

    private static func chain(_ text: String) throws -> FilterChain {
        try #require(try load(text).bootstrap.listeners.first?.filterChains.first)
    }

    @Test func theyAreRead() throws {
        guard case .echo = try Self.chain(Self.text(Self.echo)).filter else {
            Issue.record("no echo")
            return
        }
        let bye = Self.response("response: {inline_string: bye}")
        guard case .directResponse(let text) = try Self.chain(Self.text(bye)).filter, text == Array("bye".utf8) else {
            Issue.record("no response")
            return
        }
        guard case .directResponse([]) = try Self.chain(Self.text(Self.response(""))).filter else {
            Issue.record("no empty response")
            return
        }
        let limit = "stat_prefix: p, max_connections: 3"
        let chain = try Self.chain(Self.text(Self.limit(limit), Self.echo))
        #expect(chain.connectionLimit == ConnectionLimit(statPrefix: "p", maxConnections: 3))
        #expect(
            try Self.chain(Self.text(Self.limit("\(limit), delay: 0.25s"), Sample.plainTCP)).connectionLimit?.delayMs
                == 250)
        #expect(try Self.chain(Self.text(Self.echo)).connectionLimit == nil)
    }

    @Test func rateLimitsAreRead() throws {
        let bucket = "token_bucket: {max_tokens: 2, fill_interval: 0.05s}"
        let more = "runtime_enabled: {default_value: false, runtime_key: k}, share_key: s"
        let limit = Self.limit("stat_prefix: p, max_connections: 3")
        let chain = try Self.chain(
            Self.text(
                Self.rate("stat_prefix: a, \(bucket)"), limit, Self.rate("stat_prefix: b, \(bucket), \(more)"),
                Self.echo))
        var first = ConnectionRateLimit(
            statPrefix: "a", bucket: .init(maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 50))
        var second = first
        first.enabled = RuntimeFlag(true)
        second.statPrefix = "b"
        second.enabled = RuntimeFlag(false, key: "k")
        second.shareKey = "s"
        second.followsLimit = true
        #expect(chain.rateLimits == [first, second])
        #expect(chain.connectionLimit?.maxConnections == 3)
    }

    @Test func whatIsWrongWithRateLimitsIsTold() {
        let found = errors(Self.text(Self.rate("token_bucket: {max_tokens: 1, fill_interval: 0.01s}")))
        #expect(found.count == 2, "\(found)")
        #expect(found.contains { $0.hasSuffix("required field \"stat_prefix\" is missing") })
        #expect(found.contains { $0.hasSuffix("must be at least 0.05s") })
        let last = errors(Self.text(Self.rate("stat_prefix: a, token_bucket: {max_tokens: 1, fill_interval: 1s}")))
        #expect(last.count == 1 && last.first?.hasSuffix("another must stand behind it") == true, "\(last)")
        let flag = errors(Self.text(Self.rate("stat_prefix: a, runtime_enabled: {}"), Self.echo))
        #expect(flag.count == 2, "\(flag)")
    }

    @Test func theirOrderIsChecked() {
        let limit = Self.limit("stat_prefix: p, max_connections: 1")
        #expect(
            errors(Self.text(Self.echo, Sample.plainTCP)) == [
                "envoy.yaml:6:1: \(Self.filters)[0]: ends the filter chain: no other may stand behind it"
            ])
        #expect(
            errors(Self.text(limit)) == [
                "envoy.yaml:6:1: \(Self.filters)[0]: does not end the filter chain: another must stand behind it"
            ])
        #expect(
            errors(Self.text(limit, limit, Self.echo)) == [
                "envoy.yaml:7:1: \(Self.filters)[1]: only one connection limit for each filter chain is supported by "
                    + "this build"
            ])
    }

    @Test func whatIsWrongIsTold() {
        let found = errors(Self.text(Self.limit("max_connections: 0, runtime_enabled: {}"), Self.echo))
        #expect(found.count == 3, "\(found)")
        #expect(found.contains { $0.hasSuffix("required field \"stat_prefix\" is missing") })
        #expect(found.contains { $0.hasSuffix("max_connections: 0 is out of range (1 to 4294967295)") })
        #expect(found.contains { $0.hasSuffix("that this build does not support; the limit is always in force") })
        #expect(errors(Self.text(Self.response("response: {filename: /etc/motd}"))).count == 1)
    }
}
