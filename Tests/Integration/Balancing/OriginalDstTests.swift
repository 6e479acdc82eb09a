import CLinux
import Glibc
import Testing

/// Clusters of type ORIGINAL_DST, and listeners that know where their connections went before they were redirected.
@Suite struct OriginalDstTests {
    private static let listeners = "type.googleapis.com/envoy.extensions.filters.listener"
    private static let filter = "{ name: o, typed_config: { \"@type\": \(listeners).original_dst.v3.OriginalDst } }"

    /// IP_TRANSPARENT, which shows a listener where connections go as a redirection by TPROXY does, needs CAP_NET_ADMIN.
    private static let mayBeTransparent: Bool = {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { _ = cl_close(descriptor) }
        return cl_set_int(descriptor, Int32(IPPROTO_IP), 19, 1) == 0
    }()

    private static func cluster(_ name: String, _ config: String, _ more: String = "") -> String {
        "{ name: \(name), type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s, "
            + "original_dst_lb_config: { \(config) }\(more) }"
    }

    /// All requests go to a cluster `dst`.
    private static func configuration(_ config: String, _ more: String = "") -> Configuration {
        var configuration = Configuration(1)
        configuration.routes = ["{ match: { prefix: / }, route: { cluster: dst } }"]
        configuration.moreClusters = [cluster("dst", config, more)]
        return configuration
    }

    private static func get(_ client: Client, _ host: String) throws -> Response {
        try client.get("/", "x-envoy-original-dst-host: \(host)")
    }

