import Testing

/// Hosts that are asked whether they are well.
@Suite struct ActiveCheckTests {
    @Test func aHostThatFailsIsLeftOutUntilItIsWellAgain() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            var configuration = Configuration(a.port, b.port)
            // Without retriable_statuses a wrong status would turn it at once.
            configuration.clusterLines = [
                Configuration.httpCheck(unhealthy: 3, healthy: 2, ", retriable_statuses: [{ start: 500, end: 501 }]")
            ]
            let proxy = try bed.proxy(configuration)
            // The first round is over before anything is served.
            #expect(try proxy.health(of: a.port) == "healthy")
            #expect(try proxy.health(of: b.port) == "healthy")
            #expect(try proxy.stats("membership")["cluster.service.membership_healthy"] == 2)
            let both = try proxy.ask(8)
            #expect(both.count == 2 && both.keys.allSatisfy { $0.hasPrefix("200 hello from") })

            let checksBefore = try b.checks
            try b.setHealth(500)
            try proxy.waitForHealth(of: b, "/failed_active_hc")
            #expect(try b.checks >= checksBefore + 3)
            try proxy.waitUntilOnly(a)
            let countBefore = try b.count
            #expect(try proxy.ask(12) == ["200 \(a.hello)": 12])
            #expect(try b.count == countBefore)
            let stats = try proxy.stats("cluster.service")
            #expect(stats["cluster.service.membership_healthy"] == 1)
            #expect(stats["cluster.service.membership_total"] == 2)
            #expect(stats["cluster.service.health_check.healthy"] == 1)
            #expect(stats["cluster.service.health_check.failure"] ?? 0 >= 3)
            #expect(stats["cluster.service.health_check.network_failure"] == 0)
            #expect(stats["cluster.service.lb_healthy_panic"] == 0)

