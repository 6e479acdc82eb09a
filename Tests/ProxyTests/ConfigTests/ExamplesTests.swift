import ProxyConfig
import Testing

@Suite("The configurations in examples/")
struct ExamplesTests {
    private static func load(_ name: String) throws -> LoadedConfiguration {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let text = try #require(contents(of: "/\(root)/examples/\(name)"))
        return try BootstrapLoader.load(file: (name: name, text: text), inline: nil)
    }

    @Test(
        "load without warnings",
        arguments: [
            "access_log.yaml", "connect.yaml", "edge.yaml", "envoy.yaml", "envoy_v2.yaml", "filter_chains.yaml",
            "health.yaml", "sticky.yaml", "tcp.yaml", "websocket.yaml",
        ])
    func load(name: String) throws {
        let loaded = try Self.load(name)
        #expect(loaded.warnings == [])
        #expect(loaded.bootstrap.listeners.count == 1)
        #expect(loaded.bootstrap.clusters.count == 1)
        #expect(loaded.bootstrap.admin?.address == .socket(host: "127.0.0.1", port: 9901))
    }

    /// Who reaches it may end the process, so nothing that people copy opens it to others.
    @Test("the admin listener is on the loopback, in each of them")
    func admin() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let names = fileNames(in: "/\(root)/examples").filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 9)
        for name in names {
            let address = try Self.load(name).bootstrap.admin?.address
            guard case .socket(let host, _)? = address else { continue }
            #expect(host == "127.0.0.1" || host == "::1", "\(name)")
        }
    }

    @Test("envoy.yaml is taken over in full")
    func envoy() throws {
        let loaded = try Self.load("envoy.yaml")
        let listener = try #require(loaded.bootstrap.listeners.first)
        #expect(listener.name == "listener_0")
        #expect(listener.address == .socket(host: "0.0.0.0", port: 10000))
        #expect(listener.location == SourceLocation(file: "envoy.yaml", line: 4, column: 5))
        let http = try #require(loaded.http)
        #expect(http.statPrefix == "ingress_http")
        #expect(http.routes.name == "local_route")
        #expect(http.routes.virtualHosts.map(\.name) == ["local_service"])
        #expect(http.routes.virtualHosts.first?.domains == ["*"])
        #expect(loaded.route?.match == .prefix("/"))
        #expect(loaded.forward?.cluster == .named("some_service"))
        #expect(loaded.forward?.clusterLocation == SourceLocation(file: "envoy.yaml", line: 20, column: 35))
        let cluster = try #require(loaded.bootstrap.clusters.first)
        #expect(cluster.name == "some_service")
        #expect(cluster.discovery == .logicalDNS)
        #expect(cluster.dnsFamily == .v4Only)
        #expect(cluster.connectTimeoutMs == 250)
        #expect(cluster.endpoints.map(\.address) == [.socket(host: "127.0.0.1", port: 8080)])
    }

    @Test("connect.yaml: a CONNECT that ends here")
    func connect() throws {
        let loaded = try Self.load("connect.yaml")
        #expect(loaded.http?.upgradeTypes == ["connect"])
        #expect(loaded.route?.match == .connect)
        #expect(loaded.forward?.terminatesConnect == true && loaded.forward?.upgrades == ["connect": true])
    }

    @Test("websocket.yaml: upgrades of the route")
    func webSocket() throws {
        let loaded = try Self.load("websocket.yaml")
        let routes = try #require(loaded.http?.routes.virtualHosts.first?.routes)
        #expect(routes.map(\.match) == [.path("/healthz"), .pathSeparatedPrefix("/ws"), .prefix("/")])
        guard case .directResponse(let status, let body) = routes[0].action,
            case .forward(let forward) = routes[1].action
        else {
            Issue.record("unexpected actions")
            return
        }
        #expect(status == 200)
        #expect(body == Array("ok\n".utf8))
        #expect(forward.upgrades == ["websocket": true])
        #expect(forward.timeoutMs == 0)
        #expect(forward.idleTimeoutMs == 3_600_000)
    }

    @Test("a virtual host without domains is one for all, with a warning at its line")
    func noDomains() throws {
        let loaded = try Self.load("user_no_domains.yaml")
        #expect(loaded.http?.routes.virtualHosts.first?.domains == ["*"])
        let host =
            "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0]"
        #expect(
            loaded.warnings.map(\.description) == [
                "user_no_domains.yaml:16:15: \(host): no \"domains\", taken as [\"*\"]; Envoy requires them"
            ])
    }
}
