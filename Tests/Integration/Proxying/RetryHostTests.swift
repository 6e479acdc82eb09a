import Testing

/// Requests that are sent again when and where their hosts, or their clients, have said.
@Suite struct RetryHostTests {
    private static func configuration(_ upstreams: [UInt16], _ policy: String) -> Configuration {
        var configuration = Configuration()
        configuration.upstreams = upstreams
        configuration.routes = [
            "{ match: { prefix: / }, route: { cluster: service, timeout: 60s, retry_policy: { "
                + "retry_back_off: { base_interval: 0.001s, max_interval: 0.001s }, \(policy) } } }"
        ]
        return configuration
    }

    /// The host's time is waited for, in the next process too.
    @Test func theHostSaysWhen() throws {
        for restarts in [false, true] {
            try withBed { bed in
                let upstream = try Listener()
                let flags = ["--hot-restart-file", bed.path("restart.sock")]
                let policy = "retry_on: 5xx, rate_limited_retry_back_off: { reset_headers: [{ name: Retry-After }] }"
                let configuration = Self.configuration([upstream.port], policy)
                let proxy = try bed.proxy(configuration, flags, concurrency: 1)
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
                let first = try upstream.accept()
                _ = try first.request()
                try first.send("HTTP/1.1 503 X\r\ncontent-length: 0\r\nconnection: close\r\nretry-after: 1\r\n\r\n")
                let start = ContinuousClock.now
                try waitUntil("it waits") {
                    try bed.statdump()["cluster.service.upstream_rq_retry_backoff_ratelimited"] == 1
                }
                if restarts { _ = try bed.proxy(configuration, flags, concurrency: 1) }
                let again = try upstream.accept()
                _ = try again.request()
                // What the test took to look counts for it.
                #expect(ContinuousClock.now - start > .milliseconds(900))
                try again.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                #expect(try client.response().text == "ok")
                let stats = try bed.statdump()
                #expect(stats["cluster.service.upstream_rq_retry"] == 1)
                #expect(stats["cluster.service.upstream_rq_retry_backoff_exponential"] == 0)
            }
        }
    }

    /// What a client has named is known to the process that gets the answer.
    @Test func namesOutliveARestart() throws {
        try withBed { bed in
            let upstream = try Listener()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var configuration = Self.configuration([upstream.port], "retry_on: connect-failure")
            configuration.manager = [
                "use_remote_address: true",
                "internal_address_config: { cidr_ranges: [{ address_prefix: 127.0.0.1, prefix_len: 32 }] }",
            ]
            let proxy = try bed.proxy(configuration, flags, concurrency: 1)
            let client = try proxy.client()
            try client.send(
                "GET / HTTP/1.1\r\nhost: test\r\nx-envoy-retry-on: retriable-headers\r\n"
                    + "x-envoy-retriable-header-names: x-no, X-Again\r\n\r\n")
            let first = try upstream.accept()
            let request = try first.request()
            #expect(!request.fields.contains { $0.name.lowercased().hasPrefix("x-envoy-ret") })
            _ = try bed.proxy(configuration, flags, concurrency: 1)
            try first.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-again: \r\n\r\n")
            _ = try first.request()
            try first.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            #expect(try client.response().text == "ok")
        }
    }

    /// Priorities that were tried stay so.
    @Test func prioritiesOutliveARestart() throws {
        try withBed { bed in
            let type =
                "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
            let policy =
                "retry_on: 5xx, num_retries: 2, retry_priority: { name: p, typed_config: { \"@type\": \(type), "
                + "update_frequency: 1 } }"
            let upstreams = try (0..<3).map { _ in try Listener() }
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var configuration = Self.configuration([upstreams[0].port], policy)
            configuration.routes = [
                "{ match: { prefix: / }, route: { cluster: many, timeout: 60s, retry_policy: { "
                    + "retry_back_off: { base_interval: 0.001s, max_interval: 0.001s }, \(policy) } } }"
            ]
            let groups = upstreams.enumerated().map { priority, upstream in
                "{ priority: \(priority), lb_endpoints: [{ endpoint: { address: { socket_address: "
                    + "{ address: 127.0.0.1, port_value: \(upstream.port) } } } }] }"
            }
            configuration.moreClusters = [
                "{ name: many, connect_timeout: 5s, load_assignment: { cluster_name: many, endpoints: "
                    + "[\(groups.joined(separator: ", "))] } }"
            ]
            let proxy = try bed.proxy(configuration, flags, concurrency: 1)
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            for (position, upstream) in upstreams.enumerated() {
                let served = try upstream.accept()
                _ = try served.request()
                if position == 1 { _ = try bed.proxy(configuration, flags, concurrency: 1) }
                try served.send("HTTP/1.1 503 X\r\ncontent-length: 1\r\nconnection: close\r\n\r\n\(position)")
            }
            let response = try client.response()
            #expect(response.status == 503 && response.text == "2")
        }
    }
}
