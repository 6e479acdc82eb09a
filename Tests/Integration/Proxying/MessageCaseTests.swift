import Glibc
import MessageCases
import Testing

/// The table of raw messages (Tests/MessageCases) through the built program: what clients get, what upstreams see, which
/// connections are used again. One process each for many cases: what one leaves behind, the next one meets.
@Suite struct MessageCaseTests {
    /// Runs `body` with a proxy between raw clients and a raw upstream.
    private func withProxy(
        byteByByte: Bool = false, _ body: (Bed, CaseRun, _ proxy: Proxy, _ log: String) throws -> Void
    )
        throws
    {
        try withBed { bed in
            let upstream = try RecordingUpstream()
            defer { upstream.stop() }
            let log = bed.path("access.log")
            let proxy = try bed.startProxy(Bootstrap.text(upstream: upstream.port, log: log), concurrency: 1)
            try bed.waitUntilServing(proxy)
            let run = try CaseRun(
                CaseRun.Ports(adminPort: proxy.adminPort), upstream, byteByByte: byteByByte,
                silenceMs: Int(generousSeconds * 1000))
            try body(bed, run, proxy, log)
        }
    }

    @Test(arguments: [false, true])
    func requests(byteByByte: Bool) throws {
        try withProxy(byteByByte: byteByByte) { bed, run, proxy, _ in
            for one in try CaseFile.cases(.request) {
                let observed = try run.request(one, expected: one.expected)
                if !CaseRun.matches(observed, one.expected) {
                    Issue.record("\(one)\n  expected \(one.expected)\n  observed \(observed)")
                }
                if let ending = proxy.process.ending { throw Failure("\(one): the proxy ended: \(ending)") }
            }
            #expect(try bed.statdump()["cluster.service.upstream_rq_active"] == 0)
        }
    }

    /// What a refusal looks like, and where it is counted.
    @Test func aRefusalSaysThatTheConnectionCloses() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            let line = "POST / HTTP/1.1\r\nhost: test\r\n"
            try client.send(line + "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + line + "\r\n")
            let response = try client.response()
            #expect(response.status == 400)
            #expect(response["connection"] == "close")
            #expect(try client.receiveToEnd() == [])
            #expect(try upstream.count == 0)
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_protocol_error"] == 1)
        }
    }

    @Test func responses() throws {
        try withProxy { bed, run, proxy, logPath in
            var observations: [(MessageCase, String, path: String)] = []
            for one in try CaseFile.cases(.response) {
                let (observed, path) = try run.response(one)
                observations.append((one, observed, path))
                if let ending = proxy.process.ending { throw Failure("\(one): the proxy ended: \(ending)") }
            }
            #expect(try bed.statdump()["cluster.service.upstream_rq_active"] == 0)
            #expect(try proxy.process.terminate() == .exit(0))
            let log = CaseLog.read(Files.read(logPath) ?? "")
            for (one, observed, path) in observations {
                let all = "\(observed) | \(log[path] ?? "not logged")"
                if !CaseRun.matches(all, one.expected) {
                    Issue.record("\(one)\n  expected \(one.expected)\n  observed \(all)")
                }
            }
        }
    }
}
