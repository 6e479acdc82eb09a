import Testing

/// `preconnect_policy`: connections that are made before anybody needs them. The counts are those of the real Envoy.
@Suite struct PreconnectTests {
    private static func configuration(_ ports: [UInt16], _ policy: String, tcp: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.upstreams = ports
        configuration.clusterLines = ["preconnect_policy: { \(policy) }"]
        if tcp { configuration.tcp = [] }
        return configuration
    }

    private static func total(_ bed: Bed) throws -> [UInt64] {
        let stats = try bed.statdump()
        return ["upstream_cx_total", "upstream_cx_active", "upstream_cx_overflow"].map {
            stats["cluster.service.\($0)"] ?? 0
        }
    }

    private func waitFor(_ bed: Bed, _ expected: [UInt64]) throws {
        try waitUntil("there are \(expected) connections") { try Self.total(bed) == expected }
    }

    /// Requests that last, each on a connection of its own.
    @Test func aHostHasMoreConnectionsThanRequests() throws {
        for (ratio, expected) in [("1.5", [2, 3, 5, 6]), ("3.0", [3, 6, 9, 12])] as [(String, [UInt64])] {
            try withBed { bed in
                let upstream = try bed.upstream()
                let policy = "per_upstream_preconnect_ratio: \(ratio)"
                let proxy = try bed.proxy(Self.configuration([upstream.port], policy), concurrency: 1)
                var waiting: [Client] = []
                for count in expected {
                    waiting.append(try proxy.client())
                    try waiting[waiting.count - 1].send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
                    try waitFor(bed, [count, count, 0])
                }
                // Those that rest are used.
                #expect(try proxy.client().get("/").status == 200)
            }
        }
    }

    @Test func noMoreThanTheLimit() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Self.configuration([upstream.port], "per_upstream_preconnect_ratio: 3.0")
            configuration.clusterLines.append("circuit_breakers: { thresholds: [{ max_connections: 2 }] }")
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let client = try proxy.client()
            #expect(try client.get("/").status == 200)
            try waitFor(bed, [2, 2, 1])
            #expect(try client.get("/").status == 200)
            try waitFor(bed, [2, 2, 2])
        }
    }

    @Test func hostsWhoseTurnIsNextAreConnected() throws {
        try withBed { bed in
            let upstreams = try (0..<3).map { try bed.upstream("h\($0)") }
            let policy = "predictive_preconnect_ratio: 2.0"
            let proxy = try bed.proxy(Self.configuration(upstreams.map(\.port), policy), concurrency: 1)
            let client = try proxy.client()
            var seen: Set<String> = []
            for _ in 0..<3 { seen.insert(try client.get("/").text) }
            // Each has had one request, and the connection for it was there.
            #expect(seen.count == 3)
            try waitFor(bed, [3, 3, 0])
            var waiting: [Client] = []
            for count in [3, 4, 6, 8] as [UInt64] {
                waiting.append(try proxy.client())
                try waiting[waiting.count - 1].send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
                try waitFor(bed, [count, count, 0])
            }
        }
    }

    @Test func clientsOfTCPHaveThemToo() throws {
        try withBed { bed in
            let upstream = try Listener()
            let policy = "per_upstream_preconnect_ratio: 2.0"
            let proxy = try bed.proxy(Self.configuration([upstream.port], policy, tcp: true), concurrency: 1)
            let first = try proxy.client()
            let served = try (0..<2).map { _ in try upstream.accept() }
            try waitFor(bed, [2, 2, 0])
            // What a host says first is for its client, whenever that comes.
            for connection in served { try connection.send("greeting") }
            #expect(try first.receive(count: 8) == Array("greeting".utf8))
            let second = try proxy.client()
            #expect(try second.receive(count: 8) == Array("greeting".utf8))
            try waitFor(bed, [4, 4, 0])
            #expect(try bed.statdump()["cluster.service.upstream_rq_active"] == 2)
            for end in [first, second] + served { end.close() }
            try waitFor(bed, [4, 2, 0])
            // A host that takes one away takes nothing from anybody.
            let spare = try (0..<2).map { _ in try upstream.accept() }
            spare[0].close()
            try waitFor(bed, [4, 1, 0])
            let third = try proxy.client()
            try spare[1].send("greeting")
            #expect(try third.receive(count: 8) == Array("greeting".utf8))
            #expect(try bed.statdump()["cluster.service.upstream_rq_total"] == 3)
        }
    }

    /// Those for HTTP move at rest; those for TCP stay, and the new process makes its own.
    @Test func theyOutliveARestart() throws {
        for isTCP in [false, true] {
            try withBed { bed in
                let upstream = try bed.upstream()
                let flags = ["--hot-restart-file", bed.path("restart.sock")]
                let policy = "per_upstream_preconnect_ratio: 2.0"
                let configuration = Self.configuration([upstream.port], policy, tcp: isTCP)
                let first = try bed.proxy(configuration, flags, concurrency: 1)
                let client = try first.client()
                #expect(try client.get("/").status == 200)
                try waitFor(bed, [2, 2, 0])
                let second = try bed.proxy(configuration, flags, concurrency: 1)
                #expect(try client.get("/").status == 200)
                let other = try second.client()
                #expect(try other.get("/").status == 200)
                try waitUntil("the gauges are right") {
                    let stats = try bed.statdump()
                    // For TCP: two clients and as many connections ahead.
                    return stats["cluster.service.upstream_cx_active"] == (isTCP ? 4 : 2)
                        && stats["cluster.service.upstream_rq_active"] == (isTCP ? 2 : 0)
                }
            }
        }
    }
}
