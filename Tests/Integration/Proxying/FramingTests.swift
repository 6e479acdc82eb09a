import Glibc
import Testing
import ThreadTesting

/// HTTP/1.1 messages through the proxy: connections that stay, bodies of each framing (RFC 9112).
@Suite struct FramingTests {
    /// The alphabet, again and again: what `/bytes` and `/chunked` send.
    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) } }

    @Test func aConnectionStays() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            for path in ["/", "/status/404", "/bytes/10", "/chunked/10", "/"] { _ = try client.get(path) }
            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.downstream_cx_total"] == 1)
            #expect(stats["http.ingress_http.downstream_rq_total"] == 5)
            #expect(stats["cluster.service.upstream_cx_total"] == 1)
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            let paths = (1...50).map { "/bytes/\($0)" }
            try client.send(paths.map { "GET \($0) HTTP/1.1\r\nhost: test\r\n\r\n" }.joined())
            for count in 1...50 { #expect(try client.response().body == pattern(count)) }
            // Cut anywhere, it is the same.
            for byte in "GET /bytes/3 HTTP/1.1\r\nhost: test\r\n\r\n".utf8 { try client.send([byte]) }
            #expect(try client.response().body == pattern(3))
        }
    }

    @Test(arguments: [0, 1, 65_536, 1_048_576])
    func responsesOfEachFraming(size: Int) throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            let plain = try client.get("/bytes/\(size)")
            #expect(plain["content-length"] == "\(size)")
            #expect(!plain.has("transfer-encoding"))
            #expect(plain.body == pattern(size))
            let chunked = try client.get("/chunked/\(size)")
            #expect(!chunked.has("content-length"))
            #expect(chunked["transfer-encoding"] == "chunked")
            #expect(chunked.body == pattern(size))
        }
    }

    @Test(arguments: [1, 65_536, 1_048_576])
    func requestsOfEachFraming(size: Int) throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let body = pattern(size)
            let head = "POST /echo HTTP/1.1\r\nhost: test\r\n"
            let plain = Array((head + "content-length: \(size)\r\n\r\n").utf8) + body
            #expect(try exchange(proxy.client(), plain).body == body)
            var chunks = Array((head + "transfer-encoding: chunked\r\n\r\n").utf8)
            var rest = body[...]
            while !rest.isEmpty {
                let piece = rest.prefix(50_000)
                chunks += Array("\(String(piece.count, radix: 16));name=value\r\n".utf8) + piece + [13, 10]
                rest = rest.dropFirst(piece.count)
            }
            let chunked = try exchange(proxy.client(), chunks + Array("0\r\n\r\n".utf8))
            #expect(chunked["transfer-encoding"] == "chunked")
            #expect(chunked.body == body)
        }
    }

    /// Sends while it receives: the upstream echoes before it has everything. Then the connection ends, as with Envoy.
    private func exchange(_ client: Client, _ bytes: [UInt8]) throws -> Response {
        let descriptor = client.descriptor
        let sender = Thread { SendAll.run(descriptor, bytes) }
        defer { sender.join() }
        return try client.response()
    }

    @Test func headsWithoutBodies() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            let head = try client.get("/bytes/1000", method: "HEAD")
            #expect(head.status == 200)
            #expect(head["content-length"] == "1000")
            #expect(try client.get("/chunked/1000", method: "HEAD")["transfer-encoding"] == "chunked")
            for status in [204, 304] {
                let response = try client.get("/status/\(status)")
                #expect(response.status == status)
                #expect(!response.has("content-length") && !response.has("transfer-encoding"))
            }
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func expectIsAnsweredByTheProxy() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let client = try proxy.client()
            try client.send(
                "POST /echo HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
            let interim = try client.response()
            #expect(interim.status == 100)
            #expect(interim.fields.isEmpty)
            try client.send("hello")
            let response = try client.response()
            #expect(response.status == 200)
            #expect(response.text == "hello")
        }
    }

    @Test func connectionCloseIsHonoured() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let asked = try proxy.client()
            let response = try asked.get("/", "connection: close")
            #expect(response["connection"] == "close")
            #expect(try asked.receiveToEnd() == [])
            // The upstream's wish is its own matter.
            let client = try proxy.client()
            #expect(!(try client.get("/close").has("connection")))
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func HTTP10IsForThoseWhoAllowIt() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let strict = try bed.proxy(Configuration(upstream.port))
            let refused = try strict.client()
            try refused.send("GET / HTTP/1.0\r\nhost: test\r\n\r\n")
            let answer = try refused.response()
            #expect(answer.status == 426)
            #expect(answer["connection"] == "close")
            #expect(try refused.receiveToEnd() == [])
            #expect(try upstream.count == 0)
            #expect(try strict.process.terminate() == .exit(0))

            var configuration = Configuration(upstream.port)
            configuration.manager = ["http_protocol_options: { accept_http_10: true }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("GET /chunked/100 HTTP/1.0\r\nhost: test\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 200)
            #expect(!response.has("transfer-encoding"))
            #expect(response.body == pattern(100))
        }
    }
}

/// Sending from another thread.
enum SendAll {
    static func run(_ descriptor: Int32, _ bytes: [UInt8]) {
        let client = Client(adopting: dup(descriptor))
        do { try client.send(bytes) } catch { Issue.record("\(error)") }
    }
}
