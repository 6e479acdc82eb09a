import Testing

/// `local_ratelimit` of filter chains.
@Suite struct ConnectionRateTests {
    private typealias Scene = FilterChainScene

    private static func configuration(_ chains: [String]...) -> Configuration {
        var configuration = Scene.configuration(1)
        configuration.moreChains = chains.enumerated().map { position, filters in
            "{ filter_chain_match: { \(Scene.to("127.0.0.\(position + 2)")) }, "
                + "filters: [\(filters.joined(separator: ", "))] }"
        }
        return configuration
    }

    private static func client(_ proxy: Proxy, _ number: Int = 2) throws -> Client {
        try Client(port: proxy.port, address: "127.0.0.\(number)")
    }

    private static func isTaken(_ proxy: Proxy, _ number: Int = 2) throws -> Bool {
        let client = try client(proxy, number)
        client.endSending()
        return try client.receiveToEnd() == Array("in".utf8)
    }

    @Test func whoFindsNoTokenIsClosed() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Self.configuration([Scene.rate("few", 2), Scene.response("in")]))
            let taken = try (0..<4).map { _ in try Self.isTaken(proxy) }
            #expect(taken == [true, true, false, false])
            let stats = try proxy.stats()
            #expect(stats["local_rate_limit.few.rate_limited"] == 2)
            #expect(stats["listener.0.0.0.0_0.downstream_cx_total"] == 4)
            try waitUntil("all have ended") { try proxy.stats()["listener.0.0.0.0_0.downstream_cx_active"] == 0 }
        }
    }

    /// Equal buckets with one key are one; others are not.
    @Test func bucketsMayBeShared() throws {
        try withBed { bed in
            let proxy = try bed.proxy(
                Self.configuration(
                    [Scene.rate("a", 2, ", share_key: k"), Scene.response("in")],
                    [Scene.rate("b", 2, ", share_key: k"), Scene.response("in")],
                    [Scene.rate("c", 3, ", share_key: k"), Scene.response("in")],
                    [Scene.rate("d", 2), Scene.response("in")]))
            let taken = try [2, 3, 2, 3, 4, 4, 4, 4, 5].map { try Self.isTaken(proxy, $0) }
            #expect(taken == [true, true, false, false, true, true, true, false, true])
        }
    }

    @Test func theRuntimeSwitchesIt() throws {
        try withBed { bed in
            let flag = ", runtime_enabled: { default_value: false, runtime_key: limits }"
            let proxy = try bed.proxy(Self.configuration([Scene.rate("few", 1, flag), Scene.response("in")]))
            for _ in 0..<3 { #expect(try Self.isTaken(proxy)) }
            #expect(try proxy.admin("/runtime_modify?limits=true", method: "POST").status == 200)
            #expect(try (0..<2).map { _ in try Self.isTaken(proxy) } == [true, false])
        }
    }

    /// Who is refused by the first is not asked by the second, and `connection_limit` counts right in either place.
    @Test func besidesALimitOfConnections() throws {
        try withBed { bed in
            let proxy = try bed.proxy(
                Self.configuration(
                    [Scene.limit("first", 1), Scene.rate("second", 1), Scene.echo],
                    [Scene.rate("before", 1), Scene.limit("behind", 1), Scene.echo]))
            let clients = try [2, 3].map { try Self.client(proxy, $0) }
            for client in clients {
                try client.send("in")
                #expect(try client.receive(count: 2) == Array("in".utf8))
            }
            for number in [2, 3] { #expect(try Self.client(proxy, number).receiveToEnd() == []) }
            clients[0].close()
            try waitUntil("it has ended") { try proxy.stats()["connection_limit.first.active_connections"] == 0 }
            #expect(try Self.client(proxy, 2).receiveToEnd() == [])
            clients[1].close()
            try waitUntil("it has ended") { try proxy.stats()["connection_limit.behind.active_connections"] == 0 }
            let stats = try proxy.stats()
            #expect(stats["connection_limit.first.limited_connections"] == 1)
            #expect(stats["local_rate_limit.second.rate_limited"] == 1)
            #expect(stats["local_rate_limit.before.rate_limited"] == 1)
            #expect(stats["connection_limit.behind.limited_connections"] == 0)
        }
    }

    @Test func tokensComeAlongInAHotRestart() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let chains = Self.configuration(
                [Scene.rate("few", 3), Scene.response("in")],
                [Scene.rate("shared", 3, ", share_key: k"), Scene.response("in")])
            let first = try bed.proxy(chains, flags, concurrency: 2)
            for _ in 0..<2 { #expect(try Self.isTaken(first)) }
            #expect(try Self.isTaken(first, 3))
            let second = try bed.proxy(chains, flags, concurrency: 1)
            #expect(try (0..<2).map { _ in try Self.isTaken(second) } == [true, false])
            #expect(try (0..<3).map { _ in try Self.isTaken(second, 3) } == [true, true, false])
            #expect(try bed.statdump()["local_rate_limit.few.rate_limited"] == 1)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try second.process.terminate() == .exit(0))
        }
    }
}
