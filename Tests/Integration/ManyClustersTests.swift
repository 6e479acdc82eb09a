import Testing
import ThreadTesting

/// A process with many clusters serves before it has made all their stats; whatever happens meanwhile, nothing is lost and
/// everything is shown in the end.
@Suite(.serialized) struct ManyClustersTests {
    private static let count = 800

    /// The first cluster and so many more, each with a route of its own.
    private static func configuration(_ upstream: UInt16) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.moreClusters = (1..<count).map { i in
            let host = "address: { socket_address: { address: 127.0.0.1, port_value: \(upstream) } }"
            return "{ name: many\(i), type: STATIC, load_assignment: { cluster_name: many\(i), endpoints: "
                + "[{ lb_endpoints: [{ endpoint: { \(host) } }] }] } }"
        }
        configuration.routes =
            (1..<count).map { "{ match: { prefix: /many/\($0)/ }, route: { cluster: many\($0) } }" } + [
                "{ match: { prefix: / }, route: { cluster: service } }"
            ]
        return configuration
    }

    private static func expectAllShown(_ bed: Bed, changes: UInt64 = 1) throws {
        try waitUntil("the stats of all clusters are there") {
            let stats = try bed.statdump()
            return (1..<count).allSatisfy {
                stats["cluster.many\($0).upstream_rq_total"] != nil
                    && stats["cluster.many\($0).membership_change"] == changes
            }
        }
    }

    /// Several workers and clients ask for clusters that nobody has used.
    @Test func theFirstRequestsAreCounted() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Self.configuration(upstream.port), concurrency: 2)
            let port = try proxy.port
            // From the end, where the main thread comes last; all clients ask for the same ones.
            let asked = Array((1..<Self.count).suffix(120).reversed())
            let clients = 6
            onClients(clients) { client in
                let http = try Client(port: port)
                for cluster in asked {
                    #expect(try http.get("/many/\(cluster)/").status == 200, "client \(client)")
                }
            }
            let stats = try proxy.stats()
            for cluster in asked {
                #expect(stats["cluster.many\(cluster).upstream_rq_total"] == UInt64(clients))
                #expect(stats["cluster.many\(cluster).upstream_rq_200"] == UInt64(clients))
                #expect(stats["cluster.many\(cluster).external.upstream_rq_2xx"] == UInt64(clients))
                #expect(stats["cluster.many\(cluster).upstream_rq_active"] == 0)
            }
            // Whoever asks the admin listener waits for all of them.
            #expect(stats["cluster.many1.upstream_rq_total"] == 0)
            #expect(stats["cluster.many400.membership_total"] == 1)
            #expect(stats["stats.overflow"] == 0)
            try Self.expectAllShown(bed)
        }
    }

    /// A TCP listener whose cluster is the last one.
    @Test func aTunnelIsCounted() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Self.configuration(upstream.port)
            configuration.tcp = []
            let last = Self.count - 1
            let yaml = configuration.text.replacing("cluster: service", with: "cluster: many\(last)")
            let proxy = try bed.startProxy(yaml)
            try bed.waitUntilServing(proxy)
            #expect(try Client(port: try proxy.port).get("/").status == 200)
            try waitUntil("the tunnel is counted") {
                try bed.statdump()["cluster.many\(last).upstream_cx_total"] == 1
            }
        }
    }

    /// The restart comes while the first process is still at it. Both count.
    @Test func aRestartMayComeMeanwhile() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let configuration = Self.configuration(upstream.port)
            let first = try bed.proxy(configuration, flags)
            let second = try bed.startProxy(configuration.text, flags)
            let port = try first.port
            let load = Load(port: port, connections: 4, path: "/many/\(Self.count - 1)/")
            try load.waitForResponses(20)
            try bed.waitUntilServing(second)
            try load.waitForResponses(20)
            let tally = load.stop()
            #expect(tally.errors == [])
            #expect(try first.process.terminate() == .exit(0))
            try Self.expectAllShown(bed, changes: 2)
            let stats = try second.stats()
            #expect(stats["cluster.many\(Self.count - 1).upstream_rq_total"] == UInt64(tally.total))
            #expect(stats["cluster.many\(Self.count - 1).upstream_rq_200"] == UInt64(tally.total))
            #expect(stats["cluster.many\(Self.count - 1).membership_total"] == 1)
            #expect(stats["cluster.many\(Self.count - 1).upstream_rq_active"] == 0)
        }
    }

    /// Killed before it has asked for all names: those of the process before it are not left behind.
    @Test func aCrashMeanwhileLosesNothing() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let configuration = Self.configuration(upstream.port)
            let first = try bed.proxy(configuration)
            let http = try first.client()
            for cluster in 1..<Self.count { #expect(try http.get("/many/\(cluster)/").status == 200) }
            try Self.expectAllShown(bed)
            try first.process.kill9()
            let second = try bed.startProxy(configuration.text)
            try bed.waitUntilServing(second)
            try second.process.kill9()
            let third = try bed.proxy(configuration)
            let client = try third.client()
            #expect(try client.get("/many/\(Self.count - 1)/").status == 200)
            let stats = try third.stats()
            for cluster in 1..<(Self.count - 1) {
                #expect(stats["cluster.many\(cluster).upstream_rq_total"] == 1, "\(cluster)")
            }
            #expect(stats["cluster.many\(Self.count - 1).upstream_rq_total"] == 2)
        }
    }

    /// It is told to end while it is at it: what discovery has counted is there all the same.
    @Test func anEndMeanwhileIsAnEnd() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let configuration = Self.configuration(upstream.port)
            for round in 1...2 {
                let proxy = try bed.proxy(configuration)
                #expect(try proxy.client().get("/many/\(Self.count - 1)/").status == 200)
                #expect(try proxy.process.terminate() == .exit(0))
                let stats = try bed.statdump()
                #expect(
                    (1..<Self.count).allSatisfy { stats["cluster.many\($0).membership_change"] == UInt64(round) })
                #expect(stats["cluster.many\(Self.count - 1).upstream_rq_total"] == UInt64(round))
            }
        }
    }

    /// Counters are set to zero while it is at it: what comes later is no older than that.
    @Test func aResetMeanwhileIsWhole() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Self.configuration(upstream.port))
            #expect(try proxy.admin("/reset_counters", method: "POST").status == 200)
            let stats = try proxy.stats()
            #expect((1..<Self.count).allSatisfy { stats["cluster.many\($0).membership_change"] == 0 })
            #expect((1..<Self.count).allSatisfy { stats["cluster.many\($0).membership_total"] == 1 })
        }
    }

    private func onClients(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
        onThreads(count) { client in
            do { try body(client) } catch { Issue.record(error) }
        }
    }
}
