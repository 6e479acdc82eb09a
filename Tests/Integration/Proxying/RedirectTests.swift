import Glibc
import Testing

/// Redirects that are followed, and limits of time, where Tests/EnvoyCases cannot look: restarts, logs, large bodies.
@Suite struct RedirectTests {
    private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    private static func configuration(_ upstream: UInt16, _ policy: String) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.routes = [
            "{ match: { prefix: \"/from\" }, name: from, route: { cluster: service\(policy) } }",
            "{ match: { prefix: \"/\" }, name: to, route: { cluster: service } }",
        ]
        return configuration
    }

    private static func redirect(_ status: Int, _ location: String) -> String {
        "HTTP/1.1 \(status) Elsewhere\r\ncontent-length: 0\r\nlocation: \(location)\r\n\r\n"
    }

    /// Its host has it when the process changes, and the new configuration follows nothing.
    @Test(arguments: [true, false]) func aRequestOnItsWayMoves(hasBody: Bool) throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let policy =
                ", internal_redirect_policy: { redirect_response_codes: [307], response_headers_to_copy: [x-a] }"
            let old = try bed.proxy(Self.configuration(upstream.port, policy), flags)
            let client = try old.client()
            let body = hasBody ? "content-length: 5\r\n\r\nhello" : "\r\n"
            try client.send("POST /from HTTP/1.1\r\nhost: test\r\n\(body)")
            let first = try upstream.accept()
            _ = try first.request()
            let new = try bed.proxy(Self.configuration(upstream.port, ""), flags)
            old.process.signal(SIGTERM)
            #expect(try old.process.waitForEnd(within: 10) == .exit(0))
            try first.send(
                "HTTP/1.1 307 R\r\ncontent-length: 0\r\nx-a: copied\r\nlocation: http://other/to?q\r\n\r\n")
            let second = try first.request()
            #expect(second.method == "POST" && second.target == "/to?q" && second["host"] == "other")
            #expect(second.text == (hasBody ? "hello" : "") && second["x-a"] == "copied")
            #expect(second["x-envoy-original-url"] == "http://test/from")
            try first.send(Self.ok)
            #expect(try client.response().text == "ok")
            let stats = try new.stats()
            #expect(stats["cluster.service.upstream_internal_redirect_succeeded_total"] == 1)
            #expect(stats["http.ingress_http.downstream_rq_total"] == 2)
            #expect(stats["http.ingress_http.downstream_rq_active"] == 0)
        }
    }

    /// It counts on where it was.
    @Test func whatItHasBeenThroughMoves() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = Self.configuration(upstream.port, ", internal_redirect_policy: {}")
            let old = try bed.proxy(configuration, flags)
            let client = try old.client()
            try client.send("GET /from HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            try served.send(Self.redirect(302, "http://test/from/again"))
            #expect(try served.request().target == "/from/again")
            _ = try bed.proxy(configuration, flags)
            old.process.signal(SIGTERM)
            #expect(try old.process.waitForEnd(within: 10) == .exit(0))
            try served.send(Self.redirect(302, "http://test/from/more"))
            #expect(try client.response().status == 302)
            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.passthrough_internal_redirect_too_many_redirects"] == 1)
        }
    }

    @Test func eachPassHasALine() throws {
        try withBed { bed in
            let upstream = try Listener()
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            let log = bed.path("access.log")
            var configuration = Self.configuration(upstream.port, ", internal_redirect_policy: {}")
            configuration.manager = [
                "access_log: [{ name: file, typed_config: { \"@type\": \(type), path: \"\(log)\", log_format: { text_format: "
                    + "\"%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %ROUTE_NAME%\\n\" } } }]"
            ]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("POST /from HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello")
            let served = try upstream.accept()
            _ = try served.request()
            try served.send(Self.redirect(302, "http://test/to"))
            #expect(try served.request().text == "hello")
            try served.send(Self.ok)
            #expect(try client.response().text == "ok")
            proxy.process.signal(SIGTERM)
            #expect(try proxy.process.waitForEnd(within: 10) == .exit(0))
            // As Envoy writes them.
            #expect(Files.read(log) == "/to 302 internal_redirect 5 0 to\n/to 200 via_upstream 10 2 to\n")
        }
    }

    /// Then nothing is kept that could be sent again.
    @Test func aRequestThatIsTooLargeIsNotFollowed() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.configuration(upstream.port, ", internal_redirect_policy: {}")
            configuration.listenerLines = ["per_connection_buffer_limit_bytes: 1024"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send(
                "POST /from HTTP/1.1\r\nhost: test\r\ncontent-length: 4096\r\n\r\n"
                    + String(repeating: "a", count: 4096))
            let served = try upstream.accept()
            #expect(try served.request().body.count == 4096)
            try served.send(Self.redirect(302, "http://test/to"))
            #expect(try client.response().status == 302)
            #expect(try proxy.stats()["cluster.service.retry_or_shadow_abandoned"] == 1)
        }
    }

    /// The time that it has taken already counts.
    @Test func aLimitOfTimeMoves() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let limited = Self.configuration(
                upstream.port, ", max_stream_duration: { max_stream_duration: 2s }")
            let old = try bed.proxy(limited, flags)
            let client = try old.client()
            try client.send("GET /from HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            let new = try bed.proxy(Self.configuration(upstream.port, ", timeout: 0s"), flags)
            old.process.signal(SIGTERM)
            #expect(try old.process.waitForEnd(within: 10) == .exit(0))
            let response = try client.response()
            #expect(response.status == 504 && response.text == "downstream duration timeout")
            #expect(try served.receiveToEnd().isEmpty)
            #expect(try new.stats()["http.ingress_http.downstream_rq_max_duration_reached"] == 1)
        }
    }
}
