import Testing

/// `header_key_format: { proper_case_words: {} }`: heads as Envoy 1.40 writes them, letter by letter.
@Suite struct ProperCaseTests {
    private static let format = "http_protocol_options: { header_key_format: { proper_case_words: {} } }"

    private static func configuration(_ upstream: UInt16) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.manager = [format]
        configuration.clusterLines = [
            "typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { \"@type\": "
                + "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { \(format) } } }"
        ]
        configuration.routes = [
            "{ match: { prefix: \"/answered\" }, direct_response: { status: 200, body: { inline_string: \"a: b\" } } }",
            "{ match: { prefix: \"/\" }, response_headers_to_add: [{ header: { key: x-more, value: \"y\" } }], "
                + "route: { cluster: service, retry_policy: { retry_on: 5xx, num_retries: 1 } } }",
        ]
        return configuration
    }

    /// The names of a head's fields, behind which comes this body.
    private static func names(_ client: Client, body: String = "a: b") throws -> [String] {
        let message = try client.receive(through: "\r\n\r\n" + body)
        return message.dropLast(body.count).split(separator: "\r\n").dropFirst()
            .compactMap { $0.split(separator: ":").first.map(String.init) }
    }

    @Test func requestsAndResponses() throws {
        try withBed { bed in
            let upstream = try Listener()
            let client = try bed.proxy(Self.configuration(upstream.port)).client()
            try client.send("POST / HTTP/1.1\r\nHOST: h\r\nx-aBc_def.gHi-1a: X\r\ncontent-length: 4\r\n\r\na: b")
            let served = try upstream.accept()
            let expected = [
                "Host", "X-Abc_Def.Ghi-1a", "Content-Length", "X-Forwarded-Proto", "X-Request-Id",
                "X-Envoy-Expected-Rq-Timeout-Ms",
            ]
            #expect(try Self.names(served) == expected)
            // The same of another try.
            try served.send("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
            #expect(try Self.names(served) == expected)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nX-UPPER: a\r\n\r\na: b")
            #expect(
                try Self.names(client) == [
                    "Content-Length", "X-Upper", "X-Envoy-Upstream-Service-Time", "Date", "Server", "X-More",
                ])
        }
    }

    @Test func answersOfTheProxy() throws {
        try withBed { bed in
            let client = try bed.proxy(Self.configuration(try Listener().port)).client()
            try client.send("GET /answered HTTP/1.1\r\nhost: h\r\n\r\n")
            #expect(
                try Self.names(client) == ["Content-Length", "Content-Type", "Date", "Server"])
            try client.send("GET / HTTP/1.1\r\nhost: h\r\nbad name: 1\r\n\r\n")
            #expect(
                try Self.names(client, body: "Bad Request") == [
                    "Content-Length", "Content-Type", "Date", "Server", "Connection",
                ])
        }
    }
}
