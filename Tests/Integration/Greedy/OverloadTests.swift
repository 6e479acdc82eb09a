import Glibc
import Testing

/// The overload manager's actions, as Envoy 1.40 takes them.
@Suite struct OverloadTests {
    private static let always = "threshold: { value: 0.5 }"

    private func proxy(
        _ bed: Bed, _ upstream: Upstream, _ action: String, _ trigger: String = always, heap: UInt64 = 1,
        _ flags: [String] = []
    ) throws -> Proxy {
        var configuration = Configuration(upstream.port)
        configuration.top = Configuration.overload(heap: heap, [(action, trigger)])
        return try bed.proxy(configuration, flags)
    }

    private func expectInForce(_ proxy: Proxy, _ action: String) throws {
        let stats = try proxy.stats("overload")
        #expect(stats["overload.envoy.overload_actions.\(action).active"] == 1)
        #expect(stats["overload.envoy.overload_actions.\(action).scale_percent"] == 100)
        #expect(stats["overload.envoy.resource_monitors.fixed_heap.pressure"] ?? 0 > 100)
        #expect(stats["overload.envoy.resource_monitors.fixed_heap.failed_updates"] == 0)
        #expect(stats["overload.envoy.resource_monitors.fixed_heap.skipped_updates"] == 0)
    }

    @Test func requestsAreNotTaken() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try proxy(bed, upstream, "stop_accepting_requests")
            let client = try proxy.client()
            // The connection stays, as in Envoy.
            for _ in 0..<2 {
                let response = try client.get("/")
                #expect(response.status == 503)
                #expect(response.text == "envoy overloaded")
                #expect(!response.closes)
            }
            #expect(try upstream.count == 0)
            try expectInForce(proxy, "stop_accepting_requests")
            let stats = try proxy.stats("ingress_http")
            #expect(stats["http.ingress_http.downstream_rq_overload_close"] == 2)
            #expect(stats["http.ingress_http.downstream_rq_5xx"] == 2)
        }
    }

    /// A body that nobody will read ends its connection.
    @Test func aBodyIsNotWaitedFor() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "stop_accepting_requests")
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nabc")
            let response = try client.response()
            #expect(response.status == 503)
            #expect(response.closes)
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test func responsesEndTheirConnections() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try proxy(bed, upstream, "disable_http_keepalive")
            let client = try proxy.client()
            let response = try client.get("/")
            #expect(response.status == 200)
            #expect(response.closes)
            #expect(try client.receiveToEnd() == [])
            try expectInForce(proxy, "disable_http_keepalive")
            let stats = try proxy.stats("ingress_http")
            #expect(stats["http.ingress_http.downstream_cx_overload_disable_keepalive"] == 1)
            #expect(stats["http.ingress_http.downstream_cx_drain_close"] == 1)
        }
    }

    @Test func connectionsAreRejected() throws {
        try withBed { bed in
            let proxy = try proxy(bed, try bed.upstream(), "reject_incoming_connections")
            #expect(try proxy.client().receiveToEnd() == [])
            try expectInForce(proxy, "reject_incoming_connections")
            let stats = try proxy.stats()
            #expect(stats["listener.127.0.0.1_0.downstream_cx_overload_reject"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 0)
            #expect(stats["http.ingress_http.downstream_cx_total"] == 0)
            #expect(stats["server.total_connections"] == 0)
        }
    }

    /// They wait in the kernel, and are served by a process that is not overloaded.
    @Test func connectionsWaitUntilTheyAreTaken() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart")]
            let first = try proxy(bed, upstream, "stop_accepting_connections", heap: 1, flags)
            let client = try first.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            try expectInForce(first, "stop_accepting_connections")
            #expect(try first.stats()["listener.127.0.0.1_0.downstream_cx_total"] == 0)
            let second = try proxy(bed, upstream, "stop_accepting_connections", heap: 1 << 60, flags)
            #expect(try client.response().text == upstream.hello)
            let stats = try second.stats()
            #expect(stats["overload.envoy.overload_actions.stop_accepting_connections.active"] == 0)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 1)
        }
    }

    /// Memory that is given back ends the overload, and connections that waited are accepted.
    @Test func whatWaitedIsServedWhenThereIsMemoryAgain() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            // Room for what a request may keep.
            configuration.clusterLines = ["per_connection_buffer_limit_bytes: 268435456"]
            configuration.manager = []
            let idle = try bed.proxy(configuration)
            let size = 128 << 20
            let limit = UInt64(try idle.residentBytes + size / 2)
            #expect(try idle.process.terminate() == .exit(0))
            configuration.top = Configuration.overload(
                heap: limit, [("stop_accepting_connections", "threshold: { value: 1 }"), ("shrink_heap", Self.always)])
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let greedy = try proxy.client()
            try greedy.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(size)\r\n\r\n")
            let served = try upstream.accept()
            let sender = Flood(greedy.descriptor, size)
            let active = "overload.envoy.overload_actions.stop_accepting_connections.active"
            try waitUntil("there is too little memory") { try proxy.stats("overload")[active] == 1 }
            let waiting = try proxy.client()
            try waiting.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            // The one that is there is served.
            try served.skipHead()
            #expect(try served.skip(size) == size)
            sender.join()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            #expect(try greedy.response().status == 200)
            let next = try waitFor("the one that waited is accepted") {
                try served.hasRequest() ? served : (upstream.hasWaitingConnection ? upstream.accept() : nil)
            }
            try next.skipHead()
            try next.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            #expect(try waiting.response().status == 200)
            #expect(try proxy.stats("overload")["overload.envoy.overload_actions.shrink_heap.shrink_count"] ?? 0 > 0)
            #expect(proxy.log.contains("overload: envoy.overload_actions.stop_accepting_connections is in force"))
            // The log is the main thread's.
            try waitUntil("the log says so") {
                proxy.log.contains("overload: envoy.overload_actions.stop_accepting_connections is over")
            }
        }
    }

    /// Below the saturation a share of the responses end their connections.
    @Test func aScaledActionHitsAShare() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let plain = try bed.proxy(Configuration(upstream.port))
            let memory = UInt64(try plain.residentBytes)
            #expect(try plain.process.terminate() == .exit(0))
            // Whatever part of the resident memory counts: more than nothing, less than a hundred times it.
            let proxy = try proxy(
                bed, upstream, "disable_http_keepalive", "scaled: { scaling_threshold: 0, saturation_threshold: 1 }",
                heap: 3 * memory)
            var closed = 0
            let count = 400
            for _ in 0..<count where try proxy.client().get("/").closes { closed += 1 }
            let stats = try proxy.stats()
            let percent = Int(stats["overload.envoy.overload_actions.disable_http_keepalive.scale_percent"] ?? 0)
            #expect(0 < percent && percent < 100)
            #expect(0 < closed && closed < count)
            #expect(stats["overload.envoy.overload_actions.disable_http_keepalive.active"] == 0)
            #expect(stats["http.ingress_http.downstream_cx_overload_disable_keepalive"] == UInt64(closed))
            // Four standard deviations and a little, since the memory in use moves.
            #expect(abs(Double(closed) / Double(count) - Double(percent) / 100) < 0.2)
        }
    }
}

extension Client {
    /// Whether there is something to read.
    fileprivate func hasRequest() throws -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) > 0
    }
}
