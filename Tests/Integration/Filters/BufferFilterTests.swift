import Glibc
import Testing
import ThreadTesting

/// The filter `buffer`, where Tests/EnvoyCases cannot look: restarts, large bodies, time.
@Suite struct BufferFilterTests {
    private static func buffer(_ most: Int) -> String {
        FilterScene.filter("buffer", "buffer.v3.Buffer", "max_request_bytes: \(most)")
    }

    private static func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

    /// Half of its body has come before one hot restart, more before another; a fault delays it behind that.
    @Test(arguments: [true, false]) func aHalfRequestMovesToTheNewProcess(isChunked: Bool) throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = FilterScene.configuration(upstream.port, [Self.buffer(100), FilterScene.faults])
            var proxy = try bed.proxy(configuration, flags)
            let client = try proxy.client()
            let framing = isChunked ? "transfer-encoding: chunked" : "content-length: 15"
            func piece(_ text: String) -> String { isChunked ? Self.chunk(text) : text }
            try client.send(
                "POST /a HTTP/1.1\r\nhost: test\r\nx-envoy-fault-delay-request: 1\r\n\(framing)\r\n\r\n\(piece("first"))"
            )
            func received() throws -> UInt64? { try bed.statdump()["http.ingress_http.downstream_cx_rx_bytes_total"] }
            var sent = try #require(try waitForBytes(beyond: 0, received))
            for text in [" half", "later"] {
                let old = proxy
                proxy = try bed.proxy(configuration, flags)
                old.process.signal(SIGTERM)
                #expect(try old.process.waitForEnd(within: 10) == .exit(0))
                #expect(try bed.statdump()["http.ingress_http.downstream_rq_active"] == 1)
                try client.send(piece(text))
                sent = try #require(try waitForBytes(beyond: sent, received))
            }
            if isChunked { try client.send("0\r\n\r\n") }
            let request = try upstream.accept().request()
            #expect(request["content-length"] == "15" && request["transfer-encoding"] == nil)
            #expect(request.text == "first halflater")
            #expect(try bed.statdump()["http.ingress_http.fault.delays_injected"] == 1)
        }
    }

    private func waitForBytes(beyond sent: UInt64, _ received: () throws -> UInt64?) throws -> UInt64? {
        var now = sent
        try waitUntil("the proxy has read it") {
            now = try received() ?? 0
            return now > sent
        }
        return now
    }

    /// What was kept of a request that is refused when it is complete, since the new configuration allows no upgrade, is nobody
    /// else's.
    @Test func aBodyThatIsRefusedIsForgotten() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var configuration = FilterScene.configuration(upstream.port, [Self.buffer(100), FilterScene.faults])
            configuration.manager = ["upgrade_configs: [{ upgrade_type: websocket }]"]
            let old = try bed.proxy(configuration, flags, concurrency: 1)
            let upgrading = try old.client()
            try upgrading.send(
                "POST /u HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 10\r\n\r\nhalf "
            )
            _ = try waitForBytes(beyond: 0) { try bed.statdump()["http.ingress_http.downstream_cx_rx_bytes_total"] }
            configuration.manager = []
            let new = try bed.proxy(configuration, flags, concurrency: 1)
            old.process.signal(SIGTERM)
            #expect(try old.process.waitForEnd(within: 10) == .exit(0))
            try upgrading.send("a body")
            #expect(try upgrading.response().status == 403)
            let other = try new.client()
            var served: Client?
            for path in ["/first", "/second"] {
                try other.send("GET \(path) HTTP/1.1\r\nhost: test\r\nx-envoy-fault-delay-request: 1\r\n\r\n")
                let host = try served ?? upstream.accept()
                served = host
                let request = try host.request()
                #expect(request.method == "GET" && request.target == path)
                try host.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                #expect(try other.response().text == "ok")
            }
        }
    }

    /// More than is read, kept and written at once; and the connection serves on.
    @Test func aLargeRequestIsWhole() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(FilterScene.configuration(upstream.port, [Self.buffer(3 << 20)]))
            let client = try proxy.client()
            let body = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 / 251) }
            nonisolated(unsafe) let sending = client
            let sender = Thread {
                try? sending.send(
                    Array("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body)
            }
            let served = try upstream.accept()
            try served.skipHead()
            #expect(try served.receive(count: body.count) == body)
            sender.join()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            #expect(try client.response().text == "ok")
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(4 << 20)\r\n\r\n")
            nonisolated(unsafe) let more = client
            let flood = Thread { for _ in 0..<64 { try? more.send(Array(body.prefix(1 << 16))) } }
            let refused = try client.response()
            #expect(refused.status == 413 && refused.closes && refused.text == "Payload Too Large")
            flood.join()
            #expect(try proxy.stats()["http.ingress_http.downstream_rq_too_large"] == 1)
        }
    }

    @Test func anUnfinishedRequestTimesOut() throws {
        try withBed { bed in
            var configuration = FilterScene.configuration(try Listener().port, [Self.buffer(100)])
            configuration.manager = ["request_timeout: 0.05s"]
            let client = try bed.proxy(configuration).client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nab")
            #expect(try client.response().status == 408)
        }
    }
}