    @Test func theHeaderNamesTheHost() throws {
        try withBed { bed in
            let upstreams = try (0..<2).map { _ in try bed.upstream() }
            let proxy = try bed.proxy(Self.configuration("use_http_header: true"), concurrency: 1)
            let client = try proxy.client()
            for _ in 0..<2 {
                for upstream in upstreams {
                    #expect(try Self.get(client, "127.0.0.1:\(upstream.port)").text == upstream.hello)
                }
            }
            #expect(try Self.get(client, "nobody").status == 503)
            #expect(try client.get("/").status == 503)
            let stats = try proxy.stats("cluster.dst")
            #expect(stats["cluster.dst.original_dst_host_invalid"] == 1)
            #expect(stats["cluster.dst.upstream_cx_none_healthy"] == 2)
            #expect(stats["cluster.dst.membership_total"] == 2)
            #expect(stats["cluster.dst.membership_change"] == 2)
            #expect(stats["cluster.dst.upstream_cx_total"] == 2)
            let shown = try proxy.admin("/clusters").text
            #expect(
                shown.contains("dst::127.0.0.1:\(upstreams[0].port)::hostname::dst127.0.0.1:\(upstreams[0].port)\n"))
        }
    }

    /// Also over a hot restart, in which connections come along with their hosts.
    @Test func hostsGoWhenNobodyWantsThem() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let kept = try bed.upstream()
            let closing = try Listener()
            let configuration = Self.configuration("use_http_header: true", ", cleanup_interval: 0.05s")
            let first = try bed.proxy(configuration, flags, concurrency: 2)
            let client = try first.client()
            #expect(try Self.get(client, "127.0.0.1:\(kept.port)").text == kept.hello)
            let other = try first.client()
            try other.send("GET / HTTP/1.1\r\nhost: a\r\nx-envoy-original-dst-host: 127.0.0.1:\(closing.port)\r\n\r\n")
            let served = try closing.accept()
            try waitUntil("both are there") { try bed.statdump()["cluster.dst.membership_total"] == 2 }
            let second = try bed.proxy(configuration, flags, concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 2)
            #expect(try first.process.terminate() == .exit(0))
            try waitUntil("both are there again") { try bed.statdump()["cluster.dst.membership_total"] == 2 }
            _ = try served.request()
            try served.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")
            #expect(try other.response().text == "hi")
            served.close()
            try waitUntil("one is gone") { try bed.statdump()["cluster.dst.membership_total"] == 1 }
            // Its connection was kept, and so it was not made anew.
            #expect(try Self.get(client, "127.0.0.1:\(kept.port)").text == kept.hello)
            #expect(try kept.count == 2)
            let stats = try bed.statdump()
            #expect(stats["cluster.dst.upstream_cx_total"] == 2)
            #expect(stats["cluster.dst.upstream_cx_active"] == 1)
            for client in [client, other] { client.close() }
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    /// What a PROXY header says counts as restored, as in Envoy.
    @Test func aTunnelGoesWhereItsHeaderSays() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(1)
            configuration.listenerLines = ProxyProtocolScene.filter("allow_requests_without_proxy_protocol: true")
            configuration.tcp = []
            configuration.tcpClusters = "cluster: dst"
            configuration.moreClusters = [Self.cluster("dst", "")]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("PROXY TCP4 203.0.113.7 127.0.0.1 1111 \(upstream.port)\r\n")
            #expect(try client.get("/").text == upstream.hello)
            // Nobody knows where this one wanted to go.
            let other = try proxy.client()
            try other.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(try other.receiveToEnd() == [])
            #expect(try proxy.stats()["cluster.dst.upstream_cx_none_healthy"] == 1)
        }
    }

    @Test(.enabled(if: mayBeTransparent, "IP_TRANSPARENT needs CAP_NET_ADMIN"))
    func theKernelSaysWhereAConnectionWent() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Self.configuration("upstream_port_override: \(upstream.port)")
            configuration.listeners[0].address = "0.0.0.0"
            configuration.listenerLines = ["transparent: true", "listener_filters: [\(Self.filter)]"]
            let proxy = try bed.proxy(configuration)
            let client = try Client(port: proxy.port, address: "127.0.0.1")
            #expect(try client.get("/").text == upstream.hello)
            let shown = try proxy.admin("/clusters").text
            #expect(shown.contains("dst::127.0.0.1:\(upstream.port)::"))
        }
    }

    /// A listener without a socket gets what went to its address, also in the next process.
    @Test(.enabled(if: mayBeTransparent, "IP_TRANSPARENT needs CAP_NET_ADMIN"))
    func connectionsAreHandedToTheListenerTheyWentTo() throws {
        try withBed { bed in
            let flags = promptLogs + ["--hot-restart-file", bed.path("restart.sock")]
            let port: UInt16
            do { port = try Listener().port }
            let text = Self.handingOver(port)
            let first = try bed.startProxy(text, flags, concurrency: 1)
            try bed.waitUntilServing(first)
            #expect(try first.admin("/listeners").text == "all::0.0.0.0:\(port)\nunbound::127.0.0.7:\(port)\n")
            let direct = try Client(port: port)
            #expect(try direct.get("/").text == "all")
            let handed = try Client(port: port, address: "127.0.0.7")
            try handed.send("one")
            #expect(try handed.receive(count: 3) == Array("one".utf8))
            var stats = try bed.statdump()
            #expect(stats["listener.0.0.0.0_\(port).downstream_cx_active"] == 1)
            #expect(stats["listener.127.0.0.7_\(port).downstream_cx_active"] == 1)
            #expect(stats["listener_manager.total_listeners_active"] == 2)
            let second = try bed.startProxy(text, flags, concurrency: 1)
            try bed.waitUntilServing(second)
            try handed.send("two")
            #expect(try handed.receive(count: 3) == Array("two".utf8))
            #expect(try direct.get("/").text == "all")
            stats = try bed.statdump()
            #expect(stats["hot_restart.connections_moved"] == 2)
            #expect(stats["listener.127.0.0.7_\(port).downstream_cx_active"] == 1)
            #expect(try first.process.terminate() == .exit(0))
            for client in [direct, handed] { client.close() }
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    private static func handingOver(_ port: UInt16) -> String {
        """
        static_resources:
          listeners:
          - name: all
            address: { socket_address: { address: 0.0.0.0, port_value: \(port) } }
            use_original_dst: true
            transparent: true
            filter_chains:
            - \(FilterChainScene.chain(of: FilterChainScene.answers("all")))
          - name: unbound
            address: { socket_address: { address: 127.0.0.7, port_value: \(port) } }
            bind_to_port: false
            filter_chains:
            - \(FilterChainScene.chain(of: FilterChainScene.echo))
        admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
        """
    }

    // MARK: Netfilter

    /// In a network of its own, so that no rule is left behind.
    private static let mayRedirect = system("unshare -n iptables -t nat -L >/dev/null 2>&1") == 0

    @Test(.enabled(if: mayRedirect, "iptables in a network namespace needs root, unshare and iptables"))
    func whatNetfilterRedirects() throws {
        try withBed { bed in
            let envoyd = try Binaries.path("envoyd")
            let configuration = try bed.file("yaml", Self.redirected)
            let script = """
                ip link set lo up
                for target in 127.0.0.9 127.0.0.10; do
                    iptables -t nat -A OUTPUT -p tcp -d $target --dport 18080 -j REDIRECT --to-ports 15001 || exit 70
                done
                \(envoyd) -c \(configuration) --disable-hot-restart & proxy=$!
                until (exec 3<>/dev/tcp/127.0.0.1/15001) 2>/dev/null; do
                    kill -0 $proxy || exit 71
                    sleep 0.05
                done
                for target in 127.0.0.9 127.0.0.10; do
                    exec 3<>/dev/tcp/$target/18080
                    printf 'GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n' >&3
                    tail -n 1 <&3
                    echo
                done
                kill $proxy
                wait $proxy
                """
            let program = try bed.run("/usr/bin/env", ["unshare", "-n", "bash", "-c", script])
            #expect(try program.waitForEnd() == .exit(0))
            #expect(program.output == "far\nunbound\n", "\(program.errors)")
        }
    }

    private static let redirected = """
        static_resources:
          listeners:
          - name: all
            address: { socket_address: { address: 0.0.0.0, port_value: 15001 } }
            use_original_dst: true
            filter_chains:
            - filters:
              - name: tcp
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                  stat_prefix: all
                  cluster: dst
          - name: far
            address: { socket_address: { address: 127.0.0.9, port_value: 18081 } }
            filter_chains:
            - \(FilterChainScene.chain(of: FilterChainScene.answers("far")))
          - name: unbound
            address: { socket_address: { address: 127.0.0.10, port_value: 18080 } }
            bind_to_port: false
            filter_chains:
            - \(FilterChainScene.chain(of: FilterChainScene.answers("unbound")))
          clusters:
          - \(cluster("dst", "upstream_port_override: 18081"))
        """
}
