import Glibc
import Testing
import ThreadTesting

/// LDS from a file, from outside.
@Suite struct ListenerDiscoveryTests {
    private static let type = "\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener"
    private static let filters = "type.googleapis.com/envoy.extensions.filters"

    private static func http(_ text: String, _ more: String = "") -> String {
        "{ name: http, typed_config: { \"@type\": \(filters).network.http_connection_manager.v3.HttpConnectionManager, "
            + "stat_prefix: \(text)\(more), http_filters: [{ name: r, typed_config: { \"@type\": "
            + "\(filters).http.router.v3.Router } }]"
            + (more.contains("rds:")
                ? " } }"
                : ", route_config: { virtual_hosts: [{ name: v, domains: [\"*\"], routes: [\(says(text))] }] } } }")
    }

    private static func says(_ text: String) -> String {
        "{ match: { prefix: /service }, route: { cluster: service } }, "
            + "{ match: { prefix: / }, direct_response: { status: 200, body: { inline_string: \(text) } } }"
    }

    private static func chain(_ filter: String, _ more: String = "") -> String { "{ filters: [\(filter)]\(more) }" }

    /// A listener of the file.
    private static func listener(_ name: String, _ chains: String..., port: UInt16 = 0, more: String = "") -> String {
        "{ \(type), name: \(name), address: { socket_address: { address: 127.0.0.1, port_value: \(port) } }, "
            + "filter_chains: [\(chains.joined(separator: ", "))]\(more) }"
    }

    private static func says(_ name: String, _ text: String, port: UInt16 = 0, more: String = "") -> String {
        listener(name, chain(http(text)), port: port, more: more)
    }

    private static func file(_ listeners: String..., version: String = "v") -> String {
        "version_info: \"\(version)\"\nresources: [\(listeners.joined(separator: ",\n"))]\n"
    }

