import Testing

/// `retry_policy`, as Envoy's router follows it.
@Suite struct RetryTests {
    private static func configuration(_ upstreams: [UInt16], _ policy: String, _ route: String = "") -> Configuration {
        var configuration = Configuration()
        configuration.upstreams = upstreams
        configuration.routes = [
            "{ match: { prefix: / }, route: { cluster: service\(route), retry_policy: { "
                + "retry_back_off: { base_interval: 0.001s }, \(policy) } } }"
        ]
        return configuration
    }

    private static func answer(_ status: Int, _ text: String = "", _ fields: String = "") -> String {
        "HTTP/1.1 \(status) X\r\ncontent-length: \(text.utf8.count)\r\n\(fields)\r\n\(text)"
    }

    @Test func aBadAnswerIsAskedForAgain() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration([upstream.port], "retry_on: gateway-error, num_retries: 3"))
            let client = try proxy.client()
            try client.send("GET /a HTTP/1.1\r\nhost: test\r\nx-request-id: same\r\n\r\n")
            let served = try upstream.accept()
            let first = try served.request()
            try served.send(Self.answer(503, "no"))
            // Its body was not waited for: the connection is given up, as Envoy does.
            #expect(try served.receiveToEnd() == [])
            let again = try upstream.accept()
            let second = try again.request()
            #expect(first.target == second.target && first.fields.map(\.name) == second.fields.map(\.name))
            #expect(second["x-request-id"] == "same")
            try again.send(Self.answer(502))
            // Nothing is left of an answer without a body: its connection is used again.
            _ = try again.request()
            try again.send(Self.answer(200, "ok"))
            let response = try client.response()
            #expect(response.status == 200 && response.text == "ok")
            let stats = try bed.statdump()
            let expected: [String: UInt64] = [
                "upstream_rq_retry": 2, "upstream_rq_retry_backoff_exponential": 2, "upstream_rq_retry_success": 1,
                "upstream_rq_total": 3, "upstream_rq_200": 1, "upstream_rq_completed": 1, "upstream_cx_total": 2,
                "upstream_rq_active": 0,
            ]
            for (name, value) in expected { #expect(stats["cluster.service.\(name)"] == value, "\(name)") }
            #expect(stats["cluster.service.upstream_rq_5xx"] == 0)
            #expect(stats["http.ingress_http.downstream_rq_5xx"] == 0)
            try waitUntil("the answers thrown away are counted") {
                let stats = try bed.statdump()
                return stats["cluster.service.retry.upstream_rq_completed"] == 2
                    && stats["cluster.service.retry.upstream_rq_5xx"] == 2
                    && stats["cluster.service.retry.upstream_rq_503"] == 1
            }
        }
    }

    /// Condition, the host's answer, whether it is asked again.
    static let answers: [(on: String, answer: String, again: Bool)] = [
        ("5xx", answer(500), true), ("5xx", answer(599), true), ("5xx", answer(404), false), ("5xx", "", true),
        ("gateway-error", answer(500), false), ("gateway-error", answer(504), true),
        ("retriable-4xx", answer(409), true), ("retriable-4xx", answer(404), false), ("retriable-4xx", "", false),
        ("reset", answer(503), false), ("reset", "", true), ("reset-before-request", "", false),
        ("connect-failure", "", false), ("envoy-ratelimited", answer(429, "", "x-envoy-ratelimited: true\r\n"), true),
        ("envoy-ratelimited", answer(429), false), ("retriable-status-codes", answer(418), true),
        ("retriable-status-codes", answer(503), false), ("5xx", "not HTTP at all\r\n\r\n", true),
    ]

    /// An empty answer: the host ends the connection.
    @Test func conditions() throws {
        for (on, answer, again) in Self.answers {
            try withBed { bed in
                let upstream = try Listener()
                let policy = "retry_on: \(on), retriable_status_codes: [418, 599]"
                let proxy = try bed.proxy(Self.configuration([upstream.port], policy), concurrency: 1)
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
                let served = try upstream.accept()
                _ = try served.request()
                if answer.isEmpty { served.close() } else { try served.send(answer) }
                if again {
                    let second = answer.hasPrefix("HTTP") ? served : try upstream.accept()
                    _ = try second.request()
                    try second.send(Self.answer(200))
                }
                let status = try client.response().status
                #expect((status == 200) == again, "\(on): \(answer): \(status)")
                #expect(try bed.statdump()["cluster.service.upstream_rq_retry"] == (again ? 1 : 0), "\(on): \(answer)")
            }
        }
    }

    @Test func whatFailsEachTimeIsAnsweredInTheEnd() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration([upstream.port], "retry_on: 5xx, num_retries: 2"))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            for _ in 0..<3 {
                let served = try upstream.accept()
                _ = try served.request()
                served.close()
            }
            let response = try client.response()
            #expect(response.status == 503)
            #expect(
                response.text
                    == "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
                    + "connection termination")
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_retry_limit_exceeded"] == 1)
            #expect(stats["cluster.service.upstream_rq_retry"] == 2 && stats["cluster.service.upstream_rq_503"] == 1)
        }
    }

    /// One of two hosts cannot be reached; the second look finds the other.
    @Test func anotherHostIsTried() throws {
        try withBed { bed in
            let dead = try { try Listener().port }()
            let upstream = try bed.upstream()
            let policy =
                "retry_on: connect-failure, host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: p, "
                + "typed_config: { \"@type\": type.googleapis.com/"
                + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate } }]"
            let proxy = try bed.proxy(Self.configuration([dead, upstream.port], policy))
            for _ in 0..<20 { #expect(try proxy.client().get("/").status == 200) }
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_retry"] ?? 0 > 0)
            #expect(stats["cluster.service.upstream_rq_retry"] == stats["cluster.service.upstream_rq_retry_success"])
        }
    }

    /// A body comes again as it came, in each framing, also when a part of it came between the tries.
    @Test(arguments: [
        ("content-length: 11\r\n\r\nhello |world", "hello "),
        ("transfer-encoding: chunked\r\n\r\n6\r\nhello |\r\n5\r\nworld\r\n0\r\n\r\n", "hello \r\n"),
    ])
    func bodiesComeAgain(text: String, first part: String) throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Self.configuration([upstream.port], "retry_on: reset, num_retries: 5"))
            let client = try proxy.client()
            let parts = text.split(separator: "|", maxSplits: 1)
            try client.send("POST / HTTP/1.1\r\nhost: test\r\n\(parts[0])")
            let first = try upstream.accept()
            _ = try first.receive(through: part)
            first.close()
            try client.send(String(parts[1]))
            let second = try upstream.accept()
            #expect(try second.request().text == "hello world")
            second.close()
            let third = try upstream.accept()
            #expect(try third.request().text == "hello world")
            try third.send(Self.answer(200, "ok"))
            #expect(try client.response().text == "ok")
        }
    }

    /// More than `per_connection_buffer_limit_bytes` of the listener is not kept.
    @Test func aLargeBodyIsSentOnce() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.configuration([upstream.port], "retry_on: 5xx")
            configuration.listenerLines = ["per_connection_buffer_limit_bytes: 10000"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            let body = String(repeating: "x", count: 100_000)
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n\(body)")
            let served = try upstream.accept()
            #expect(try served.request().text == body)
            try served.send(Self.answer(503))
            #expect(try client.response().status == 503)
            let stats = try bed.statdump()
            #expect(stats["cluster.service.retry_or_shadow_abandoned"] == 1)
            #expect(stats["cluster.service.upstream_rq_retry"] == 0)
        }
    }

    /// The same when all of it has come before there was a connection for it.
    @Test func aLargeBodyThatWaitedIsSentOnce() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.configuration([upstream.port], "retry_on: 5xx")
            configuration.routes = configuration.routes.map { "\($0.dropLast(2)), request_body_buffer_limit: 10000 }" }
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ max_connections: 1 }] }"]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let first = try proxy.client()
            try first.send("GET /first HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            let client = try proxy.client()
            let body = String(repeating: "x", count: 50_000)
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 50000\r\n\r\n\(body)")
            try waitUntil("it has come") {
                try bed.statdump()["http.ingress_http.downstream_cx_rx_bytes_total"] ?? 0 > 50_000
            }
            try served.send(Self.answer(200, "ok"))
            #expect(try first.response().text == "ok")
            #expect(try served.request().text == body)
            try served.send(Self.answer(503))
            #expect(try client.response().status == 503)
            let stats = try bed.statdump()
            #expect(stats["cluster.service.retry_or_shadow_abandoned"] == 1)
            #expect(stats["cluster.service.upstream_rq_retry"] == 0)
        }
    }

    @Test func aTryHasItsOwnTimeout() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(
                Self.configuration([upstream.port], "retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s"))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let first = try upstream.accept()
            #expect(try first.request()["x-envoy-expected-rq-timeout-ms"] == "100")
            #expect(try first.receiveToEnd() == [])
            let second = try upstream.accept()
            _ = try second.request()
            let response = try client.response()
            #expect(response.status == 504 && response.text == "upstream request timeout")
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_rq_per_try_timeout"] == 2)
            #expect(stats["cluster.service.upstream_rq_timeout"] == 0)
            #expect(stats["cluster.service.upstream_rq_504"] == 1)
        }
    }

    /// The route's timeout ends a request also while it waits to be sent again.
    @Test func theRoutesTimeoutIsForAllTries() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.routes = [
                "{ match: { prefix: / }, route: { cluster: service, timeout: 0.3s, retry_policy: { retry_on: 5xx, "
                    + "num_retries: 1000000, retry_back_off: { base_interval: 1000s } } } }"
            ]
            configuration.clusterLines = ["outlier_detection: { consecutive_5xx: 2 }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            try served.send(Self.answer(503))
            #expect(try client.response().status == 504)
            let stats = try bed.statdump()
            #expect(
                stats["cluster.service.upstream_rq_retry"] == 1 && stats["cluster.service.upstream_rq_timeout"] == 1)
            // The host has failed once: it was not asked when the time was over.
            #expect(stats["cluster.service.outlier_detection.ejections_detected_consecutive_5xx"] == 0)
        }
    }

    /// `max_retries` of the cluster: what is over it gets the answer that came.
    @Test func retriesHaveALimitTogether() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.routes = [
                "{ match: { prefix: / }, route: { cluster: service, retry_policy: { retry_on: 5xx, "
                    + "retry_back_off: { base_interval: 1000s } } } }"
            ]
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ max_retries: 1 }] }"]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let waiting = try proxy.client()
            try waiting.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            _ = try served.request()
            try served.send(Self.answer(503))
            try waitUntil("it waits") { try bed.statdump()["cluster.service.upstream_rq_retry"] == 1 }
            let second = try proxy.client()
            try second.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            _ = try served.request()
            try served.send(Self.answer(503))
            #expect(try second.response().status == 503)
            #expect(try bed.statdump()["cluster.service.upstream_rq_retry_overflow"] == 1)
            // The place is given back when the client is gone.
            waiting.close()
            try waitUntil("it is gone") { try bed.statdump()["http.ingress_http.downstream_rq_active"] == 0 }
            try second.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            _ = try served.request()
            try served.send(Self.answer(503))
            try waitUntil("it waits, too") { try bed.statdump()["cluster.service.upstream_rq_retry"] == 2 }
        }
    }
}
