import Testing

/// `header_key_format: { stateful_formatter: … }`: heads as Envoy 1.40 writes them, letter by letter.
@Suite struct PreserveCaseTests {
    private static func format(_ more: String = "") -> String {
        "http_protocol_options: { header_key_format: { stateful_formatter: { name: preserve_case, typed_config: { \"@type\": "
            + "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
            + "\(more) } } } }"
    }

    private static let proper = "http_protocol_options: { header_key_format: { proper_case_words: {} } }"

    private static func configuration(_ upstream: UInt16, manager: String, cluster: String) -> Configuration {
        var configuration = Configuration(upstream)
        if !manager.isEmpty { configuration.manager = [manager] }
        if !cluster.isEmpty {
            configuration.clusterLines = [
                "typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { \"@type\": "
                    + "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: "
                    + "{ \(cluster) } } }"
            ]
        }
        configuration.routes = [
            "{ match: { prefix: \"/answered\" }, direct_response: { status: 200, body: { inline_string: \"a: b\" } } }",
            "{ match: { prefix: \"/\" }, response_headers_to_add: [{ header: { key: X-More, value: \"z\" } }], "
                + "route: { cluster: service, retry_policy: { retry_on: 5xx, num_retries: 1 } } }",
        ]
        return configuration
    }

    /// The start line, and the names of a head's fields, behind which comes this body.
    private static func head(_ client: Client, body: String = "a: b") throws -> (start: String, names: [String]) {
        let message = try client.receive(through: "\r\n\r\n" + body)
        let lines = message.dropLast(body.count).split(separator: "\r\n").map(String.init)
        return (lines[0], lines.dropFirst().compactMap { $0.split(separator: ":").first.map(String.init) })
    }

    /// A request and its answer through a proxy; the request is tried twice.
    private static func exchange(
        manager: String, cluster: String
    ) throws -> (request: [String], again: [String], response: [String], start: String) {
        var found: (request: [String], again: [String], response: [String], start: String) = ([], [], [], "")
        try withBed { bed in
            let upstream = try Listener()
            let client = try bed.proxy(configuration(upstream.port, manager: manager, cluster: cluster)).client()
            try client.send(
                "POST / HTTP/1.1\r\nHOST: h\r\nx-aBc: X\r\nX-ABC: again\r\ncONTENT-length: 4\r\n\r\na: b")
            let served = try upstream.accept()
            let request = try head(served).names
            try served.send("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
            let again = try head(served).names
            try served.send(
                "HTTP/1.1 200 Very Well\r\nCONTENT-length: 4\r\nX-uPPer: a\r\nDATE: now\r\nX-Upper: b\r\n\r\na: b")
            let response = try head(client)
            found = (request, again, response.names, response.start)
        }
        return found
    }

    @Test func requestsComeOutAsTheyCameIn() throws {
        let found = try Self.exchange(manager: Self.format(), cluster: "")
        let expected = [
            "HOST", "x-aBc", "x-aBc", "cONTENT-length", "x-forwarded-proto", "x-request-id",
            "x-envoy-expected-rq-timeout-ms",
        ]
        #expect(found.request == expected && found.again == expected)
        #expect(
            found.response == [
                "content-length", "x-upper", "date", "x-upper", "x-envoy-upstream-service-time", "server", "x-more",
            ])
        #expect(found.start == "HTTP/1.1 200 OK")
    }

    @Test func responsesComeOutAsTheyCameIn() throws {
        let found = try Self.exchange(
            manager: "",
            cluster: Self.format(", forward_reason_phrase: true, formatter_type_on_envoy_headers: PROPER_CASE"))
        #expect(found.request.prefix(4) == ["host", "x-abc", "x-abc", "content-length"])
        #expect(
            found.response == [
                "CONTENT-length", "X-uPPer", "DATE", "X-uPPer", "X-Envoy-Upstream-Service-Time", "Server", "X-More",
            ])
        #expect(found.start == "HTTP/1.1 200 Very Well")
    }

    @Test func whereItCameFromComesFirst() throws {
        let found = try Self.exchange(manager: Self.format(), cluster: Self.proper)
        #expect(
            found.request.prefix(4) == ["HOST", "x-aBc", "x-aBc", "cONTENT-length"] && found.request == found.again)
        let other = try Self.exchange(manager: Self.proper, cluster: Self.format())
        #expect(other.request.prefix(4) == ["host", "x-abc", "x-abc", "content-length"])
        #expect(other.response.prefix(4) == ["CONTENT-length", "X-uPPer", "DATE", "X-uPPer"])
        #expect(other.start == "HTTP/1.1 200 OK")
    }

    /// Filters hold the head, and one of them waits for a body in chunks.
    @Test func filtersKeepThem() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.configuration(
                upstream.port, manager: Self.format(", formatter_type_on_envoy_headers: PROPER_CASE"), cluster: "")
            configuration.filters = [
                FilterScene.filter(
                    "change", "header_mutation.v3.HeaderMutation",
                    "mutations: { request_mutations: [{ remove: x-GONE }] }"),
                FilterScene.filter("whole", "buffer.v3.Buffer", "max_request_bytes: 100"),
            ]
            let client = try bed.proxy(configuration).client()
            try client.send(
                "POST / HTTP/1.1\r\nHOST: h\r\nx-aBc: X\r\nX-Gone: 1\r\ntransfer-ENCODING: chunked\r\n\r\n4\r\na: b\r\n0\r\n\r\n"
            )
            let served = try upstream.accept()
            let names = try Self.head(served).names
            #expect(names.prefix(2) == ["HOST", "x-aBc"])
            #expect(names.contains("X-Forwarded-Proto") && names.contains("X-Envoy-Expected-Rq-Timeout-Ms"))
            #expect(!names.contains { $0.lowercased() == "x-gone" })
        }
    }

    @Test func answersOfTheProxyAreItsOwn() throws {
        try withBed { bed in
            let client = try bed.proxy(
                Self.configuration(try Listener().port, manager: Self.format(), cluster: "")
            ).client()
            try client.send("GET /answered HTTP/1.1\r\nHOST: h\r\n\r\n")
            #expect(try Self.head(client).names == ["content-length", "content-type", "date", "server"])
        }
    }
}
