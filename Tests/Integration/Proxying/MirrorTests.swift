import Glibc
import Testing
import ThreadTesting

/// Copies of requests (`request_mirror_policies`), where Tests/EnvoyCases cannot look: hosts that are slow, dead or silent, clients that
/// leave, restarts.
@Suite struct MirrorTests {
    private static let size = 32 << 20
    private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    private static func configuration(
        _ upstream: UInt16, copies: UInt16, _ route: String = "", limit: Int? = nil
    ) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.routes = [
            "{ match: { prefix: \"/\" }, route: { cluster: service, request_mirror_policies: [{ cluster: copies }]\(route) } }"
        ]
        let buffer = limit.map { "per_connection_buffer_limit_bytes: \($0), " } ?? ""
        configuration.moreClusters = [
            "{ name: copies, connect_timeout: 5s, \(buffer)load_assignment: { cluster_name: copies, endpoints: [{ lb_endpoints: "
                + "[{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(copies) } } } }] }] } }"
        ]
        return configuration
    }

    /// Envoy stops reading the client then; here the request comes first.
    @Test func aCopyThatIsTakenTooSlowlyIsGivenUp() throws {
        try withBed { bed in
            let (upstream, copies) = (try Listener(), try Listener())
            let proxy = try bed.proxy(Self.configuration(upstream.port, copies: copies.port, limit: 65536))
            let before = try proxy.residentBytes
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(Self.size)\r\n\r\n")
            let served = try upstream.accept()
            let copied = try copies.accept()
            try copied.skipHead()
            let sender = Flood(client.descriptor, Self.size)
            try served.skipHead()
            #expect(try served.skip(Self.size) == Self.size)
            sender.join()
            try served.send(Self.ok)
            #expect(try client.response().text == "ok")
            #expect(try proxy.residentBytes - before < 16 << 20)
            let stats = try proxy.stats()
            #expect(stats["cluster.service.retry_or_shadow_abandoned"] == 1)
            #expect(stats["cluster.copies.upstream_rq_tx_reset"] == 1)
            #expect(stats["cluster.copies.upstream_rq_active"] == 0 && stats["cluster.copies.upstream_cx_active"] == 0)
            #expect(try copied.skip(Self.size) < Self.size)
            // The next request is copied again.
            try client.send("GET /next HTTP/1.1\r\nhost: test\r\n\r\n")
            #expect(try copies.accept().request().target == "/next")
        }
    }

    /// All of a large body comes to both.
    @Test(arguments: [true, false]) func aLargeBodyIsWhole(isChunked: Bool) throws {
        try withBed { bed in
            let (upstream, copies) = (try Listener(), try bed.upstream())
            let proxy = try bed.proxy(Self.configuration(upstream.port, copies: copies.port))
            let client = try proxy.client()
            let count = 1 << 20
            let framing = isChunked ? "transfer-encoding: chunked" : "content-length: \(count)"
            try client.send("POST / HTTP/1.1\r\nhost: test\r\n\(framing)\r\n\r\n")
            let text = String(repeating: "a", count: count)
            let body = isChunked ? "\(String(count, radix: 16))\r\n\(text)\r\n0\r\n\r\n" : text
            nonisolated(unsafe) let sending = client
            let sender = Thread { try? sending.send(body) }
            let request = try upstream.accept()
            #expect(try request.request().body.count == count)
            sender.join()
            try request.send(Self.ok)
            #expect(try client.response().text == "ok")
            try waitUntil("the copy is answered") {
                try proxy.stats()["cluster.copies.internal.upstream_rq_200"] == 1
            }
            #expect(try proxy.stats()["cluster.service.retry_or_shadow_abandoned"] == 0)
        }
    }

    @Test func aDeadHostIsNobodysConcern() throws {
        try withBed { bed in
            let port = try Listener().port
            let proxy = try bed.proxy(Self.configuration(try bed.upstream().port, copies: port))
            let client = try proxy.client()
            for _ in 0..<3 { #expect(try client.get("/").status == 200) }
            try waitUntil("the copies have failed") {
                try proxy.stats()["cluster.copies.internal.upstream_rq_503"] == 3
            }
            let stats = try proxy.stats()
            #expect(stats["http.async-client.rq_total"] == 3 && stats["http.ingress_http.downstream_rq_total"] == 3)
            #expect(stats["http.ingress_http.downstream_rq_5xx"] == 0 && stats["http.ingress_http.rq_total"] == 3)
            #expect(stats["cluster.copies.upstream_rq_pending_active"] == 0)
        }
    }

    @Test func aSilentHostIsNotWaitedForForEver() throws {
        try withBed { bed in
            let copies = try Listener()
            let proxy = try bed.proxy(
                Self.configuration(try bed.upstream().port, copies: copies.port, ", timeout: 0.3s"))
            let client = try proxy.client()
            #expect(try client.get("/").status == 200)
            let copied = try copies.accept()
            #expect(try copied.request()["host"] == "test-shadow")
            #expect(try copied.receiveToEnd().isEmpty)
            let stats = try proxy.stats()
            #expect(stats["cluster.copies.upstream_rq_timeout"] == 1 && stats["cluster.copies.upstream_rq_504"] == 1)
            #expect(stats["cluster.service.upstream_rq_timeout"] == 0)
        }
    }

    /// Who leaves in the middle of a request takes its copy along; who leaves behind it does not.
    @Test func aClientThatLeaves() throws {
        try withBed { bed in
            let (upstream, copies) = (try Listener(), try Listener())
            let proxy = try bed.proxy(Self.configuration(upstream.port, copies: copies.port))
            let half = try proxy.client()
            try half.send("POST /half HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n01234")
            let first = try copies.accept()
            _ = try first.receive(through: "01234")
            half.close()
            #expect(try first.receiveToEnd().isEmpty)
            let whole = try proxy.client()
            try whole.send("GET /whole HTTP/1.1\r\nhost: test\r\n\r\n")
            let second = try copies.accept()
            _ = try second.request()
            whole.close()
            try waitUntil("the client is gone") { try proxy.stats()["http.ingress_http.downstream_rq_active"] == 0 }
            try second.send(Self.ok)
            try waitUntil("the copy is answered") { try proxy.stats()["cluster.copies.upstream_rq_200"] == 1 }
        }
    }

    /// The original moves, its copy is finished by the process that began it.
    @Test func aRestart() throws {
        try withBed { bed in
            let (upstream, copies) = (try Listener(), try Listener())
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = Self.configuration(upstream.port, copies: copies.port)
            let old = try bed.proxy(configuration, flags, concurrency: 1)
            let (whole, half) = (try old.client(), try old.client())
            try whole.send("GET /whole HTTP/1.1\r\nhost: test\r\n\r\n")
            let (served, copied) = (try upstream.accept(), try copies.accept())
            _ = try (served.request(), copied.request())
            try half.send("POST /half HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n01234")
            let (halfServed, halfCopied) = (try upstream.accept(), try copies.accept())
            _ = try (halfServed.receive(through: "01234"), halfCopied.receive(through: "01234"))
            let new = try bed.proxy(configuration, flags, concurrency: 1)
            // The half copy will never be whole.
            #expect(try halfCopied.receiveToEnd().isEmpty)
            try copied.send(Self.ok)
            try waitUntil("the old process has the answer") {
                try bed.statdump()["cluster.copies.upstream_rq_200"] == 1
            }
            old.process.signal(SIGTERM)
            #expect(try old.process.waitForEnd(within: 10) == .exit(0))
            try served.send(Self.ok)
            #expect(try whole.response().text == "ok")
            try half.send("56789")
            #expect(try halfServed.receive(count: 5) == Array("56789".utf8))
            try halfServed.send(Self.ok)
            #expect(try half.response().text == "ok")
            try waitUntil("nothing is left") {
                let stats = try new.stats()
                return stats["http.ingress_http.downstream_rq_active"] == 0
                    && stats["cluster.copies.upstream_rq_active"] == 0
            }
        }
    }
}
