import StatCatalog
import Testing

/// The table of stats against what a running proxy shows.
@Suite struct CatalogTests {
    @Test func theTableIsWhatIsShown() throws {
        try withBed { bed in
            let proxy = try bed.startProxy(Self.configuration(bed, upstream: try bed.upstream().port))
            try bed.waitUntilServing(proxy)
            try traffic(proxy)
            var shown: Set<String> = []
            try waitUntil("a rare status has its cells") {
                shown = Self.names(try bed.output("statdump", ["--base-id", "\(bed.baseID)"]).output)
                return shown.isSuperset(
                    of: ["cluster.static.upstream_rq_418", "cluster.static.external.upstream_rq_418"])
            }
            #expect(Self.names(try proxy.admin("/stats").text).symmetricDifference(shown) == [])

            let strangers = shown.filter { StatCatalog.describe($0) == nil }.sorted()
            #expect(strangers == [], "shown, but not in the table")
            let found = Set(shown.compactMap { StatCatalog.describe($0)?.fullName })
            let missing = StatCatalog.all.filter { !$0.isOnDemand && !found.contains($0.fullName) }.map(\.fullName)
            #expect(missing == [], "in the table, not marked as on demand, but not shown")
            let used = ["upstream_rq_<code>", "<origin>.upstream_rq_<code>", "<origin>.upstream_rq_time"]
            for name in used { #expect(found.contains("cluster.<name>.\(name)")) }
        }
    }

    @Test func kindsAreThoseOfTheTable() throws {
        try withBed { bed in
            let proxy = try bed.startProxy(Self.configuration(bed, upstream: try bed.upstream().port))
            try bed.waitUntilServing(proxy)
            try traffic(proxy)
            for (type, kind) in [("Counters", "counter"), ("Gauges", "gauge"), ("Histograms", "histogram")] {
                let names = Self.names(try proxy.admin("/stats?type=\(type)").text)
                #expect(!names.isEmpty)
                let others = names.filter { StatCatalog.describe($0)?.kind.name != kind }.sorted()
                #expect(others == [], "\(type) are not that in the table")
            }
        }
    }

    /// A bit of everything that has stats of its own.
    private func traffic(_ proxy: Proxy) throws {
        let http = try Client(port: proxy.port(of: "http"))
        #expect(try http.get("/").status == 200)
        #expect(try http.get("/status/418").status == 418)
        #expect(try http.get("/dns").status == 200)
        #expect(try http.get("/direct").status == 204)
        try http.send("GET / HTTP/1.1\r\nhost: other\r\n\r\n")
        #expect(try http.response().status == 404)
        http.close()
        let tunnel = try Client(port: proxy.port(of: "http"))
        try tunnel.send("GET /chat HTTP/1.1\r\nhost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
        #expect(try tunnel.response().status == 101)
        #expect(try tunnel.receive(count: 5) == Array("early".utf8))
        tunnel.close()
        let tcp = try Client(port: proxy.port(of: "tcp"))
        #expect(try tcp.get("/").status == 200)
        tcp.close()
        #expect(try proxy.admin("/nothing").status == 404)
    }

    private static func names(_ text: String) -> Set<String> {
        Set(text.split(separator: "\n").compactMap { line in line.split(separator: ": ").first.map(String.init) })
    }

    private static func configuration(_ bed: Bed, upstream port: UInt16) throws -> String {
        let endpoints = try bed.file("eds.yaml", DiscoveryScene.endpoints([port]))
        let clusters = try bed.file("cds.yaml", "resources: []")
        let listeners = try bed.file("lds.yaml", "resources: []")
        let routes = try bed.file("rds.yaml", DiscoveryScene.routes(DiscoveryScene.says("a")))
        return """
            static_resources:
              listeners:
              - name: http
                address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
                stat_prefix: of_http
                filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": \(type("http_connection_manager.v3.HttpConnectionManager"))
                      stat_prefix: in.http
                      upgrade_configs: [{ upgrade_type: websocket }]
                      route_config:
                        virtual_hosts:
                        - name: test
                          domains: [test]
                          virtual_clusters: [{ name: v, headers: [{ name: ":method", exact_match: GET }] }]
                          routes:
                          - { match: { path: /direct }, direct_response: { status: 204 } }
                          - { match: { path: /dns }, route: { cluster: dns, prefix_rewrite: / } }
                          - { match: { prefix: / }, route: { cluster: static } }
                      http_filters:
                      - { name: fault, typed_config: { "@type": \(http("fault.v3.HTTPFault")) } }
                      - { name: cors, typed_config: { "@type": \(http("cors.v3.Cors")) } }
                      - name: limit
                        typed_config: { "@type": \(http("local_ratelimit.v3.LocalRateLimit")), stat_prefix: of_limit }
                      - name: envoy.filters.http.router
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              - name: tcp
                address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
                stat_prefix: of_tcp
                listener_filters:
                - name: envoy.filters.listener.proxy_protocol
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
                    allow_requests_without_proxy_protocol: true
                filter_chains:
                - filters:
                  - name: envoy.filters.network.connection_limit
                    typed_config:
                      "@type": \(type("connection_limit.v3.ConnectionLimit"))
                      stat_prefix: limited
                      max_connections: 10
                  - name: envoy.filters.network.local_ratelimit
                    typed_config:
                      "@type": \(type("local_ratelimit.v3.LocalRateLimit"))
                      stat_prefix: rate
                      token_bucket: { max_tokens: 100, fill_interval: 1s }
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": \(type("tcp_proxy.v3.TcpProxy"))
                      stat_prefix: in_tcp
                      cluster: static
              - name: routed
                address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
                filter_chains:
                - filters:
                  - name: envoy.filters.network.http_connection_manager
                    typed_config:
                      "@type": \(type("http_connection_manager.v3.HttpConnectionManager"))
                      stat_prefix: in.http
                      rds: { route_config_name: rc, config_source: { path_config_source: { path: \(routes) } } }
                      http_filters:
                      - name: envoy.filters.http.router
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              clusters:
              - \(DiscoveryScene.cluster(endpoints))
              - name: static
                type: STATIC
                health_checks:
                - { timeout: 5s, interval: 5s, unhealthy_threshold: 2, healthy_threshold: 1, tcp_health_check: {} }
                outlier_detection: {}
                circuit_breakers: { thresholds: [{ track_remaining: true }] }
                lb_policy: MAGLEV
                load_assignment: \(assignment("static", "127.0.0.1", port))
              - name: dns
                type: STRICT_DNS
                dns_lookup_family: V4_ONLY
                lb_policy: RING_HASH
                load_assignment: \(assignment("dns", "localhost", port))
            admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
            dynamic_resources: { cds_config: { path: \(clusters) }, lds_config: { path: \(listeners) } }
            \(Configuration.overload(heap: 1 << 60, [("shrink_heap", "threshold: { value: 1 }")]).joined(separator: "\n"))
            """
    }

    private static func type(_ filter: String) -> String {
        "type.googleapis.com/envoy.extensions.filters.network.\(filter)"
    }

    private static func http(_ filter: String) -> String {
        "type.googleapis.com/envoy.extensions.filters.http.\(filter)"
    }

    private static func assignment(_ cluster: String, _ host: String, _ port: UInt16) -> String {
        let address = "{ socket_address: { address: \(host), port_value: \(port) } }"
        return "{ cluster_name: \(cluster), endpoints: [{ lb_endpoints: [{ endpoint: { address: \(address) } }] }] }"
    }
}
