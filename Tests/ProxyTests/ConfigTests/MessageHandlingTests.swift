import Testing

@testable import ProxyConfig

/// What becomes of invalid messages, of `Expect`, of schemes, and of bodies that are kept.
@Suite struct MessageHandlingTests {
    private static func manager(_ fields: String) -> String {
        Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, \(fields)")
    }

    @Test(arguments: [
        ("", false), ("stream_error_on_invalid_http_message: true", true),
        ("http_protocol_options: {override_stream_error_on_invalid_http_message: true}", true),
        (
            "stream_error_on_invalid_http_message: true, "
                + "http_protocol_options: {override_stream_error_on_invalid_http_message: false}", false
        ),
        ("stream_error_on_invalid_http_message: true, http_protocol_options: {}", true),
    ])
    func streamErrors(fields: String, outlives: Bool) throws {
        #expect(try #require(try load(Self.manager(fields)).http).keepsAfterErrors == outlives)
    }

    @Test func interim() throws {
        #expect(try load(Self.manager("proxy_100_continue: true")).http?.proxies100Continue == true)
        #expect(try load(Self.manager("via: p")).http?.proxies100Continue == false)
    }

    @Test func schemes() throws {
        func http(_ fields: String) throws -> HTTPConnectionManager {
            try #require(try load(Self.manager("scheme_header_transformation: {\(fields)}")).http)
        }
        #expect(try http("scheme_to_overwrite: https").scheme == "https")
        #expect(try http("match_upstream: true").matchesUpstreamScheme)
        #expect(try http("").scheme == nil)
        let found = errors(Self.manager("scheme_header_transformation: {scheme_to_overwrite: HTTPS}"))
        #expect(found.contains { $0.contains("scheme_to_overwrite") && $0.contains("neither http nor https") })
    }

    @Test(arguments: [
        ("", "", UInt64?.none), ("request_body_buffer_limit: 5", "", 5), ("", "request_body_buffer_limit: 6", 6),
        ("request_body_buffer_limit: 5", "request_body_buffer_limit: 6", 6),
        ("request_body_buffer_limit: 5", "per_request_buffer_limit_bytes: 6", 5),
        ("per_request_buffer_limit_bytes: 5", "per_request_buffer_limit_bytes: 6", 6),
        ("per_request_buffer_limit_bytes: 5", "request_body_buffer_limit: 0", 0),
        ("", "request_body_buffer_limit: \"5000000000\"", 5_000_000_000),
    ])
    func bodyLimits(host: String, route: String, limit: UInt64?) throws {
        let text = Self.hosts(host, route)
        #expect(try #require(try load(text).route).bodyLimit == limit)
    }

    @Test func noLimits() {
        #expect(errors(Self.hosts("request_body_buffer_limit: -1", "")).contains { $0.contains("out of range") })
    }

    private static func hosts(_ host: String, _ route: String) -> String {
        let route = "{match: {prefix: /}, route: {cluster: c}\(route.isEmpty ? "" : ", ")\(route)}"
        let host = "{name: v, domains: [\"*\"], routes: [\(route)]\(host.isEmpty ? "" : ", ")\(host)}"
        return Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {virtual_hosts: [\(host)]}")
    }
}
