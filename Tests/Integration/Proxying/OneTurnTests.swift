import CLinux
import Glibc
import Testing

/// Events of many connections that a worker finds in one turn of its loop: it stands while they come in.
@Suite struct OneTurnTests {
    private static let clients = 40

    /// The process is stopped by a signal while `body` runs.
    private func whileStopped(_ proxy: Proxy, _ body: () throws -> Void) throws {
        proxy.process.signal(SIGSTOP)
        defer { proxy.process.signal(SIGCONT) }
        try waitUntil("the process stands") {
            Files.read("/proc/\(proxy.process.pid)/stat")?.split(separator: ")").last?.hasPrefix(" T") == true
        }
        try body()
    }

    private func echo(_ text: String) -> String {
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)"
    }

    @Test func everybodyGetsItsOwnAnswer() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port), concurrency: 1)
            let clients = try (0..<Self.clients).map { _ in try proxy.client() }
            for client in clients { #expect(try client.get("/").status == 200) }
            // Some messages are longer than what is received ahead, one is cut, and some clients ask for several things.
            let sizes = [1, 100, 8_000, 8_192, 9_000, 70_000]
            for round in 0..<3 {
                func text(_ i: Int) -> String {
                    "\(round)-\(i) " + String(repeating: "x", count: sizes[i % sizes.count])
                }
                try whileStopped(proxy) {
                    for (i, client) in clients.enumerated() {
                        try client.send(echo(text(i)) + (i % 3 == 0 ? echo("second of \(i)") : ""))
                        if i % 7 == 0 { try client.send("GET /half") }
                    }
                }
                for (i, client) in clients.enumerated() {
                    #expect(try client.response().text == text(i))
                    if i % 3 == 0 { #expect(try client.response().text == "second of \(i)") }
                    if i % 7 == 0 {
                        try client.send(" HTTP/1.1\r\nhost: test\r\n\r\n")
                        #expect(try client.response().status == 200)
                    }
                }
            }
            let requests = UInt64(Self.clients + 3 * (Self.clients + 14 + 6))
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_2xx"] == requests)
        }
    }

    /// A client that goes in the turn in which the answer to it comes, and hosts that go in the turn in which others answer.
    @Test func someLeaveWhileTheirAnswersCome() throws {
        try withBed { bed in
            let upstream = try Listener(backlog: 64)
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            var clients: [Client] = []
            var served: [Client] = []
            for i in 0..<Self.clients {
                let client = try proxy.client()
                try client.send("GET /\(i) HTTP/1.1\r\nhost: test\r\n\r\n")
                clients.append(client)
                let host = try upstream.accept()
                try host.skipHead()
                served.append(host)
            }
            try whileStopped(proxy) {
                for i in 0..<Self.clients {
                    // The client's end comes now before and now behind the answer, among the events of others.
                    if i % 4 == 0 { clients[i].close() }
                    if i % 5 == 1 {
                        served[i].close()
                    } else {
                        let body = "answer \(i)"
                        try served[i].send("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
                    }
                    if i % 4 == 1 { clients[i].close() }
                }
            }
            for i in 0..<Self.clients where i % 4 > 1 {
                let response = try clients[i].response()
                if i % 5 == 1 {
                    #expect(response.status == 503)
                } else {
                    #expect(response.text == "answer \(i)")
                }
            }
            for i in 0..<Self.clients where i % 4 > 1 { clients[i].close() }
            try waitUntil("all clients are gone") {
                try bed.statdump()["http.ingress_http.downstream_cx_active"] == 0
            }
            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.downstream_rq_active"] == 0)
            #expect(stats["cluster.service.upstream_rq_active"] == 0)
            #expect(stats["http.ingress_http.downstream_rq_total"] == UInt64(Self.clients))
        }
    }
}
