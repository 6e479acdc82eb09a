import Testing

/// All the ways in which a check can fail.
@Suite struct CheckFailureTests {
    private func proxy(_ bed: Bed, _ line: String, _ ports: UInt16...) throws -> Proxy {
        var configuration = Configuration()
        configuration.upstreams = ports
        configuration.clusterLines = [line]
        return try bed.proxy(configuration)
    }

    @Test func refused() throws {
        try withBed { bed in
            let port: UInt16
            do { port = try Listener().port }
            let proxy = try proxy(bed, Configuration.httpCheck(), port)
            #expect(try proxy.health(of: port) == "/failed_active_hc")
            try expectNetworkFailures(proxy)
            try waitUntil("the log says so") {
                proxy.log.contains("host 127.0.0.1:\(port) failed its health check: Connection refused")
            }
        }
    }

    @Test func withoutAnAnswer() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            try upstream.setHealth(0)
            let proxy = try proxy(bed, Configuration.httpCheck(healthy: 1, timeout: "0.05s"), upstream.port)
            #expect(try proxy.health(of: upstream.port) == "/failed_active_hc/active_hc_timeout")
            try expectNetworkFailures(proxy)
            // It may answer late again on a slow machine, so that it is asked with patience from here on.
            try waitUntil("the log says so") { proxy.log.contains("no answer within 50 ms") }
        }
    }

    @Test func somethingElseThanHTTP() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            try upstream.setHealth(1)
            let proxy = try proxy(bed, Configuration.httpCheck(healthy: 1), upstream.port)
            #expect(try proxy.health(of: upstream.port) == "/failed_active_hc")
            try expectNetworkFailures(proxy)
            try upstream.setHealth(200)
            try proxy.waitForHealth(of: upstream, "healthy")
        }
    }

    @Test func closedInsteadOfAnswered() throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port)
            configuration.clusterLines = [Configuration.httpCheck(interval: "1000s")]
            let proxy = try bed.startProxy(configuration.text)
            try listener.accept().close()
            try bed.waitUntilServing(proxy)
            #expect(try proxy.health(of: listener.port) == "/failed_active_hc")
            let stats = try proxy.stats("health_check")
            #expect(stats["cluster.service.health_check.attempt"] == 1)
            #expect(stats["cluster.service.health_check.failure"] == 1)
            #expect(stats["cluster.service.health_check.network_failure"] == 1)
        }
    }

    /// A connection that the host closes between two checks is no failure, and one that it may keep is used again.
    @Test(arguments: [true, false])
    func connectionsAreReused(reuses: Bool) throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port)
            let line = Configuration.httpCheck(interval: "0.02s")
            configuration.clusterLines = [
                reuses ? line : line.replacing("timeout:", with: "reuse_connection: false, timeout:")
            ]
            let proxy = try bed.startProxy(configuration.text)
            let first = try listener.accept()
            let response = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            _ = try first.receive(through: "\r\n\r\n")
            try first.send(response)
            if reuses {
                for _ in 0..<3 {
                    _ = try first.receive(through: "\r\n\r\n")
                    try first.send(response)
                }
            } else {
                #expect(try first.receiveToEnd() == [])
            }
            first.close()
            let next = try listener.accept()
            _ = try next.receive(through: "\r\n\r\n")
            try next.send(response)
            try bed.waitUntilServing(proxy)
            let stats = try proxy.stats("health_check")
            // Whether a request was on its way when the connection was closed is a race that the host decides.
            #expect(stats["cluster.service.health_check.failure"] ?? 0 <= 1)
            #expect(try proxy.health(of: listener.port) == "healthy")
        }
    }

    // MARK: TCP

    @Test func tcpSendsAndWaitsForBytes() throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port)
            // "PING" … "PO", "NG"
            configuration.clusterLines = [
                Configuration.tcpCheck(
                    #"{ send: { text: "50494E47" }, receive: [{ text: "504F" }, { binary: "Tkc=" }] }"#)
            ]
            let proxy = try bed.startProxy(configuration.text)
            let check = try listener.accept()
            #expect(try check.receive(count: 4) == Array("PING".utf8))
            try check.send("..P")
            try check.send("O--N")
            #expect(!proxy.log.contains(" serves "))
            try check.send("G!")
            try bed.waitUntilServing(proxy)
            #expect(try proxy.health(of: listener.port) == "healthy")
            // The same connection serves the next check.
            #expect(try check.receive(count: 4) == Array("PING".utf8))
            check.close()
            try waitUntil("that is a failure") {
                try proxy.stats("health_check")["cluster.service.health_check.network_failure"] == 1
            }
        }
    }

    @Test func tcpWithTheWrongBytesTimesOut() throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port)
            configuration.clusterLines = [
                Configuration.tcpCheck(timeout: "0.1s", #"{ send: { text: "00" }, receive: [{ text: "FF" }] }"#)
            ]
            let proxy = try bed.startProxy(configuration.text)
            let check = try listener.accept()
            try check.send("no")
            try bed.waitUntilServing(proxy)
            #expect(try proxy.health(of: listener.port) == "/failed_active_hc/active_hc_timeout")
        }
    }

    @Test func tcpMayOnlyConnect() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try proxy(bed, Configuration.tcpCheck("{}"), upstream.port)
            #expect(try proxy.health(of: upstream.port) == "healthy")
            #expect(try upstream.count == 0)
            try upstream.process.kill9()
            try proxy.waitForHealth(of: upstream, "/failed_active_hc")
        }
    }

    private func expectNetworkFailures(_ proxy: Proxy) throws {
        let stats = try proxy.stats("cluster.service")
        #expect(stats["cluster.service.health_check.success"] == 0)
        #expect(stats["cluster.service.health_check.network_failure"] ?? 0 >= 1)
        #expect(stats["cluster.service.health_check.failure"] == stats["cluster.service.health_check.network_failure"])
        #expect(stats["cluster.service.membership_healthy"] == 0)
        // Checks are no requests and no connections of the cluster's own.
        #expect(stats["cluster.service.upstream_rq_total"] == 0)
        #expect(stats["cluster.service.upstream_cx_total"] == 0)
    }
}
