import Testing

/// The limits of a cluster.
@Suite struct CircuitBreakerTests {
    @Test func noMoreRequestsThanAllowed() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ max_requests: 1 }] }"]
            let proxy = try bed.proxy(configuration, ["--concurrency", "2"])
            let waiting = try proxy.client()
            try waiting.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntil("the first request is with the upstream") {
                try bed.statdump()["cluster.service.upstream_rq_active"] == 1
            }
            let other = try proxy.client()
            let refused = try other.get("/")
            #expect(refused.status == 503)
            #expect(
                refused.text.hasPrefix(
                    "upstream connect error or disconnect/reset before headers. reset reason: overflow"))
            #expect(try bed.statdump()["cluster.service.upstream_rq_pending_overflow"] == 1)
            // The place is free again when the request is gone, however it went.
            waiting.close()
            try waitUntil("the place is free") { try proxy.client().get("/").status == 200 }
            // Each time: a client may have its response just before its place is given back.
            for _ in 0..<10 {
                try waitUntil("the place is free again") { try proxy.client().get("/").status == 200 }
            }
        }
    }
}
