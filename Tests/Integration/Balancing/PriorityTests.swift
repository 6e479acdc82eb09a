import Testing

/// Priorities of endpoints: who is asked as hosts fail and come back.
@Suite struct PriorityTests {
    private static func scene(_ bed: Bed, _ priorities: [Int], _ policy: String = "") throws -> BalancingScene {
        try BalancingScene(
            bed, Configuration.httpCheck(healthy: 1) + policy, hosts: priorities.count,
            group: { "priority: \(priorities[$0])" })
    }

    @Test func theNextPriorityTakesWhatIsMissing() throws {
        try withBed { bed in
            let scene = try Self.scene(bed, [0, 0, 1])
            let proxy = try scene.proxy(concurrency: 1)
            #expect(try scene.shares(proxy, 40) == ["h0": 20, "h1": 20])
            try scene.hosts[0].setHealth(500)
            try waitUntil("h0 is left out") { try scene.shares(proxy, 20)["h0"] == nil }
            // 30 %: fewer than 45 or more than 140 of 300 have a chance of less than one in 10^8.
            let shares = try scene.shares(proxy, 300)
            #expect(shares.count == 2 && (45...140).contains(shares["h2", default: 0]), "\(shares)")
            try scene.hosts[1].setHealth(500)
            try waitUntil("h2 alone is asked") { try scene.shares(proxy, 20) == ["h2": 20] }
            #expect(try proxy.stats("panic")["cluster.many.lb_healthy_panic"] == 0)
            // Nobody is well: each priority has as much as it has hosts.
            try scene.hosts[2].setHealth(500)
            try waitUntil("all are asked") { try scene.shares(proxy, 40).count == 3 }
            try scene.hosts[1].setHealth(200)
            // What there is takes all.
            try waitUntil("h1 alone is asked") { try scene.shares(proxy, 20) == ["h1": 20] }
        }
    }

    @Test(arguments: ["LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV"])
    func allPoliciesHavePriorities(policy: String) throws {
        try withBed { bed in
            let scene = try Self.scene(bed, [1, 0, 1], ", lb_policy: \(policy)")
            let proxy = try scene.proxy()
            #expect(try scene.shares(proxy, 20) == ["h1": 20])
            try scene.hosts[1].setHealth(500)
            try waitUntil("the others are asked") {
                try Set(scene.hosts(proxy, of: BalancingScene.users)) == ["h0", "h2"]
            }
        }
    }

    /// The new process asks nobody of the first priority, since it knows of them what the old one knew.
    @Test func healthOfPrioritiesComesAlongInARestart() throws {
        try withBed { bed in
            let scene = try BalancingScene(
                bed, Configuration.httpCheck(healthy: 1, interval: "1000s"), group: { "priority: \($0 / 2)" })
            for host in scene.hosts.prefix(2) { try host.setHealth(500) }
            let parent = try scene.proxy(scene.restartFlags)
            #expect(try scene.shares(parent, 20) == ["h2": 20])
            for host in scene.hosts { try host.setHealth(200) }
            let child = try scene.proxy(scene.restartFlags)
            #expect(try scene.shares(child, 20) == ["h2": 20])
            let shown = try child.admin("/clusters").text
            for (host, priority) in zip(scene.hosts, [0, 0, 1]) {
                #expect(shown.contains("many::127.0.0.1:\(host.port)::priority::\(priority)\n"))
            }
        }
    }

    @Test func degradedHostsComeAfterHealthyOnes() throws {
        try withBed { bed in
            let scene = try Self.scene(bed, [0, 0, 1])
            let proxy = try scene.proxy(concurrency: 1)
            try scene.hosts[0].setHealth(2)
            // One of two is enough for 70 %.
            try waitUntil("h0 is degraded") {
                try proxy.stats("degraded")["cluster.many.membership_degraded"] == 1
            }
            try waitUntil("h2 has the rest") { try scene.shares(proxy, 60).keys.sorted() == ["h1", "h2"] }
            #expect(try proxy.admin("/clusters").text.contains("::health_flags::/degraded_active_hc\n"))
            for host in scene.hosts.dropFirst() { try host.setHealth(500) }
            try waitUntil("h0 alone is left") { try scene.shares(proxy, 20) == ["h0": 20] }
            try scene.hosts[0].setHealth(200)
            try waitUntil("h0 is healthy") {
                try proxy.stats("degraded")["cluster.many.membership_degraded"] == 0
            }
        }
    }
}