    private static func configuration(_ file: String, _ upstream: UInt16 = 1) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.listeners = []
        configuration.top = ["dynamic_resources: { lds_config: { path_config_source: { path: \"\(file)\" } } }"]
        return configuration
    }

    private static func counters(_ proxy: Proxy) throws -> [Int] {
        let stats = try proxy.stats("listener_manager")
        return ["listener_added", "listener_modified", "listener_in_place_updated", "listener_removed"]
            .map { Int(stats["listener_manager.\($0)"] ?? 0) }
    }

    private static func gauges(_ proxy: Proxy) throws -> [Int] {
        let stats = try proxy.stats("listener_manager")
        return ["listeners_active", "listeners_draining", "filter_chains_draining"]
            .map { Int(stats["listener_manager.total_\($0)"] ?? 99) }
    }

    private static func take(_ path: String, _ proxy: Proxy, version: String, _ listeners: String...) throws {
        try DiscoveryScene.replace(
            path, "version_info: \"\(version)\"\nresources: [\(listeners.joined(separator: ",\n"))]\n")
        let wanted = "listener_manager.lds.version_text: \"\(version)\"\n"
        try waitUntil("change \(version): \(proxy.log)") {
            try proxy.admin("/stats?filter=lds.version_text").text == wanted
        }
    }

    @Test func listenersComeChangeAndGo() throws {
        try withBed { bed in
            let path = try bed.file("lds.yaml", Self.file(Self.says("a", "one"), version: "1"))
            let proxy = try bed.proxy(Self.configuration(path))
            let port = try proxy.port(of: "a")
            let live = try Client(port: port)
            #expect(try live.get("/").text == "one")
            #expect(try Self.counters(proxy) == [1, 0, 0, 0] && Self.gauges(proxy) == [1, 0, 0])

            try Self.take(path, proxy, version: "2", Self.says("a", "one"), Self.says("b", "two"))
            let other = try proxy.port(of: "b")
            let second = try Client(port: other)
            #expect(try second.get("/").text == "two" && live.get("/").text == "one")
            #expect(try Self.counters(proxy) == [2, 0, 0, 0] && Self.gauges(proxy) == [2, 0, 0])
            #expect(try proxy.stats("http.two")["http.two.downstream_rq_2xx"] == 1)

            // The same port; a connection that was there has what it had.
            try Self.take(path, proxy, version: "3", Self.says("a", "three"), Self.says("b", "two"))
            #expect(try proxy.port(of: "a") == port)
            #expect(try Client(port: port).get("/").text == "three")
            #expect(try live.get("/").text == "one" && second.get("/").text == "two")
            #expect(try Self.counters(proxy) == [2, 1, 1, 0] && Self.gauges(proxy) == [2, 0, 1])
            live.close()
            try waitUntil("nobody has it any more") { try Self.gauges(proxy) == [2, 0, 0] }

            try Self.take(path, proxy, version: "4", Self.says("a", "three"))
            #expect(Client.isRefused(port: other))
            #expect(try second.get("/").text == "two", "it drains, for ten minutes")
            #expect(try Self.counters(proxy) == [2, 1, 1, 1] && Self.gauges(proxy) == [1, 1, 0])
            second.close()
            try waitUntil("nobody has it any more") { try Self.gauges(proxy) == [1, 0, 0] }

            try Self.take(path, proxy, version: "5", Self.says("a", "three"), Self.says("b", "five", port: other))
            #expect(try Client(port: other).get("/").text == "five")
            #expect(try proxy.stats("lds")["listener_manager.lds.update_success"] == 5)
            #expect(try proxy.stats("http.one")["http.one.downstream_cx_active"] == 0)
        }
    }

    /// Filter chains that stay as they are keep their connections, whatever becomes of the others.
    @Test func filterChainsThatStayAreLeftAlone() throws {
        try withBed { bed in
            func all(_ first: String?, _ last: String) -> String {
                let own =
                    ", filter_chain_match: { source_prefix_ranges: [{ address_prefix: 127.0.0.1, prefix_len: 32 }] }"
                let never = ", filter_chain_match: { source_ports: [1] }"
                let rest = first.map { [Self.chain(Self.http($0), never)] } ?? []
                let chains = rest + [Self.chain(Self.http("stays"), own)]
                return "{ \(Self.type), name: a, address: { socket_address: { address: 127.0.0.1, port_value: 0 } }, "
                    + "filter_chains: [\(chains.joined(separator: ", "))], "
                    + "default_filter_chain: \(Self.chain(Self.http(last))) }"
            }
            let path = try bed.file("lds.yaml", Self.file(all("never", "else")))
            let proxy = try bed.proxy(Self.configuration(path), ["--drain-time-s", "1"])
            let port = try proxy.port(of: "a")
            let live = try Client(port: port)
            #expect(try live.get("/").text == "stays")
            // Another one is new; the first goes, so that this one has to be in its place; it comes again.
            for (number, text) in [all("other", "else"), all(nil, "else"), all("never", "last")].enumerated() {
                try Self.take(path, proxy, version: "\(number)", text)
                #expect(try Self.counters(proxy) == [1, number + 1, number + 1, 0])
                #expect(try live.get("/").text == "stays" && Client(port: port).get("/").text == "stays")
            }
            try waitUntil("the others have gone") { try Self.gauges(proxy) == [1, 0, 0] }
            // Longer than the drain time.
            usleep(1_200_000)
            #expect(try live.get("/").text == "stays")
            let stats = try proxy.stats("http.stays")
            #expect(stats["http.stays.downstream_rq_2xx"] == 8 && stats["http.stays.downstream_cx_active"] == 1)
        }
    }

    /// Connections of what has gone are closed when the drain time is over, tunnels too.
    @Test(arguments: ["gradual", "immediate"])
    func whatHasGoneDrains(strategy: String) throws {
        try withBed { bed in
            let host = try Listener()
            let tunnel =
                "{ name: tcp, typed_config: { \"@type\": \(Self.filters).network.tcp_proxy.v3.TcpProxy, stat_prefix: t, "
                + "cluster: service } }"
            let path = try bed.file(
                "lds.yaml", Self.file(Self.says("a", "one"), Self.listener("t", Self.chain(tunnel))))
            let proxy = try bed.proxy(
                Self.configuration(path, host.port), ["--drain-time-s", "1", "--drain-strategy", strategy])
            let (idle, asking) = (try Client(port: try proxy.port(of: "a")), try Client(port: try proxy.port(of: "a")))
            #expect(try idle.get("/").text == "one" && asking.get("/").text == "one")
            let through = try Client(port: try proxy.port(of: "t"))
            try through.send("x")
            let other = try host.accept()
            #expect(try other.receive(count: 1) == Array("x".utf8))
            try Self.take(path, proxy, version: "2")
            #expect(try Self.gauges(proxy) == [0, 2, 0])
            if strategy == "immediate" {
                let answer = try asking.get("/")
                #expect(answer.text == "one" && answer["connection"] == "close")
                #expect(try proxy.stats("drain_close")["http.one.downstream_cx_drain_close"] == 1)
            }
            try waitUntil("all are closed") { idle.hasEnded() && through.hasEnded() && other.hasEnded() }
            try waitUntil("nobody is left") { try Self.gauges(proxy) == [0, 0, 0] }
            let stats = try proxy.stats("cx_active")
            #expect(stats["http.one.downstream_cx_active"] == 0 && stats["cluster.service.upstream_cx_active"] == 0)
        }
    }

    @Test func whatIsWrongChangesNothing() throws {
        try withBed { bed in
            let taken = try Listener()
            let path = try bed.file("lds.yaml", Self.file(Self.says("a", "one")))
            var configuration = Self.configuration(path)
            configuration.listeners = [Configuration.Listen(name: "static")]
            configuration.routes = ["{ match: { prefix: / }, direct_response: { status: 204 } }"]
            let proxy = try bed.proxy(configuration)
            let live = try Client(port: try proxy.port(of: "a"))
            let chains = (0..<300).map {
                Self.chain(Self.http("c\($0)"), ", filter_chain_match: { source_ports: [\($0 + 1)] }")
            }
            for (text, kind, line) in [
                ("resources: [", "failure", "YAML syntax"),
                (Self.file(Self.says("static", "one")), "rejected", "duplicate listener name \"static\""),
                (
                    Self.file(Self.says("a", "one"), Self.says("b", "two", more: ", nonsense: 1")), "rejected",
                    "resources[1].nonsense: unknown field"
                ),
                (
                    Self.file(Self.says("b", "two", port: taken.port)), "rejected",
                    "lds.yaml:2:13: b: cannot bind 127.0.0.1:\(taken.port): "
                ),
                (
                    Self.file(Self.listener("b", Self.chain(Self.http("b", ", max_request_headers_kb: 8000")))),
                    "rejected", "max_request_headers_kb is more than this process has room for; a hot restart has it"
                ),
                (
                    Self.file(Self.listener("b", chains.joined(separator: ", "))), "rejected",
                    "there is no room for listener b"
                ),
                (
                    Self.file(
                        Self.listener(
                            "b",
                            Self.chain(
                                Self.http("b", ", rds: { route_config_name: r, config_source: { path: /nowhere } }")))),
                    "rejected", "\"/nowhere\" "
                ),
            ] {
                let name = "listener_manager.lds.update_\(kind)"
                let before = try proxy.stats("lds")[name] ?? 0
                try DiscoveryScene.replace(path, text)
                try waitUntil("\(kind) is counted") { try proxy.stats("lds")[name] ?? 0 == before + 1 }
                try waitUntil("\(line) is told: \(proxy.log)") {
                    proxy.log.contains("lds: ") && proxy.log.contains(line)
                }
                #expect(try live.get("/").text == "one")
            }
            #expect(try Self.counters(proxy) == [2, 0, 0, 0] && Self.gauges(proxy) == [2, 0, 0])
        }
    }

    /// No connection is refused and no request lost while listeners change all the time.
    @Test func manyChangesUnderLoadLoseNothing() throws {
        try withBed { bed in
            let path = try bed.file("lds.yaml", Self.file(Self.says("a", "t0")))
            let proxy = try bed.proxy(Self.configuration(path))
            let port = try proxy.port(of: "a")
            let callers = Callers(port: port, count: 4, path: "/")
            for i in 1...40 {
                // Filter chains only, or all of it.
                let more = i % 3 == 0 ? ", per_connection_buffer_limit_bytes: \(100_000 + i)" : ""
                let others = (0..<i % 4).map { Self.says("o\(($0 + i) % 5)", "x") }
                let all = [Self.says("a", "t\(i % 5)", more: more)] + others
                try Self.take(path, proxy, version: "\(i)", all.joined(separator: ",\n"))
            }
            try callers.waitForAnswers(20)
            let tally = callers.stop()
            #expect(tally.turnedAway == 0 && tally.waited == 0)
            #expect(tally.answers.count > 2 && tally.answers.keys.allSatisfy { $0.hasPrefix("t") }, "\(tally.answers)")
        }
    }

    /// A listener with another name and the same address has its socket.
    @Test func aNewNameIsNoNewSocket() throws {
        try withBed { bed in
            let port = try Listener().port
            let path = try bed.file("lds.yaml", Self.file(Self.says("a", "one", port: port)))
            let proxy = try bed.proxy(Self.configuration(path))
            let callers = Callers(port: port, count: 2, path: "/")
            for i in 0..<10 {
                try Self.take(path, proxy, version: "\(i)", Self.says(i % 2 == 0 ? "b" : "a", "one", port: port))
            }
            try callers.waitForAnswers(20)
            let tally = callers.stop()
            #expect(tally.turnedAway == 0 && tally.waited == 0)
            #expect(try Self.counters(proxy) == [11, 0, 0, 10])
        }
    }

    /// Also where a standby has the sockets too: nobody may wait in their queues.
    @Test func listenersGoAfterARestart() throws {
        try withBed { bed in
            let path = try bed.file("lds.yaml", Self.file(Self.says("a", "one"), Self.says("b", "two")))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Self.configuration(path), flags)
            let (a, b) = (try parent.port(of: "a"), try parent.port(of: "b"))
            // What has come, changed and gone before the restart is as the file says.
            try Self.take(path, parent, version: "2", Self.says("a", "three"), Self.says("b", "two"))
            let (old, new) = (try Client(port: a), try Client(port: b))
            #expect(try old.get("/").text == "three" && new.get("/").text == "two")
            try Self.take(path, parent, version: "3", Self.says("a", "four"), Self.says("b", "two"))
            #expect(try old.get("/").text == "three", "it drains")
            let child = try bed.proxy(Self.configuration(path), flags)
            #expect(try child.port(of: "a") == a && child.port(of: "b") == b)
            #expect(try old.get("/").text == "four", "it has moved, to the listener of its name")
            #expect(try new.get("/").text == "two")
            try Self.take(path, child, version: "4", Self.says("b", "two"))
            try waitUntil("the standby has let it go, too") { Client.isRefused(port: a) }
            #expect(try new.get("/").text == "two" && Client(port: b).get("/").text == "two")
            // The standby serves again, with what it had.
            _ = try child.process.kill9()
            try waitUntil("it serves") { (try? Client(port: b).get("/").text) == "two" }
        }
    }

    /// Who still waits for the PROXY header is a client of the listener as it is then, and counted there.
    @Test func whoWaitsForItsHeaderGetsWhatThereIsThen() throws {
        try withBed { bed in
            func listener(_ text: String) -> String {
                Self.says(
                    "a", text,
                    more: ", stat_prefix: \(text), listener_filters: [{ name: p, typed_config: { \"@type\": "
                        + "\(Self.filters).listener.proxy_protocol.v3.ProxyProtocol } }]")
            }
            func waiting(_ proxy: Proxy) throws -> [UInt64?] {
                let stats = try proxy.stats("pre_cx_active")
                return ["one", "two"].map { stats["listener.\($0).downstream_pre_cx_active"] }
            }
            let path = try bed.file("lds.yaml", Self.file(listener("one")))
            let proxy = try bed.proxy(Self.configuration(path))
            let client = try Client(port: try proxy.port(of: "a"))
            try client.send("PROXY TCP4 1.2.3.4 5.6.7.8 ")
            try waitUntil("it waits") { try waiting(proxy)[0] == 1 }
            try Self.take(path, proxy, version: "2", listener("two"))
            #expect(try waiting(proxy) == [0, 1])
            try client.send("9 10\r\n")
            #expect(try client.get("/").text == "two")
            #expect(try waiting(proxy) == [0, 0])
        }
    }

    /// A listener that comes has files of its own: routes and access logs.
    @Test func aListenerThatComesHasItsFiles() throws {
        try withBed { bed in
            let rds = try bed.file("rds.yaml", DiscoveryScene.routes(DiscoveryScene.says("one")))
            let path = try bed.file("lds.yaml", Self.file())
            let proxy = try bed.proxy(Self.configuration(path), ["--file-flush-interval-msec", "10"])
            let logPath = bed.path("access.log")
            let log =
                "access_log: [{ name: f, typed_config: { \"@type\": "
                + "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: \"\(logPath)\", "
                + "log_format: { text_format_source: { inline_string: \"%RESPONSE_CODE%\\n\" } } } }]"
            let manager = ", \(log), rds: { route_config_name: rc, config_source: { path: \"\(rds)\" } }"
            try Self.take(path, proxy, version: "2", Self.listener("a", Self.chain(Self.http("r", manager))))
            let live = try Client(port: try proxy.port(of: "a"))
            #expect(try live.get("/").text == "one")
            try waitUntil("it is logged") { Files.read(logPath) == "200\n" }
            try DiscoveryScene.replace(rds, DiscoveryScene.routes(DiscoveryScene.says("two")))
            try waitUntil("its routes have changed") { try live.get("/").text == "two" }
            // Also those of the filter chain that a changed listener has left.
            try Self.take(
                path, proxy, version: "3", Self.listener("a", Self.chain(Self.http("s", manager))))
            try DiscoveryScene.replace(rds, DiscoveryScene.routes(DiscoveryScene.says("three")))
            try waitUntil("both have changed") {
                let fresh = try Client(port: try proxy.port(of: "a"))
                return try fresh.get("/").text == "three" && live.get("/").text == "three"
            }
        }
    }
}
