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
            #expect(try bed.statdump()["cluster.service.upstream_rq_active_overflow"] == 1)
            // The place is free again when the request is gone, however it went.
            waiting.close()
            try waitUntil("the place is free") { try proxy.client().get("/").status == 200 }
            // Each time: a client may have its response just before its place is given back.
            for _ in 0..<10 {
                try waitUntil("the place is free again") { try proxy.client().get("/").status == 200 }
            }
        }
    }

    /// So many requests have a host, or wait for a connection to it.
    private func waitFor(_ bed: Bed, requests count: Int) throws {
        try waitUntil("\(count) requests are there") {
            let stats = try bed.statdump()
            let waiting = stats["cluster.service.upstream_rq_pending_active"] ?? 0
            return waiting + (stats["cluster.service.upstream_rq_active"] ?? 0) == UInt64(count)
        }
    }

    /// Who waits for the only connection gets another when that ends with its answer.
    @Test func theNextConnectionIsMadeForThoseThatWait() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ max_connections: 1 }] }"]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let clients = try (0..<3).map { _ in try proxy.client() }
            for (i, client) in clients.enumerated() {
                try client.send("GET /\(i) HTTP/1.1\r\nhost: test\r\n\r\n")
                try waitFor(bed, requests: i + 1)
            }
            for (i, client) in clients.enumerated() {
                let served = try upstream.accept()
                #expect(try served.request().target == "/\(i)")
                try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                #expect(try client.response().text == "ok")
            }
        }
    }

    /// The connections of two hosts end at once, and both have who waits.
    @Test func soItIsForEachHost() throws {
        try withBed { bed in
            let hosts = [try Listener(), try Listener()]
            var configuration = Configuration(1)
            configuration.upstreams = hosts.map(\.port)
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ max_connections: 2 }] }"]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let clients = try (0..<4).map { _ in try proxy.client() }
            for (i, client) in clients.enumerated() {
                try client.send("GET /\(i) HTTP/1.1\r\nhost: test\r\n\r\n")
                try waitFor(bed, requests: i + 1)
            }
            for _ in 0..<2 {
                let served = try hosts.map { try $0.accept() }
                for one in served { _ = try one.request() }
                for one in served {
                    try one.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                }
            }
            for client in clients { #expect(try client.response().text == "ok") }
        }
    }

    /// The first takes the only place, and the next one is told so.
    private func expectRefused(_ lines: String, counted: String, waiting: Int = 1) throws {
        try withBed { bed in
            let path = bed.path("access")
            var configuration = Configuration(try bed.upstream().port)
            configuration.clusterLines = ["circuit_breakers: { thresholds: [{ \(lines) }] }"]
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            configuration.manager = [
                "access_log: [{ name: file, typed_config: { \"@type\": \(type), path: \(path), log_format: "
                    + "{ text_format_source: { inline_string: \"%RESPONSE_CODE% %RESPONSE_FLAGS%\\n\" } } } }]"
            ]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let first = try (0..<waiting).map { _ in try proxy.client() }
            for (i, client) in first.enumerated() {
                try client.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
                try waitFor(bed, requests: i + 1)
            }
            let refused = try proxy.client().get("/")
            #expect(refused.status == 503)
            #expect(refused["x-envoy-overloaded"] == "true")
            #expect(try bed.statdump()["cluster.service.\(counted)"] == 1)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect((Files.read(path) ?? "").split(separator: "\n").contains("503 UO"))
        }
    }

    /// Requests of priority HIGH have limits and connections of their own, also in a process that takes over.
    @Test func prioritiesHaveTheirOwn() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.clusterLines = [
                "circuit_breakers: { thresholds: [{ max_connections: 1, max_requests: 1, track_remaining: true }, "
                    + "{ priority: HIGH, max_connections: 2, max_requests: 2, track_remaining: true }] }"
            ]
            configuration.routes = [
                "{ match: { prefix: /high }, route: { cluster: service, priority: HIGH, prefix_rewrite: /hang } }",
                "{ match: { prefix: / }, route: { cluster: service } }",
            ]
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(configuration, flags, concurrency: 2)
            func ask(_ proxy: Proxy, _ path: String) throws -> Client {
                let client = try proxy.client()
                try client.send("GET \(path) HTTP/1.1\r\nhost: test\r\n\r\n")
                return client
            }
            func wait(_ proxy: Proxy, _ stats: [String: UInt64]) throws {
                try waitUntil("\(stats)") {
                    let shown = try proxy.stats("circuit_breakers")
                    return stats.allSatisfy { shown["cluster.service.circuit_breakers.\($0.key)"] == $0.value }
                }
            }
            try wait(parent, ["high.remaining_cx": 2, "high.remaining_rq": 2, "default.cx_open": 0])
            let first = try ask(parent, "/hang")
            try wait(parent, ["default.cx_open": 1, "default.rq_open": 1, "high.cx_open": 0, "high.remaining_cx": 2])
            #expect(try parent.client().get("/").status == 503)
            let second = try ask(parent, "/high")
            try wait(parent, ["high.cx_open": 0, "high.remaining_cx": 1, "high.remaining_rq": 1, "high.rq_open": 0])
            let third = try ask(parent, "/high")
            try wait(parent, ["high.cx_open": 1, "high.remaining_cx": 0, "high.remaining_rq": 0, "high.rq_open": 1])
            #expect(try parent.client().get("/high").status == 503)
            let child = try bed.proxy(configuration, flags, concurrency: 2)
            try wait(child, ["high.cx_open": 1, "high.remaining_rq": 0, "default.cx_open": 1, "default.rq_open": 1])
            #expect(try child.client().get("/high").status == 503 && child.client().get("/").status == 503)
            third.close()
            try wait(child, ["high.cx_open": 0, "high.remaining_rq": 1, "default.cx_open": 1])
            first.close()
            try wait(child, ["default.cx_open": 0, "default.rq_open": 0])
            #expect(try child.client().get("/").status == 200)
            second.close()
            try wait(child, ["high.remaining_cx": 2, "high.remaining_rq": 2, "high.rq_open": 0])
        }
    }

    /// One has the connection, one waits for it.
    @Test func noMoreWaitingRequestsThanAllowed() throws {
        try expectRefused(
            "max_connections: 1, max_pending_requests: 1", counted: "upstream_rq_pending_overflow", waiting: 2)
    }
}
