import Testing

@testable import ProxyConfig

/// `internal_redirect_policy`, `max_stream_duration`, and how heads are written.
@Suite struct InternalRedirectConfigTests {
    private static func route(_ fields: String) -> String {
        Sample.route("{match: {prefix: /}, route: {cluster: c, \(fields)}}")
    }

    private static func predicate(_ type: String, _ fields: String = "") -> String {
        "{name: p, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.internal_redirect.\(type)\(fields)}}"
    }

    @Test func everyField() throws {
        let predicates = [
            Self.predicate("previous_routes.v3.PreviousRoutesConfig"),
            Self.predicate("allow_listed_routes.v3.AllowListedRoutesConfig", ", allowed_route_names: [a, b]"),
            Self.predicate("safe_cross_scheme.v3.SafeCrossSchemeConfig"),
        ].joined(separator: ", ")
        let loaded = try load(
            Self.route(
                "internal_redirect_policy: {max_internal_redirects: 4, redirect_response_codes: [301, 200, 308], "
                    + "allow_cross_scheme_redirect: true, response_headers_to_copy: [X-A], predicates: [\(predicates)]}"
            ))
        let policy = try #require(loaded.forward?.redirects)
        #expect(policy.most == 4 && policy.crossesSchemes && policy.copiedHeaders == ["x-a"])
        // What is no redirect to Envoy counts for nothing.
        #expect(policy.statuses == [301, 308])
        #expect(policy.predicates == [.previousRoutes, .allowListed(["a", "b"]), .safeCrossScheme])
    }

    @Test func defaults() throws {
        let policy = try #require(try load(Self.route("internal_redirect_policy: {}")).forward?.redirects)
        #expect(policy == InternalRedirectPolicy() && policy.most == 1 && policy.statuses == [302])
        #expect(try load(Self.route("max_internal_redirects: 3")).forward?.redirects == nil)
        let older = "internal_redirect_action: HANDLE_INTERNAL_REDIRECT, max_internal_redirects: 3"
        #expect(try load(Self.route(older)).forward?.redirects?.most == 3)
        #expect(try load(Self.route("internal_redirect_policy: {}, \(older)")).forward?.redirects?.most == 1)
    }

    @Test(arguments: [
        ("redirect_response_codes: [301, 302, 303, 307, 308, 309]", "more than 5 codes"),
        ("response_headers_to_copy: [Host]", "neither host nor names"),
        ("response_headers_to_copy: [content-length]", "says where the message ends"),
        ("predicates: [{name: p}]", "required field \"typed_config\" is missing"),
        ("predicates: [{name: p, typed_config: {\"@type\": type.googleapis.com/o}}]", "is not supported by this build"),
    ])
    func refused(fields: String, message: String) {
        let found = errors(Self.route("internal_redirect_policy: {\(fields)}"))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test func durations() throws {
        let forward = try #require(
            try load(
                Self.route(
                    "timeout: 5s, max_stream_duration: {max_stream_duration: 1.5s, grpc_timeout_header_max: 2s, "
                        + "grpc_timeout_header_offset: 0.1s}")
            ).forward)
        #expect(forward.maxStreamDurationMs == 1500 && forward.timeoutMs == 0)
        #expect(forward.grpcTimeoutMaxMs == 2000 && forward.grpcTimeoutOffsetMs == 100)
        #expect(try load(Self.route("max_stream_duration: {}")).forward?.maxStreamDurationMs == nil)
        let options = "common_http_protocol_options: {max_stream_duration: 3s}"
        #expect(
            try load(Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, \(options)")).http?
                .maxStreamDurationMs == 3000)
    }

    @Test func heads() throws {
        let fields =
            "add_user_agent: true, append_x_forwarded_port: true, http_protocol_options: {allow_absolute_url: false, "
        func text(_ format: String) -> String {
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, \(fields)header_key_format: {\(format)}}")
        }
        let http = try #require(try load(text("proper_case_words: {}")).http)
        #expect(
            http.addsUserAgent && http.appendsForwardedPort && !http.allowsAbsoluteURL && http.headerCase == .proper)
        func preserves(_ fields: String) throws -> HeaderCase? {
            try load(
                text(
                    "stateful_formatter: {name: p, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.http."
                        + "header_formatters.preserve_case.v3.PreserveCaseFormatterConfig\(fields)}}")
            ).http?.headerCase
        }
        #expect(try preserves("") == .preserve)
        #expect(
            try preserves(", forward_reason_phrase: true, formatter_type_on_envoy_headers: PROPER_CASE")
                == [.preserve, .reason, .properOthers])
        for (format, message) in [("stateful_formatter: {}", "name"), ("", "proper_case_words")] {
            #expect(errors(text(format)).contains { $0.contains(message) })
        }
    }
}
