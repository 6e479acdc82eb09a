import Glibc
import Testing
import ThreadTesting

/// CDS from a file, from outside.
@Suite struct ClusterDiscoveryTests {
    private static let type = "\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster"

    /// A cluster of the file.
    private static func cluster(_ name: String, _ ports: [UInt16], _ more: String = "") -> String {
        let members = ports.map {
            "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \($0) } } } }"
        }
        return "{ \(type), name: \(name), connect_timeout: 5s\(more), load_assignment: { cluster_name: \(name), "
            + "endpoints: [{ lb_endpoints: [\(members.joined(separator: ", "))] }] } }"
    }

    private static func file(_ clusters: String..., version: String = "v") -> String {
        "version_info: \"\(version)\"\nresources: [\(clusters.joined(separator: ",\n"))]\n"
    }

    /// `/a/` goes to the cluster `a`, `/b/` to `b`, others where `x-cluster` says.
    private static func configuration(_ file: String) -> Configuration {
        var configuration = Configuration(1)
        configuration.top = [
            "dynamic_resources: { cds_config: { path_config_source: { path: \"\(file)\" } } }"
        ]
        configuration.routeLines = ["validate_clusters: false"]
        configuration.routes =
            ["a", "b"].map { "{ match: { prefix: /\($0)/ }, route: { cluster: \($0), prefix_rewrite: / } }" }
            + ["{ match: { prefix: / }, route: { cluster_header: x-cluster } }"]
        return configuration
    }

    private static func counters(_ proxy: Proxy) throws -> [Int] {
        let stats = try proxy.stats("cluster_manager")
        return ["added", "modified", "removed"].map { Int(stats["cluster_manager.cluster_\($0)"] ?? 0) }
            + [Int(stats["cluster_manager.active_clusters"] ?? 0)]
    }

    @Test func theDumpTellsWhatIsInUse() throws {
        try withBed { bed in
            let one = try bed.upstream("one")
            let path = try bed.file(
                "cds.yaml", Self.file(Self.cluster("a", [one.port]), Self.cluster("b", [one.port]), version: "1"))
            let proxy = try bed.proxy(Self.configuration(path))
            func dump() throws -> [String] {
                try proxy.admin("/config_dump?resource=dynamic_active_clusters").text.split(separator: "\n")
                    .map { String($0.drop { $0 == " " }) }
                    .filter {
                        $0.hasPrefix("\"version_info\"") || $0.hasPrefix("\"name\"") || $0.hasPrefix("\"connect_")
                    }
            }
            func told(_ version: Int, _ name: String, _ timeout: String) -> [String] {
                ["\"version_info\": \"\(version)\",", "\"name\": \"\(name)\",", "\"connect_timeout\": \"\(timeout)\","]
            }
            #expect(try dump() == told(1, "a", "5s") + told(1, "b", "5s"))

            // One stays as it is, one changes, one comes.
            let changed = Self.cluster("b", [one.port]).replacing("5s", with: "2.5s")
            try DiscoveryScene.replace(
                path, Self.file(Self.cluster("c", [one.port]), changed, Self.cluster("a", [one.port]), version: "2"))
            try waitUntil("the file is taken") { try Self.counters(proxy) == [4, 1, 0, 4] }
            #expect(try dump() == told(2, "c", "5s") + told(2, "b", "2.500s") + told(1, "a", "5s"))

            // What is refused changes nothing.
            try DiscoveryScene.replace(path, "resources: [{ nope: 1 }]")
            try waitUntil("it is refused") {
                try proxy.stats("cds")["cluster_manager.cds.update_rejected"] == 1
            }
            #expect(try dump() == told(2, "c", "5s") + told(2, "b", "2.500s") + told(1, "a", "5s"))
            #expect(try proxy.admin("/config_dump?mask=version_info").text.contains("\"version_info\": \"2\""))
        }
    }

    @Test func clustersComeChangeAndGo() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            let path = try bed.file("cds.yaml", Self.file(Self.cluster("a", [one.port]), version: "1"))
            let proxy = try bed.proxy(Self.configuration(path))
            let live = try proxy.client()
            #expect(try live.get("/a/").text == one.hello)
            #expect(try live.get("/b/").status == 503)
            #expect(try live.get("/", "x-cluster: b").status == 503)
            #expect(try Self.counters(proxy) == [2, 0, 0, 2])

