import Testing

/// A host that comes back has less than its share for a while.
@Suite struct SlowStartTests {
    /// So that who is there for a shorter time has next to nothing, however short both are.
    private static let config =
        "slow_start_config: { slow_start_window: 1000s, aggression: { default_value: 0.05 }, "
        + "min_weight_percent: { value: 0 } }"

    @Test(arguments: [
        "lb_policy: ROUND_ROBIN, round_robin_lb_config: { \(config) }",
        "lb_policy: LEAST_REQUEST, least_request_lb_config: { \(config) }",
    ])
    func aHostThatComesBackStartsSlowly(policy: String) throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, "\(Configuration.httpCheck(healthy: 1)), \(policy)", hosts: 2)
            let parent = try scene.proxy(scene.restartFlags, concurrency: 1)
            try scene.hosts[1].setHealth(500)
            try waitUntil("h1 is left out") { try parent.stats("healthy")["cluster.many.membership_healthy"] == 1 }
            try waitUntil("h0 alone is asked") { try scene.shares(parent, 20) == ["h0": 20] }
            try scene.hosts[1].setHealth(200)
            try waitUntil("h1 is back") { try parent.stats("healthy")["cluster.many.membership_healthy"] == 2 }
            let shares = try scene.shares(parent, 40)
            #expect(shares["h0", default: 0] >= 35, "\(shares)")
            // The new process knows since when each is there; a moment later it is the same still.
            let child = try scene.proxy(scene.restartFlags, concurrency: 1)
            let after = try scene.shares(child, 40)
            #expect(after["h0", default: 0] >= 30, "\(after)")
        }
    }
}
