import Glibc

/// Hosts that say who they are, behind a cluster with a policy.
struct BalancingScene {
    let bed: Bed
    let hosts: [Upstream]
    var configuration: Configuration

    /// - Parameters:
    ///   - policy: fields of the cluster.
    ///   - endpoint: fields of the endpoint of the host with this position.
    ///   - group: fields of its `LocalityLbEndpoints`; hosts with the same fields stand in one.
    ///   - routes: by default all requests go there by the hash of `x-user`.
    init(
        _ bed: Bed, _ policy: String, hosts count: Int = 3, routes: [String] = [],
        endpoint: (Int) -> String = { _ in "" }, group: (Int) -> String = { _ in "" }
    ) throws {
        self.bed = bed
        hosts = try (0..<count).map { try bed.upstream("h\($0)") }
        configuration = Configuration(hosts[0].port)
        configuration.routes =
            routes.isEmpty
            ? ["{ match: { prefix: / }, route: { cluster: many, hash_policy: [{ header: { header_name: x-user } }] } }"]
            : routes
        let endpoints = hosts.enumerated().map { position, host in
            let more = endpoint(position)
            return "{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(host.port) } } }"
                + (more.isEmpty ? " }" : ", \(more) }")
        }
        let groups = Dictionary(grouping: endpoints.indices, by: group).sorted { $0.value[0] < $1.value[0] }.map {
            "{ \($0.key.isEmpty ? "" : "\($0.key), ")lb_endpoints: "
                + "[\($0.value.map { endpoints[$0] }.joined(separator: ", "))] }"
        }
        configuration.moreClusters = [
            "{ name: many, connect_timeout: 5s, \(policy), load_assignment: { cluster_name: many, endpoints: "
                + "[\(groups.joined(separator: ", "))] } }"
        ]
    }

    static let maglev = "lb_policy: MAGLEV"
    static let ring = "lb_policy: RING_HASH"

    var restartFlags: [String] { ["--hot-restart-file", bed.path("restart.sock")] }

    func proxy(_ flags: [String] = [], concurrency: Int = 2) throws -> Proxy {
        try bed.proxy(configuration, flags, concurrency: concurrency)
    }

    /// Who answered a request: `h0`, `h1` …
    static func host(_ response: Response) throws -> String {
        guard response.status == 200, response.text.hasPrefix("hello from ") else {
            throw Failure("\(response.status) \(response.text)")
        }
        return String(response.text.dropFirst("hello from ".count).dropLast())
    }

    /// Who answers each of these users, each on a connection of its own, so that all workers have some.
    func hosts(_ proxy: Proxy, of users: [String]) throws -> [String] {
        try users.map { try Self.host(proxy.client().get("/", "x-user: \($0)")) }
    }

    /// How often each host answers of so many requests of nobody in particular.
    func shares(_ proxy: Proxy, _ count: Int) throws -> [String: Int] {
        let client = try proxy.client()
        var shares: [String: Int] = [:]
        for _ in 0..<count { shares[try Self.host(client.get("/")), default: 0] += 1 }
        return shares
    }

    static let users = (0..<40).map { "user \($0)" }
}
