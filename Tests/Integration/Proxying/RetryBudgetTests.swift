import Testing

/// `retry_budget` of a cluster.
@Suite struct RetryBudgetTests {
    private struct Scene {
        let bed: Bed
        let upstream: Listener
        let configuration: Configuration
        let flags: [String]

        /// - Parameter thresholds: of the cluster's circuit breakers.
        init(_ bed: Bed, _ thresholds: String) throws {
            self.bed = bed
            upstream = try Listener()
            var configuration = Configuration(upstream.port)
            // What waits to be sent again waits until the test is over.
            configuration.routes = [
                "{ match: { prefix: / }, route: { cluster: service, timeout: 0s, retry_policy: { retry_on: 5xx, "
                    + "retry_back_off: { base_interval: 1000000s } } } }"
            ]
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ \(thresholds) }] }"]
            self.configuration = configuration
            flags = ["--hot-restart-file", bed.path("restart.sock")]
        }

        func proxy() throws -> Proxy { try bed.proxy(configuration, flags, concurrency: 2) }

        /// A request that the host has, and does not answer.
        func ask(_ client: Client) throws -> Client {
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            return served
        }

        /// A request that fails at the host.
        func fail(_ client: Client) throws {
            let served = try ask(client)
            try served.send("HTTP/1.1 503 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            served.close()
        }

        func waitForRetries(_ count: UInt64) throws {
            try waitUntil("\(count) requests wait to be sent again") {
                try bed.statdump()["cluster.service.upstream_rq_retry"] == count
            }
        }

        func overflows() throws -> UInt64? { try bed.statdump()["cluster.service.upstream_rq_retry_overflow"] }
    }

    /// The requests of all workers count together, and so do the retries; a hot restart changes nothing.
    @Test func aShareOfTheRequestsIsSentAgain() throws {
        try withBed { bed in
            let scene = try Scene(
                bed, "max_retries: 100, retry_budget: { budget_percent: { value: 40 }, min_retry_concurrency: 0 }")
            let parent = try scene.proxy()
            let active = try (0..<4).map { _ in try parent.client() }
            let served = try active.map(scene.ask)
            var waiting: [Client] = []
            // With the four and itself there are five: two of them may be retries.
            for count in 1...2 {
                waiting.append(try parent.client())
                try scene.fail(waiting[count - 1])
                try scene.waitForRetries(UInt64(count))
            }
            let late = try parent.client()
            try scene.fail(late)
            #expect(try late.response().status == 503)
            #expect(try scene.overflows() == 1)

            let child = try scene.proxy()
            try scene.fail(late)
            #expect(try late.response().status == 503, "those that wait still count")
            #expect(try scene.overflows() == 2)
            waiting[0].close()
            try waitUntil("its place is free") {
                try bed.statdump()["http.ingress_http.downstream_rq_active"] == 5
            }
            let next = try child.client()
            try scene.fail(next)
            try scene.waitForRetries(3)
            // With fewer requests fewer are sent again.
            for (client, upstream) in zip(active, served) {
                try upstream.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
                upstream.close()
                #expect(try client.response().text == "ok")
            }
            waiting[1].close()
            try waitUntil("one is left") { try bed.statdump()["http.ingress_http.downstream_rq_active"] == 1 }
            try scene.fail(late)
            #expect(try late.response().status == 503)
            #expect(try scene.overflows() == 3)
            #expect(next.hasEnded() == false)
        }
    }

    /// `min_retry_concurrency` always may be sent again, and counts instead of `max_retries`.
    @Test func someAlwaysAreSentAgain() throws {
        try withBed { bed in
            let scene = try Scene(bed, "max_retries: 0, retry_budget: { min_retry_concurrency: 2 }")
            let proxy = try scene.proxy()
            let clients = try (0..<3).map { _ in try proxy.client() }
            for (i, client) in clients.prefix(2).enumerated() {
                try scene.fail(client)
                try scene.waitForRetries(UInt64(i + 1))
            }
            try scene.fail(clients[2])
            #expect(try clients[2].response().status == 503)
            #expect(try scene.overflows() == 1)
        }
    }

    /// A runtime key alone turns a budget on, and a hot restart takes it along.
    @Test func theRuntimeTurnsItOn() throws {
        try withBed { bed in
            let scene = try Scene(bed, "max_retries: 0")
            let parent = try scene.proxy()
            let client = try parent.client()
            try scene.fail(client)
            #expect(try client.response().status == 503)
            let key = "circuit_breakers.service.default.retry_budget.min_retry_concurrency"
            #expect(try parent.admin("/runtime_modify?\(key)=1", method: "POST").text == "OK\n")
            let child = try scene.proxy()
            try scene.fail(client)
            try scene.waitForRetries(1)
            let other = try child.client()
            try scene.fail(other)
            #expect(try other.response().status == 503)
            #expect(try scene.overflows() == 2)
        }
    }
}
