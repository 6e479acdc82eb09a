import Testing

/// `weighted_clusters` of the TCP proxy.
@Suite struct WeightedClustersTests {
    private static func cluster(_ name: String, _ port: UInt16) -> String {
        let endpoint = "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(port) } } } }"
        return
            "{ name: \(name), load_assignment: { cluster_name: \(name), endpoints: [{ lb_endpoints: [\(endpoint)] }] } }"
    }

    /// Clusters `service` and `other`.
    private static func configuration(_ first: UInt16, _ second: UInt16, _ weights: (Int, Int)) -> Configuration {
        var configuration = Configuration(first)
        configuration.tcp = ["max_connect_attempts: 1"]
        configuration.moreClusters = [cluster("other", second)]
        configuration.tcpClusters =
            "weighted_clusters: { clusters: [{ name: service, weight: \(weights.0) }, { name: other, weight: \(weights.1) }] }"
        return configuration
    }

    @Test func connectionsAreSpreadByWeight() throws {
        try withBed { bed in
            let upstreams = try (0..<2).map { _ in try Listener() }
            let proxy = try bed.proxy(
                Self.configuration(upstreams[0].port, upstreams[1].port, (1, 3)), concurrency: 1)
            for _ in 0..<200 {
                let client = try proxy.client()
                client.endSending()
                client.close()
            }
            try waitUntil("all have been connected") {
                let stats = try proxy.stats()
                let sum = ["service", "other"].map { stats["cluster.\($0).upstream_cx_total"] ?? 0 }.reduce(0, +)
                return sum == 200
            }
            // Six standard deviations.
            #expect((13...87).contains(try proxy.stats()["cluster.service.upstream_cx_total"] ?? 0))
        }
    }

    /// The next process goes on with a connection that goes to a cluster of weight nothing there.
    @Test func connectionsStayWhereTheyAreInAHotRestart() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let upstreams = try (0..<2).map { _ in try Listener() }
            var before = Self.configuration(upstreams[0].port, upstreams[1].port, (4_294_967_295, 1))
            let log = bed.freshPath("tcp.log")
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            before.tcp?.append(
                "access_log: [{ name: f, typed_config: { \"@type\": \(type), path: \(log), log_format: "
                    + "{ text_format_source: { inline_string: \"%UPSTREAM_CLUSTER%\\n\" } } } }]")
            var after = Self.configuration(upstreams[0].port, upstreams[1].port, (1, 4_294_967_295))
            after.tcp = before.tcp
            let first = try bed.proxy(before, flags, concurrency: 1)
            let client = try first.client()
            let served = try upstreams[0].accept()
            try client.send("one")
            #expect(try served.receive(count: 3) == Array("one".utf8))
            let second = try bed.proxy(after, flags, concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 1)
            try client.send("two")
            #expect(try served.receive(count: 3) == Array("two".utf8))
            let another = try second.client()
            let other = try upstreams[1].accept()
            try another.send("three")
            #expect(try other.receive(count: 5) == Array("three".utf8))
            another.close()
            #expect(try other.receiveToEnd() == [])
            other.close()
            try waitUntil("its line is there") { LogFiles.lines(log) == ["other"] }
            client.close()
            #expect(try served.receiveToEnd() == [])
            served.close()
            try waitUntil("both lines are there") { LogFiles.lines(log) == ["other", "service"] }
            #expect(try first.process.terminate() == .exit(0))
            #expect(try second.process.terminate() == .exit(0))
        }
    }
}
