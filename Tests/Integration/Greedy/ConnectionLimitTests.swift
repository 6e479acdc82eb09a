import Testing

/// Limits of connections: of all listeners, and of one.
@Suite struct ConnectionLimitTests {
    private static let listener = "listener.127.0.0.1_0"

    @Test func noMoreConnectionsThanAllowedInAll() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.listeners.append(.init(name: "listener_1"))
            configuration.top = Configuration.overload(connections: 3)
            let proxy = try bed.proxy(configuration)
            let clients = [try proxy.client(), try proxy.client(), try Client(port: proxy.port(of: "listener_1"))]
            for client in clients { #expect(try client.get("/").status == 200) }
            #expect(try proxy.client().receiveToEnd() == [])
            #expect(try Client(port: proxy.port(of: "listener_1")).receiveToEnd() == [])
            let monitor = "overload.envoy.resource_monitors.global_downstream_max_connections"
            try waitUntil("the refused ones are counted") { try proxy.stats()["\(monitor).failed_updates"] == 2 }
            let stats = try proxy.stats()
            #expect(stats["\(Self.listener).downstream_global_cx_overflow"] == 2)
            #expect(stats["\(Self.listener).downstream_cx_total"] == 3)
            #expect(stats["\(monitor).pressure"] == 100)
            clients[1].close()
            try waitUntil("there is room again") {
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
                return try String(decoding: client.receiveToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 200")
            }
            #expect(try clients[0].get("/").status == 200)
        }
    }

    /// Many at once on two workers: never more than allowed.
    @Test func manyAtOnce() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.top = Configuration.overload(connections: 10)
            let proxy = try bed.proxy(configuration)
            let port = try proxy.port
            let clients = try (0..<60).map { _ in try Client(port: port) }
            let total = "\(Self.listener).downstream_cx_total"
            let refused = "\(Self.listener).downstream_global_cx_overflow"
            try waitUntil("all are decided on") {
                let stats = try proxy.stats("listener")
                return (stats[total] ?? 0) + (stats[refused] ?? 0) == 60
            }
            let accepted = try proxy.stats("listener")[total] ?? 0
            #expect(accepted <= 10 && accepted > 0)
            #expect(clients.filter { !$0.hasEnded() }.count == Int(accepted))
        }
    }

    /// What came over in a hot restart counts, and what was closed since does not.
    @Test func connectionsThatMovedCount() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.top = Configuration.overload(connections: 3)
            let flags = ["--hot-restart-file", bed.path("restart")]
            let first = try bed.proxy(configuration, flags)
            let clients = [try first.client(), try first.client()]
            for client in clients { #expect(try client.get("/").status == 200) }
            let second = try bed.proxy(configuration, flags)
            try waitUntil("both have moved") { try second.stats()["server.total_connections"] == 2 }
            let third = try second.client()
            #expect(try third.get("/").status == 200)
            #expect(try second.client().receiveToEnd() == [])
            for client in clients { #expect(try client.get("/").status == 200) }
            clients[0].close()
            try waitUntil("it is gone") { try second.stats()["server.total_connections"] == 2 }
            #expect(try second.client().get("/").status == 200)
            #expect(first.process.isRunning)
        }
    }

    /// By the runtime keys that Envoy has, which can change.
    @Test(arguments: [
        ("envoy.resource_limits.listener.listener_0.connection_limit", "downstream_cx_overflow"),
        ("overload.global_downstream_max_connections", "downstream_global_cx_overflow"),
    ])
    func theRuntimeLimits(key: String, stat: String) throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.top = [
                "layered_runtime: { layers: [{ name: s, static_layer: { \(key): 1 } }, { name: a, admin_layer: {} }] }"
            ]
            let proxy = try bed.proxy(configuration)
            let first = try proxy.client()
            #expect(try first.get("/").status == 200)
            #expect(try proxy.client().receiveToEnd() == [])
            #expect(try proxy.stats()["\(Self.listener).\(stat)"] == 1)
            #expect(try proxy.admin("/runtime_modify?\(key)=2", method: "POST").status == 200)
            let second = try proxy.client()
            #expect(try second.get("/").status == 200)
            #expect(try proxy.client().receiveToEnd() == [])
            #expect(try proxy.stats()["\(Self.listener).\(stat)"] == 2)
            #expect(try proxy.stats()["\(Self.listener).downstream_cx_total"] == 2)
        }
    }
}