            let failed = try b.checks
            try b.setHealth(200)
            try proxy.waitForHealth(of: b, "healthy")
            #expect(try b.checks >= failed + 2)
            try proxy.waitUntilOnly(a, b)
            try waitUntil("the log says so") { proxy.log.contains("host 127.0.0.1:\(b.port) is unhealthy: status 500") }
        }
    }

    @Test func aWrongStatusTurnsAHostAtOnce() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            var configuration = Configuration(a.port, b.port)
            configuration.clusterLines = [Configuration.httpCheck(unhealthy: 1000, healthy: 1)]
            let proxy = try bed.proxy(configuration)
            try a.setHealth(404)
            try proxy.waitForHealth(of: a, "/failed_active_hc")
            try a.setHealth(200)
            try proxy.waitForHealth(of: a, "healthy")
        }
    }

    @Test func statusesMethodAndFieldsAreThoseOfTheConfiguration() throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port)
            configuration.clusterLines = [
                Configuration.httpCheck(
                    interval: "1000s",
                    ", method: HEAD, host: me, expected_statuses: [{ start: 404, end: 405 }], "
                        + "request_headers_to_add: [{ header: { key: X-A, value: b } }]")
            ]
            let proxy = try bed.startProxy(configuration.text)
            let check = try listener.accept()
            let request = try check.receive(through: "\r\n\r\n")
            #expect(request == "HEAD /health HTTP/1.1\r\nhost: me\r\nuser-agent: Envoy/HC\r\nx-a: b\r\n\r\n")
            // Nothing is served before it is answered.
            #expect(!proxy.log.contains(" serves "))
            try check.send("HTTP/1.1 404 No\r\ncontent-length: 5\r\n\r\n")
            try bed.waitUntilServing(proxy)
            #expect(try proxy.health(of: listener.port) == "healthy")
        }
    }

    @Test func withTooFewHealthyHostsAllAreUsed() throws {
        try withBed { bed in
            let upstreams = try ["a", "b", "c"].map { try bed.upstream($0) }
            var configuration = Configuration()
            configuration.upstreams = upstreams.map(\.port)
            configuration.clusterLines = [Configuration.httpCheck(healthy: 1)]
            let proxy = try bed.proxy(configuration)
            try upstreams[0].setHealth(500)
            try proxy.waitForHealth(of: upstreams[0], "/failed_active_hc")
            try proxy.waitUntilOnly(upstreams[1], upstreams[2])
            #expect(try proxy.stats("panic")["cluster.service.lb_healthy_panic"] == 0)
            // One of three is less than half.
            try upstreams[1].setHealth(500)
            try proxy.waitForHealth(of: upstreams[1], "/failed_active_hc")
            try waitUntil("the workers know it") { try proxy.ask(12).count == 3 }
            #expect(try proxy.stats("panic")["cluster.service.lb_healthy_panic"] ?? 0 >= 12)
        }
    }

    @Test func withoutPanicThereMayBeNobody() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            try a.setHealth(500)
            try b.setHealth(500)
            var configuration = Configuration(a.port, b.port)
            configuration.clusterLines = [
                Configuration.httpCheck(healthy: 1), "common_lb_config: { healthy_panic_threshold: { value: 0 } }",
            ]
            let proxy = try bed.proxy(configuration)
            #expect(try proxy.ask(3) == ["503 no healthy upstream": 3])
            let stats = try proxy.stats("cluster.service")
            #expect(stats["cluster.service.upstream_cx_none_healthy"] == 3)
            #expect(stats["cluster.service.lb_healthy_panic"] == 0)
            #expect(try a.count == 0)
            try a.setHealth(200)
            try proxy.waitForHealth(of: a, "healthy")
            try proxy.waitUntilOnly(a)
        }
    }

    @Test func aResponseThatSaysSoTurnsItsHost() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            var configuration = Configuration(a.port, b.port)
            configuration.clusterLines = [
                Configuration.httpCheck(interval: "1000s"), "common_lb_config: { healthy_panic_threshold: {} }",
            ]
            let proxy = try bed.proxy(configuration)
            let answer = try proxy.client().get("/unwell")
            #expect(answer.status == 200)
            let unwell = answer.text == a.hello ? a : b
            try proxy.waitForHealth(of: unwell, "/failed_active_hc/excluded_via_immediate_hc_fail")
            let other = unwell.port == a.port ? b : a
            try proxy.waitUntilOnly(other)
            let stats = try proxy.stats("cluster.service")
            #expect(stats["cluster.service.health_check.passive_failure"] == 1)
            #expect(stats["cluster.service.membership_excluded"] == 1)
        }
    }

    @Test func whatTheConfigurationSaysOfAHostCounts() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            let text = Configuration(a.port, b.port).text.replacing(
                "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(b.port) } } } }",
                with: "{ health_status: UNHEALTHY, endpoint: { address: { socket_address: "
                    + "{ address: 127.0.0.1, port_value: \(b.port) } } } }")
            let proxy = try bed.startProxy(text)
            try bed.waitUntilServing(proxy)
            #expect(try proxy.health(of: b.port) == "/failed_eds_health")
            #expect(try proxy.ask(6) == ["200 \(a.hello)": 6])
        }
    }

    @Test func anotherPortIsAskedAndAHostThatIsNotToBeAskedIsUsed() throws {
        try withBed { bed in
            let (a, b, probe) = (try bed.upstream("a"), try bed.upstream("b"), try bed.upstream("probe"))
            try b.setHealth(500)
            var text = Configuration(a.port, b.port).text
            func add(_ config: String, to upstream: Upstream) {
                let plain =
                    "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(upstream.port) } } } }"
                text = text.replacing(
                    plain, with: "{ endpoint: { health_check_config: \(config), \(plain.dropFirst(14))")
            }
            add("{ port_value: \(probe.port) }", to: a)
            add("{ disable_active_health_check: true }", to: b)
            text = text.replacing("connect_timeout: 5s", with: "connect_timeout: 5s\n    " + Configuration.httpCheck())
            let proxy = try bed.startProxy(text)
            try bed.waitUntilServing(proxy)
            #expect(try proxy.ask(6).count == 2)
            #expect(try a.checks == 0)
            #expect(try b.checks == 0)
            #expect(try probe.checks > 0)
            try probe.setHealth(500)
            try proxy.waitForHealth(of: a, "/failed_active_hc")
        }
    }

    /// Tunnels to a host that fails are closed if the configuration says so, else they live on.
    @Test(arguments: [true, false])
    func connectionsOfAFailedHost(closes: Bool) throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            var configuration = Configuration(a.port)
            configuration.tcp = []
            configuration.clusterLines = [
                Configuration.httpCheck(healthy: 1), "close_connections_on_host_health_failure: \(closes)",
            ]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            #expect(try client.get("/").text == a.hello)
            try a.setHealth(500)
            try proxy.waitForHealth(of: a, "/failed_active_hc")
            if closes {
                try waitUntil("the tunnel is closed") { client.hasEnded() }
            } else {
                #expect(try client.get("/").text == a.hello)
            }
        }
    }
}
