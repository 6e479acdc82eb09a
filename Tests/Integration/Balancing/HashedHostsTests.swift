import Glibc
import Testing

/// Hosts that are chosen by hash. `HashTableTests` says which those are; here it is whether requests go there.
@Suite struct HashedHostsTests {
    @Test(arguments: [BalancingScene.maglev, BalancingScene.ring])
    func aUserStaysWithItsHost(policy: String) throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, policy)
            let proxy = try scene.proxy()
            let hosts = try scene.hosts(proxy, of: BalancingScene.users)
            #expect(Set(hosts).count == 3, "40 users are with all hosts")
            #expect(try scene.hosts(proxy, of: BalancingScene.users) == hosts)
            // Another process with the same hosts does the same, whatever it knows.
            let other = try bed.proxy(scene.configuration, ["--use-dynamic-base-id"], baseID: false)
            #expect(try scene.hosts(other, of: BalancingScene.users) == hosts)
            let stats = try proxy.stats("cluster.many")
            if policy == BalancingScene.ring {
                #expect(stats["cluster.many.ring_hash_lb.size"] == 1026)
                #expect(stats["cluster.many.ring_hash_lb.min_hashes_per_host"] == 342)
                #expect(stats["cluster.many.ring_hash_lb.max_hashes_per_host"] == 342)
            } else {
                #expect(stats["cluster.many.maglev_lb.min_entries_per_host"] == 21845)
                #expect(stats["cluster.many.maglev_lb.max_entries_per_host"] == 21846)
            }
            // Who says nothing goes anywhere.
            #expect(try scene.shares(proxy, 60).count == 3)
        }
    }

    /// Only the users of a host that fails go elsewhere, and come back with it.
    @Test(arguments: [BalancingScene.maglev, BalancingScene.ring])
    func aHostThatFailsIsLeftOut(policy: String) throws {
        try withBed { bed in
            let scene = try BalancingScene(
                bed,
                "\(policy), \(Configuration.httpCheck(healthy: 1)), "
                    + "common_lb_config: { healthy_panic_threshold: { value: 20 } }")
            let proxy = try scene.proxy()
            let before = try scene.hosts(proxy, of: BalancingScene.users)
            try scene.hosts[1].setHealth(500)
            try waitUntil("h1 is left out") { try !scene.hosts(proxy, of: BalancingScene.users).contains("h1") }
            let without = try scene.hosts(proxy, of: BalancingScene.users)
            let moved = zip(before, without).count { $0 != "h1" && $0 != $1 }
            #expect(moved < 20, "most of the others stay: \(moved) of 40 moved")
            #expect(try proxy.stats("panic")["cluster.many.lb_healthy_panic"] == 0)
            try scene.hosts[1].setHealth(200)
            try waitUntil("all is as it was") { try scene.hosts(proxy, of: BalancingScene.users) == before }
            // With none left all are used, by the table of all.
            for host in scene.hosts { try host.setHealth(500) }
            try waitUntil("too few are well") {
                _ = try scene.hosts(proxy, of: ["a"])
                return try proxy.stats("panic")["cluster.many.lb_healthy_panic"] ?? 0 > 0
                    && proxy.stats("membership")["cluster.many.membership_healthy"] == 0
            }
            #expect(try scene.hosts(proxy, of: BalancingScene.users) == before)
        }
    }

    @Test func keysOfEndpointsAndWeightsCount() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, BalancingScene.maglev, hosts: 3) {
                "load_balancing_weight: \($0 == 0 ? 6 : 1), "
                    + "metadata: { filter_metadata: { envoy.lb: { hash_key: key\($0) } } }"
            }
            let proxy = try scene.proxy()
            let stats = try proxy.stats("maglev")
            #expect(stats["cluster.many.maglev_lb.min_entries_per_host"] == 8192)
            #expect(stats["cluster.many.maglev_lb.max_entries_per_host"] == 49152)
            let hosts = try scene.hosts(proxy, of: BalancingScene.users)
            #expect(hosts.count { $0 == "h0" } > 20)
        }
    }

    /// Which try comes to which host is the table's matter; that it is another one is Envoy's.
    @Test(arguments: [BalancingScene.maglev, BalancingScene.ring])
    func aRetryFindsAnotherHost(policy: String) throws {
        try withBed { bed in
            let type = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            let scene = try BalancingScene(
                bed, policy,
                routes: [
                    "{ match: { prefix: / }, route: { cluster: many, hash_policy: [{ header: { header_name: x-user } }], "
                        + "retry_policy: { retry_on: 5xx, retry_back_off: { base_interval: 0.001s }, "
                        + "retry_host_predicate: [{ name: p, typed_config: { \"@type\": \(type) } }], "
                        + "host_selection_retry_max_attempts: 30 } } }"
                ])
            let proxy = try scene.proxy()
            let before = try scene.hosts(proxy, of: BalancingScene.users)
            try scene.hosts[0].setStatus(503)
            let after = try scene.hosts(proxy, of: BalancingScene.users)
            #expect(!after.contains("h0"))
            #expect(zip(before, after).allSatisfy { $0 == "h0" || $0 == $1 })
            #expect(try proxy.stats("retry")["cluster.many.upstream_rq_retry"] == UInt64(before.count { $0 == "h0" }))
            // The host of the second try is the hash's, too.
            #expect(try scene.hosts(proxy, of: BalancingScene.users) == after)
        }
    }

    @Test func aConnectionGoesByTheAddressOfItsClient() throws {
        try withBed { bed in
            let listeners = try (0..<3).map { _ in try Listener() }
            var configuration = Configuration(cluster: "many")
            configuration.upstreams = listeners.map(\.port)
            configuration.tcp = ["hash_policy: [{ source_ip: {} }]"]
            configuration.clusterLines = [BalancingScene.maglev]
            let proxy = try bed.proxy(configuration)
            let port = try proxy.port
            /// Which host a client from here comes to.
            func host(of client: String) throws -> Int {
                let client = try Client(port: port, from: client)
                defer { client.close() }
                return try waitFor("a host is asked") {
                    guard let position = listeners.firstIndex(where: { $0.hasWaitingConnection }) else { return nil }
                    _ = try listeners[position].accept()
                    return position
                }
            }
            let clients = (1...12).map { "127.0.0.\($0)" }
            let hosts = try clients.map { try host(of: $0) }
            #expect(Set(hosts).count > 1)
            #expect(try clients.map { try host(of: $0) } == hosts)
        }
    }
}
