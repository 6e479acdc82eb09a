import CLinux
import Glibc
import Testing

/// Connections and streams on which nothing happens.
@Suite struct TimeoutTests {
    private func proxy(_ bed: Bed, _ upstream: Upstream, _ lines: String...) throws -> Proxy {
        var configuration = Configuration(upstream.port)
        configuration.manager = lines
        configuration.routes = ["{ match: { prefix: / }, route: { cluster: service, timeout: 0s } }"]
        return try bed.proxy(configuration)
    }

    @Test func aSilentConnectionIsClosed() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "common_http_protocol_options: { idle_timeout: 0.3s }")
            let fresh = try proxy.client()
            let used = try proxy.client()
            #expect(try used.get("/").status == 200)
            #expect(try used.receiveToEnd() == [])
            #expect(try fresh.receiveToEnd() == [])
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_idle_timeout"] == 2)
        }
    }

    @Test func aSilentStreamIsGivenUp() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "stream_idle_timeout: 0.3s")
            let waiting = try proxy.client()
            let response = try waiting.get("/hang")
            #expect(response.status == 504)
            #expect(response.text == "stream timeout")
            let stuck = try proxy.client()
            try stuck.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\n")
            // The upstream's 200 begins before the body has come, so that the response can only be cut off.
            _ = try stuck.receiveToEnd()
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_idle_timeout"] == 2)
        }
    }

    @Test func aHeadThatNeverEndsIsGivenUp() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "request_headers_timeout: 0.3s")
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost:")
            let response = try client.response()
            #expect(response.status == 408)
            #expect(response.text == "request header timeout")
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test func aBodyThatNeverEndsIsGivenUp() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "request_timeout: 0.3s")
            let client = try proxy.client()
            let started = cl_monotonic_ns()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nab")
            let response = try client.response()
            #expect(response.status == 408)
            #expect(response.text == "request timeout")
            #expect(try client.receiveToEnd() == [])
            // Long before the timer wheel comes round by itself, after 17 s.
            #expect(cl_monotonic_ns() - started < 10_000_000_000)
        }
    }

    @Test func aResponseThatHasBegunMayTakeItsTime() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.manager = ["request_timeout: 0.3s"]
            let client = try bed.proxy(configuration).client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nab")
            let served = try upstream.accept()
            _ = try served.receive(through: "ab")
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nno")
            _ = try client.receive(through: "no")
            usleep(700_000)
            try served.send("pe")
            #expect(try client.receiveToEnd() == Array("pe".utf8))
        }
    }
}
