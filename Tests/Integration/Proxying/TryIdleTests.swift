import Glibc
import Testing

/// `per_try_idle_timeout`: the host says nothing for too long.
@Suite struct TryIdleTests {
    private static func configuration(_ upstream: UInt16, _ policy: String) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.routes = [
            "{ match: { prefix: / }, route: { cluster: service, timeout: 0s, retry_policy: { "
                + "retry_back_off: { base_interval: 0.001s }, \(policy) } } }"
        ]
        return configuration
    }

    private static let request = "GET / HTTP/1.1\r\nhost: test\r\n\r\n"

    @Test func aSilentHostIsAskedAgain() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration(upstream.port, "retry_on: 5xx, per_try_idle_timeout: 0.1s"))
            let client = try proxy.client()
            try client.send(Self.request)
            for _ in 0..<2 {
                let served = try upstream.accept()
                #expect(try served.request()["x-envoy-expected-rq-timeout-ms"] == nil)
                #expect(try served.receiveToEnd() == [])
            }
            let response = try client.response()
            #expect(response.status == 504 && response.text == "upstream request timeout")
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_per_try_idle_timeout"] == 2)
            #expect(stats["cluster.service.upstream_rq_per_try_timeout"] == 0)
            #expect(stats["cluster.service.upstream_rq_retry"] == 1)
        }
    }

    /// Also without `retry_on`, and with a body that is too large to be kept; not while the request is on its way.
    @Test func aResponseMayNotStop() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.configuration(upstream.port, "per_try_idle_timeout: 1s")
            configuration.clusterLines = ["per_connection_buffer_limit_bytes: 1000"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            let body = String(repeating: "x", count: 50_000)
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 50001\r\n\r\n\(body)")
            let served = try upstream.accept()
            _ = try served.receive(through: body)
            // Longer than the limit: that nothing happens is not to be seen otherwise.
            usleep(1_200_000)
            try client.send("y")
            _ = try served.receive(count: 1)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n01")
            #expect(try served.receiveToEnd() == [])
            try client.skipHead()
            #expect(try client.receiveToEnd() == Array("01".utf8))
            #expect(try bed.statdump()["cluster.service.upstream_rq_per_try_idle_timeout"] == 1)
        }
    }

    /// The limit comes along, though the new configuration has none.
    @Test func itIsInForceAfterARestart() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(
                Self.configuration(upstream.port, "retry_on: 5xx, num_retries: 1, per_try_idle_timeout: 3s"), flags)
            let client = try parent.client()
            try client.send(Self.request)
            let served = try upstream.accept()
            _ = try served.request()
            let child = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try parent.process.terminate() == .exit(0))
            #expect(try served.receiveToEnd() == [])
            let again = try upstream.accept()
            _ = try again.request()
            try again.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            #expect(try client.response().text == "ok")
            #expect(try bed.statdump()["cluster.service.upstream_rq_per_try_idle_timeout"] == 1)
            #expect(child.process.isRunning)
        }
    }
}