            try DiscoveryScene.replace(
                path, Self.file(Self.cluster("a", [one.port]), Self.cluster("b", [two.port]), version: "2"))
            try waitUntil("b is there") { try live.get("/b/").text == two.hello }
            #expect(try live.get("/", "x-cluster: b").text == two.hello && live.get("/a/").text == one.hello)
            #expect(try Self.counters(proxy) == [3, 0, 0, 3])
            #expect(try proxy.stats("cluster.b.")["cluster.b.upstream_rq_200"] == 2)
            #expect(try proxy.admin("/clusters").text.contains("b::added_via_api::true\n"))

            try DiscoveryScene.replace(
                path, Self.file(Self.cluster("a", [two.port]), Self.cluster("b", [two.port]), version: "3"))
            try waitUntil("a has changed") { try live.get("/a/").text == two.hello }
            #expect(try Self.counters(proxy) == [3, 1, 0, 3])

            try DiscoveryScene.replace(path, Self.file(Self.cluster("b", [one.port]), version: "4"))
            try waitUntil("a is gone") { try live.get("/a/").status == 503 }
            #expect(try live.get("/b/").text == one.hello)
            #expect(try live.get("/", "x-cluster: a").status == 503)
            #expect(try Self.counters(proxy) == [3, 2, 1, 2])
            #expect(try !proxy.admin("/clusters").text.contains("a::"))

