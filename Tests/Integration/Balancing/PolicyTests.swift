import Glibc
import Testing

/// Policies that look at no hash: weights, requests, chance.
@Suite struct PolicyTests {
    @Test func turnsGoByWeight() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, "lb_policy: ROUND_ROBIN") { "load_balancing_weight: \($0 + 1)" }
            let proxy = try scene.proxy(concurrency: 1)
            let shares = try scene.shares(proxy, 60)
            for (host, share) in [("h0", 10), ("h1", 20), ("h2", 30)] {
                #expect(abs(shares[host, default: 0] - share) <= 1, "\(shares)")
            }
        }
    }

    /// A host that fails leaves the others their proportion.
    @Test func turnsGoByWeightAmongTheHealthy() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, Configuration.httpCheck(healthy: 1)) {
                "load_balancing_weight: \($0 + 1)"
            }
            let proxy = try scene.proxy(concurrency: 1)
            try scene.hosts[1].setHealth(500)
            try waitUntil("h1 is left out") { try scene.shares(proxy, 12)["h1"] == nil }
            let shares = try scene.shares(proxy, 40)
            #expect(abs(shares["h0", default: 0] - 10) <= 1 && abs(shares["h2", default: 0] - 30) <= 1, "\(shares)")
        }
    }

    /// As in Envoy, weights are of no account then.
    @Test func anyHostIsAsGood() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, "lb_policy: RANDOM") { "load_balancing_weight: \($0 * 1000 + 1)" }
            let shares = try scene.shares(scene.proxy(), 300)
            // Each has 100; less than 50 has a chance of one in 10^10.
            #expect(shares.count == 3 && shares.values.allSatisfy { $0 >= 50 }, "\(shares)")
        }
    }

    /// A cluster of hosts that the test is itself.
    struct Scene {
        let listeners: [Listener]
        var configuration: Configuration
        /// Connections that a request was seen on and not answered.
        var held: [Client] = []

        /// So many are compared that one of the two is missed with a chance of one in 10^9.
        init(_ policy: String = "least_request_lb_config: { choice_count: 30 }") throws {
            listeners = try (0..<2).map { _ in try Listener() }
            configuration = Configuration(cluster: "many")
            configuration.upstreams = listeners.map(\.port)
            configuration.clusterLines = ["lb_policy: LEAST_REQUEST", policy]
        }

        /// Which host a request came to on a new connection, and that.
        func accept() throws -> (host: Int, Client) {
            try waitFor("a host is asked") {
                guard let host = listeners.firstIndex(where: { $0.hasWaitingConnection }) else { return nil }
                return (host, try listeners[host].accept())
            }
        }

        /// A request on a connection of its own to the proxy; which host has it. It is not answered.
        mutating func ask(_ port: UInt16) throws -> (host: Int, client: Client, served: Client) {
            let client = try Client(port: port)
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let (host, served) = try accept()
            _ = try served.request()
            return (host, client, served)
        }

        /// The same, answered; afterwards the host has it no more.
        mutating func exchange(_ port: UInt16) throws -> Int {
            let (host, client, served) = try ask(port)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            #expect(try client.response().text == "ok")
            return host
        }
    }

    /// Also when the requests are in different workers.
    @Test func theHostWithFewerRequestsIsChosen() throws {
        try withBed { bed in
            var scene = try Scene()
            let proxy = try bed.proxy(scene.configuration, concurrency: 4)
            let port = try proxy.port
            let busy = try scene.ask(port)
            for _ in 0..<12 { #expect(try scene.exchange(port) == 1 - busy.host) }
            // Each has as many.
            let (second, third) = (try scene.ask(port), try scene.ask(port))
            #expect(second.host == 1 - busy.host)
            let other = try scene.ask(port)
            #expect(other.host == 1 - third.host)
            // A client that goes away takes its request with it.
            for request in [busy, second, third, other] where request.host == 0 { request.client.close() }
            try waitUntil("they are counted out") {
                try proxy.stats("upstream_rq_active")["cluster.many.upstream_rq_active"] == 2
            }
            for _ in 0..<8 { #expect(try scene.exchange(port) == 0) }
        }
    }

    @Test func requestsComeAlongInARestart() throws {
        try withBed { bed in
            var scene = try Scene()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(scene.configuration, flags)
            let busy = try scene.ask(try parent.port)
            let child = try bed.proxy(scene.configuration, flags)
            let port = try child.port
            for _ in 0..<10 { #expect(try scene.exchange(port) == 1 - busy.host) }
            // It ends there.
            try busy.served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            #expect(try busy.client.response().text == "ok")
            // Nothing of it is left: of two that have nothing to do either is chosen.
            #expect(try (0..<40).contains { _ in try scene.exchange(port) == busy.host })
        }
    }

    /// Weights are divided by what a host has to do.
    @Test func weightsAndRequestsCount() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, "lb_policy: LEAST_REQUEST") { "load_balancing_weight: \($0 + 1)" }
            let proxy = try scene.proxy(concurrency: 1)
            // Nobody has more than one at a time, so that it goes by the weights.
            let shares = try scene.shares(proxy, 60)
            for (host, share) in [("h0", 10), ("h1", 20), ("h2", 30)] {
                #expect(abs(shares[host, default: 0] - share) <= 1, "\(shares)")
            }
        }
    }

    /// With a bias of 0 requests do not count; with a large one hosts have as many, whatever their weights are.
    @Test(arguments: [(0, nil, 10), (0, 30, 15), (30, nil, 15), (30, 0, 10)] as [(Int, Int?, Int)])
    func requestsCountByTheBias(fallback: Int, runtime: Int?, light: Int) throws {
        try withBed { bed in
            var scene = try BalancingScene(
                bed,
                "lb_policy: LEAST_REQUEST, least_request_lb_config: "
                    + "{ active_request_bias: { default_value: \(fallback), runtime_key: lb.bias } }", hosts: 2
            ) { "load_balancing_weight: \($0 + 1)" }
            if let runtime {
                scene.configuration.top = [
                    "layered_runtime: { layers: [{ name: s, static_layer: { lb.bias: \(runtime) } }] }"
                ]
            }
            let proxy = try scene.proxy(concurrency: 1)
            var clients: [Client] = []
            for number in 1...30 {
                let client = try proxy.client()
                try client.send("GET /hang HTTP/1.1\r\nhost: test\r\n\r\n")
                clients.append(client)
                // Who is only waiting for a connection does not count yet.
                try waitUntil("a host has it") {
                    try proxy.stats("upstream_rq_active")["cluster.many.upstream_rq_active"] == UInt64(number)
                }
            }
            let stats = try scene.hosts.map { try $0.count }
            #expect(abs(stats[0] - light) <= 1 && stats[0] + stats[1] == 30, "\(stats)")
        }
    }

    @Test func tunnelsCount() throws {
        try withBed { bed in
            var scene = try Scene()
            scene.configuration.tcp = []
            let proxy = try bed.proxy(scene.configuration)
            let port = try proxy.port
            var tunnels: [(Client, Client)] = []
            var counts = [0, 0]
            for _ in 0..<8 {
                let client = try Client(port: port)
                let (host, served) = try scene.accept()
                // A byte that has come tells that the tunnel is there.
                try client.send("a")
                #expect(try served.receive(count: 1) == Array("a".utf8))
                counts[host] += 1
                tunnels.append((client, served))
            }
            #expect(counts == [4, 4])
        }
    }
}
