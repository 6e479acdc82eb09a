import Glibc
import Testing

/// Users stay with their hosts over hot restarts.
@Suite struct HashRestartTests {
    @Test(arguments: [BalancingScene.maglev, BalancingScene.ring])
    func usersStayWithTheirHosts(policy: String) throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, policy) { "load_balancing_weight: \($0 + 1)" }
            let parent = try scene.proxy(scene.restartFlags)
            let before = try scene.hosts(parent, of: BalancingScene.users)
            let client = try parent.client()
            let user = try BalancingScene.host(client.get("/", "x-user: somebody"))
            let sizes = try Self.sizes(parent)
            #expect(sizes.count { $0 ?? 0 > 0 } >= 2)
            let child = try scene.proxy(scene.restartFlags, concurrency: 3)
            // On a connection that came over, and on new ones.
            #expect(try BalancingScene.host(client.get("/", "x-user: somebody")) == user)
            #expect(try scene.hosts(child, of: BalancingScene.users) == before)
            // Not the sum of two processes.
            #expect(try Self.sizes(child) == sizes)
        }
    }

    private static func sizes(_ proxy: Proxy) throws -> [UInt64?] {
        let stats = try proxy.stats("_lb.m")
        return [
            "ring_hash_lb.min_hashes_per_host", "ring_hash_lb.max_hashes_per_host", "maglev_lb.min_entries_per_host",
            "maglev_lb.max_entries_per_host",
        ].map { stats["cluster.many.\($0)"] }
    }

    /// Not even the first request after the restart goes where it would if all hosts were well.
    @Test func withAHostThatFails() throws {
        try withBed { bed in
            let scene = try BalancingScene(
                bed, "\(BalancingScene.maglev), \(Configuration.httpCheck(healthy: 1, interval: "1000s"))")
            try scene.hosts[2].setHealth(500)
            let parent = try scene.proxy(scene.restartFlags)
            let before = try scene.hosts(parent, of: BalancingScene.users)
            #expect(!before.contains("h2"))
            let child = try scene.proxy(scene.restartFlags)
            #expect(try scene.hosts(child, of: BalancingScene.users) == before)
        }
    }
}