            try DiscoveryScene.replace(path, Self.file(Self.cluster("a", [one.port]), version: "5"))
            try waitUntil("a is there again") { try live.get("/a/").text == one.hello }
            let stats = try proxy.stats("cds")
            #expect(stats["cluster_manager.cds.update_success"] == 5 && stats["cluster_manager.cds.config_reload"] == 5)
            #expect(try proxy.admin("/stats?filter=version_text").text == "cluster_manager.cds.version_text: \"5\"\n")
        }
    }

    @Test func whatIsWrongChangesNothing() throws {
        try withBed { bed in
            let one = try bed.upstream("one")
            let path = try bed.file("cds.yaml", Self.file(Self.cluster("a", [one.port])))
            let proxy = try bed.proxy(Self.configuration(path))
            let live = try proxy.client()
            let many = (0..<300).map { Self.cluster("c\($0)", [1]) }.joined(separator: ", ")
            for (text, kind, line) in [
                ("resources: [", "failure", "YAML syntax"),
                (Self.file(Self.cluster("service", [1])), "rejected", "duplicate cluster name \"service\""),
                (
                    Self.file(Self.cluster("a", [1], ", nonsense: 1")), "rejected",
                    "resources[0].nonsense: unknown field"
                ),
                ("resources: [\(many)]", "rejected", "there is no room for 300 clusters more"),
            ] {
                let name = "cluster_manager.cds.update_\(kind)"
                let before = try proxy.stats("cds")[name] ?? 0
                try DiscoveryScene.replace(path, text)
                try waitUntil("\(kind) is counted") { try proxy.stats("cds")[name] ?? 0 == before + 1 }
                try waitUntil("\(line) is told: \(proxy.log)") {
                    proxy.log.contains("cds: ") && proxy.log.contains(line)
                }
                #expect(try live.get("/a/").text == one.hello)
            }
        }
    }

    /// A request that a host has when its cluster goes or changes is answered by it.
    @Test func requestsUnderWayAreAnswered() throws {
        try withBed { bed in
            let one = try Listener()
            let two = try bed.upstream("two")
            let path = try bed.file("cds.yaml", Self.file(Self.cluster("a", [one.port]), Self.cluster("b", [one.port])))
            let proxy = try bed.proxy(Self.configuration(path))
            let (first, second) = (try proxy.client(), try proxy.client())
            try first.send("GET /a/ HTTP/1.1\r\nhost: h\r\n\r\n")
            let a = try one.accept()
            _ = try a.receive(through: "\r\n\r\n")
            try second.send("GET /b/ HTTP/1.1\r\nhost: h\r\n\r\n")
            let b = try one.accept()
            _ = try b.receive(through: "\r\n\r\n")
            try DiscoveryScene.replace(path, Self.file(Self.cluster("a", [two.port])))
            try waitUntil("a has changed") { try proxy.client().get("/a/").text == two.hello }
            #expect(try proxy.client().get("/b/").status == 503)
            for (host, client, text) in [(a, first, "from a"), (b, second, "from b")] {
                try host.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\(text)")
                #expect(try client.receive(through: text).contains("200 OK"))
            }
            try waitUntil("nothing is left") {
                let stats = try proxy.stats("_active")
                return ["a", "b"].allSatisfy {
                    stats["cluster.\($0).upstream_rq_active"] == 0
                }
            }
        }
    }

    /// A cluster with health checks is used when its hosts have been checked once, as at the start.
    @Test func clustersAreCheckedFirst() throws {
        try withBed { bed in
            let (well, ill) = (try bed.upstream("well"), try bed.upstream("ill"))
            try ill.setHealth(500)
            let path = try bed.file("cds.yaml", Self.file())
            let proxy = try bed.proxy(Self.configuration(path))
            try DiscoveryScene.replace(
                path, Self.file(Self.cluster("a", [ill.port, well.port], ", " + Configuration.httpCheck(healthy: 1))))
            let live = try proxy.client()
            var statuses: Set<Int> = []
            try waitUntil("a is there") {
                let status = try live.get("/a/").status
                statuses.insert(status)
                return status == 200
            }
            // Never the host that is not well: then it is not used at all.
            for _ in 0..<10 { #expect(try live.get("/a/").status == 200) }
            #expect(statuses.isSubset(of: [200, 503]))
            #expect(try proxy.stats("health_check")["cluster.a.health_check.healthy"] == 1)
        }
    }

    /// No request fails while clusters come, change and go around those that are asked.
    @Test func manyChangesUnderLoadLoseNothing() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            func text(_ i: Int) -> String {
                let a = Self.cluster("a", [i % 3 == 0 ? one.port : two.port], ", connect_timeout: \(1 + i % 4)s")
                    .replacing(", connect_timeout: 5s", with: "")
                let others = (0..<i % 5).map { Self.cluster("other\(($0 + i) % 7)", [1]) }
                return Self.file(([a] + others).joined(separator: ", "), version: "\(i)")
            }
            let path = try bed.file("cds.yaml", text(0))
            let proxy = try bed.proxy(Self.configuration(path))
            let callers = Callers(port: try proxy.port, count: 4, path: "/a/")
            for i in 1...40 {
                try DiscoveryScene.replace(path, text(i))
                let wanted = "cluster_manager.cds.version_text: \"\(i)\"\n"
                try waitUntil("change \(i)") { try proxy.admin("/stats?filter=version_text").text == wanted }
            }
            try callers.waitForAnswers(20)
            let tally = callers.stop()
            #expect(tally.turnedAway == 0 && tally.waited == 0)
            #expect(Set(tally.answers.keys) == [one.hello, two.hello], "\(tally.answers)")
        }
    }

    @Test func aTCPProxyFindsItsCluster() throws {
        try withBed { bed in
            let one = try bed.upstream("one")
            let path = try bed.file("cds.yaml", Self.file())
            var configuration = Configuration(1)
            configuration.top = ["dynamic_resources: { cds_config: { path: \"\(path)\" } }"]
            configuration.cluster = "service"
            configuration.tcp = []
            configuration.tcpClusters = "cluster: later"
            let proxy = try bed.proxy(configuration)
            let early = try proxy.client()
            try waitUntil("it is closed") {
                try early.hasEnded() && proxy.stats("no_route")["tcp.ingress_tcp.downstream_cx_no_route"] == 1
            }
            try DiscoveryScene.replace(path, Self.file(Self.cluster("later", [one.port])))
            try waitUntil("the cluster is asked") { (try? proxy.client().get("/").text) == one.hello }
        }
    }

    /// Its hosts are named by requests, also once it has changed, or has the place of another.
    @Test func aLaterClusterMayHaveItsHostsFromRequests() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            func original(_ name: String, _ timeout: String) -> String {
                "{ \(Self.type), name: \(name), type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, "
                    + "connect_timeout: \(timeout), original_dst_lb_config: { use_http_header: true } }"
            }
            let path = try bed.file("cds.yaml", Self.file())
            let proxy = try bed.proxy(Self.configuration(path))
            let live = try proxy.client()
            func ask(_ host: Upstream, _ prefix: String = "/a/") throws -> String {
                try live.get(prefix, "x-envoy-original-dst-host: 127.0.0.1:\(host.port)").text
            }
            func replace(_ cluster: String, version: String) throws {
                try DiscoveryScene.replace(path, Self.file(cluster, version: version))
                let wanted = "cluster_manager.cds.version_text: \"\(version)\"\n"
                try waitUntil("change \(version)") { try proxy.admin("/stats?filter=version_text").text == wanted }
            }
            try replace(original("a", "1s"), version: "1")
            #expect(try ask(one) == one.hello && ask(two) == two.hello)
            try waitUntil("both are counted") {
                try proxy.stats("cluster.a.membership")["cluster.a.membership_total"] == 2
            }
            try replace(original("a", "2s"), version: "2")
            #expect(try proxy.stats("cluster.a.membership")["cluster.a.membership_total"] == 0)
            #expect(try ask(one) == one.hello)
            try waitUntil("it is counted again") {
                try proxy.stats("cluster.a.membership")["cluster.a.membership_total"] == 1
            }
            try replace(Self.cluster("a", [two.port]), version: "3")
            #expect(try ask(one) == two.hello, "it has hosts of its own now")
            try replace(original("b", "1s"), version: "4")
            #expect(try ask(one, "/b/") == one.hello && ask(two, "/b/") == two.hello)
        }
    }

    /// What has changed between the reading of the configuration and the first look is not missed.
    @Test func aFileThatChangesDuringTheStartIsRead() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            let path = try bed.file("cds.yaml", Self.file(Self.cluster("a", [one.port])))
            let configuration = Self.configuration(path)
            let done = Thread {
                // All through the start.
                for i in 0..<200 {
                    try? DiscoveryScene.replace(
                        path, Self.file(Self.cluster("a", [i % 2 == 0 ? one.port : two.port]), version: "\(i)"))
                    usleep(3000)
                }
            }
            let proxy = try bed.proxy(configuration)
            let live = try proxy.client()
            done.join()
            try waitUntil("the last one counts") { try live.get("/a/").text == two.hello }
            #expect(try proxy.admin("/stats?filter=version_text").text.contains("\"199\""))
        }
    }

    /// Endpoints of a cluster that came later change too; a restart has all of it.
    @Test func endpointsOfALaterClusterAndARestart() throws {
        try withBed { bed in
            let (one, two) = (try bed.upstream("one"), try bed.upstream("two"))
            let eds = try bed.file("eds.yaml", DiscoveryScene.endpoints([one.port], cluster: "a"))
            let path = try bed.file("cds.yaml", Self.file())
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Self.configuration(path), flags)
            let live = try parent.client()
            try DiscoveryScene.replace(
                path,
                Self.file(
                    "{ \(Self.type), name: a, type: EDS, eds_cluster_config: { eds_config: { path: \"\(eds)\" } } }"))
            try waitUntil("a is there") { try live.get("/a/").text == one.hello }
            try DiscoveryScene.replace(eds, DiscoveryScene.endpoints([two.port], cluster: "a"))
            try waitUntil("its endpoint is another one") { try live.get("/a/").text == two.hello }
            let child = try bed.proxy(Self.configuration(path), flags)
            #expect(try live.get("/a/").text == two.hello, "the connection has moved")
            try DiscoveryScene.replace(eds, DiscoveryScene.endpoints([one.port], cluster: "a"))
            try waitUntil("its endpoint is the first again") { try live.get("/a/").text == one.hello }
            #expect(try child.stats("active_clusters")["cluster_manager.active_clusters"] == 2)
        }
    }
}
