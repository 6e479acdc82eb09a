import CLinux
import Glibc
import Testing

/// Stats sinks: what StatsD servers get of a proxy, also over restarts and deaths.
@Suite struct StatsSinkTests {
    private static let requests = "envoy.http.ingress_http.downstream_rq_total"
    private static let times = "envoy.http.ingress_http.downstream_rq_time"

    private static func configuration(_ sinks: String..., interval: String = "0.02s") -> Configuration {
        var configuration = Configuration(1)
        configuration.routes = ["{ match: { prefix: / }, direct_response: { status: 200 } }"]
        configuration.top = ["stats_flush_interval: \(interval)", "stats_sinks:"] + sinks.map { "- " + $0 }
        return configuration
    }

    private static func udp(_ port: UInt16, dog: Bool = false, _ more: String = "") -> String {
        let (name, type) = dog ? ("dog_statsd", "DogStatsdSink") : ("statsd", "StatsdSink")
        return "{ name: envoy.stat_sinks.\(name), typed_config: { "
            + "\"@type\": type.googleapis.com/envoy.config.metrics.v3.\(type), address: { socket_address: "
            + "{ protocol: UDP, address: 127.0.0.1, port_value: \(port) } }\(more) } }"
    }

    private static func ask(_ proxy: Proxy, _ times: Int) throws {
        let client = try proxy.client()
        for _ in 0..<times { #expect(try client.get("/").status == 200) }
    }

    @Test func whatIsCountedIsSentOnce() throws {
        try withBed { bed in
            let server = try StatsdServer()
            let tagged = try StatsdServer()
            let proxy = try bed.proxy(
                Self.configuration(
                    Self.udp(server.port), Self.udp(tagged.port, dog: true, ", prefix: p, max_bytes_per_datagram: 512"))
            )
            try Self.ask(proxy, 30)
            try waitUntil("30 requests are sent") { server.total(Self.requests) == 30 }
            try waitUntil("their times are sent") { server.values(Self.times) == 30 }
            try waitUntil("the gauge is sent") { server.gauge("envoy.server.live") == 1 }
            #expect(server.datagrams.allSatisfy { !$0.contains("\n") })
            let suffix = "|#envoy.http_conn_manager_prefix:ingress_http"
            try waitUntil("the tagged ones are sent") {
                tagged.total("p.http.downstream_rq_total", suffix) == 30
            }
            #expect(
                tagged.lines.contains {
                    $0.hasPrefix("p.http.downstream_rq_total:")
                        && $0.hasSuffix("|c|#envoy.http_conn_manager_prefix:ingress_http")
                })
            #expect(tagged.datagrams.contains { $0.contains("\n") })
            #expect(tagged.datagrams.allSatisfy { $0.utf8.count <= 512 || !$0.contains("\n") })
            // As with Envoy, what was used once is sent each time.
            let idle = server.lines.count
            try waitUntil("zeros are sent") {
                server.receive()
                return server.lines[idle...].contains("\(Self.requests):0|c")
            }
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    /// The last interval is sent when the process ends.
    @Test func theRestIsSentAtTheEnd() throws {
        try withBed { bed in
            let server = try StatsdServer()
            let proxy = try bed.proxy(Self.configuration(Self.udp(server.port), interval: "200s"))
            try Self.ask(proxy, 7)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(server.total(Self.requests) == 7)
        }
    }

    /// Hot restarts, a child that dies, a cold start after the death of all: each request is in one of the deltas. Intervals end when the
    /// test wants it, since who is killed between sending and noting it leaves lines that are sent again.
    @Test func nothingIsLostOrSentTwiceOverRestartsAndDeaths() throws {
        try withBed { bed in
            let server = try StatsdServer()
            var configuration = Self.configuration(Self.udp(server.port))
            configuration.top[0] = "stats_flush_on_admin: true"
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var asked: UInt64 = 0
            func ask(_ proxy: Proxy, _ times: Int, sends: Bool) throws {
                try Self.ask(proxy, times)
                asked += UInt64(times)
                guard sends else { return }
                // An interval begins to be sent when the one before has been noted.
                let before = server.count("envoy.server.live")
                try waitUntil("all of it is sent, and the next interval, too") {
                    _ = try proxy.admin("/stats")
                    return server.count("envoy.server.live") >= before + 2
                }
                #expect(server.total(Self.requests) == asked)
            }
            for round in 1...4 {
                let parent = try bed.proxy(configuration, flags)
                try ask(parent, 20 * round, sends: round % 2 == 0)
                let child = try bed.proxy(configuration, flags)
                try ask(child, 15, sends: round > 2)
                #expect(try child.process.kill9() == .signal(SIGKILL))
                try waitUntil("the parent serves again") { try parent.admin("/ready").text == "LIVE\n" }
                try ask(parent, 10, sends: round == 3)
                let last = try bed.proxy(configuration, flags)
                try ask(last, 5, sends: false)
                #expect(try parent.process.kill9() == .signal(SIGKILL))
                try ask(last, 5, sends: round > 1)
                #expect(try last.process.kill9() == .signal(SIGKILL))
                #expect(server.total(Self.requests) <= asked)
            }
            let proxy = try bed.proxy(configuration, flags)
            try ask(proxy, 1, sends: true)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(server.total(Self.requests) == asked)
            #expect(server.values(Self.times) == Int(asked))
            let counted = try bed.statdump()["http.ingress_http.downstream_rq_total"]
            #expect(counted == asked)
        }
    }

    /// Processes that are killed before they have sent anything leave a debt, which goes along when the region is made anew
    /// without the names that nobody uses any more.
    @Test func theDebtOutlivesARebuiltRegion() throws {
        try withBed { bed in
            let server = try StatsdServer()
            var other = Self.configuration(Self.udp(server.port), interval: "200s")
            let first = try bed.proxy(other)
            try Self.ask(first, 5)
            #expect(try first.process.kill9() == .signal(SIGKILL))
            other.cluster = "another"
            let second = try bed.proxy(other)
            try Self.ask(second, 6)
            #expect(try second.process.kill9() == .signal(SIGKILL))
            #expect(try bed.statdump()["stats.region_generation"] == 1)
            let third = try bed.proxy(other)
            try Self.ask(third, 7)
            #expect(try third.process.terminate() == .exit(0))
            #expect(try bed.statdump()["stats.region_generation"] == 2)
            #expect(server.total(Self.requests) == 18)
            #expect(server.values(Self.times) == 18)
        }
    }

    /// What was counted before there were sinks is not sent as if it had just happened.
    @Test func whatWasCountedBeforeIsNotOwed() throws {
        try withBed { bed in
            let server = try StatsdServer()
            var without = Self.configuration()
            without.top = []
            let first = try bed.proxy(without)
            try Self.ask(first, 50)
            #expect(try first.process.kill9() == .signal(SIGKILL))
            let second = try bed.proxy(Self.configuration(Self.udp(server.port)))
            try Self.ask(second, 3)
            try waitUntil("3 requests are sent") {
                server.total(Self.requests) == 3 && server.values(Self.times) == 3
            }
            #expect(try second.process.kill9() == .signal(SIGKILL))
            // Nor what a process without sinks has counted since.
            let third = try bed.proxy(without)
            try Self.ask(third, 50)
            #expect(try third.process.terminate() == .exit(0))
            let fourth = try bed.proxy(Self.configuration(Self.udp(server.port)))
            try Self.ask(fourth, 4)
            #expect(try fourth.process.terminate() == .exit(0))
            #expect(server.total(Self.requests) == 7)
            #expect(server.values(Self.times) == 7)
        }
    }

    /// `/reset_counters` changes what readers see, not what is owed.
    @Test func aResetLosesNothing() throws {
        try withBed { bed in
            let server = try StatsdServer()
            let proxy = try bed.proxy(Self.configuration(Self.udp(server.port), interval: "200s"))
            try Self.ask(proxy, 4)
            #expect(try proxy.admin("/reset_counters", method: "POST").status == 200)
            try Self.ask(proxy, 5)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(server.total(Self.requests) == 9)
        }
    }

    @Test func withoutARegionEachProcessSendsItsOwn() throws {
        try withBed { bed in
            let server = try StatsdServer()
            let proxy = try bed.proxy(
                Self.configuration(Self.udp(server.port)), ["--disable-hot-restart"], baseID: false)
            try Self.ask(proxy, 8)
            try waitUntil("8 requests are sent") { server.total(Self.requests) == 8 }
            try Self.ask(proxy, 2)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(server.total(Self.requests) == 10)
            #expect(server.values(Self.times) == 10)
        }
    }

    /// A server behind a TCP connection that is away, comes, goes and comes again gets all of it.
    @Test func aServerThatIsAwayGetsItLater() throws {
        try withBed { bed in
            let probe = try Listener()
            let port = probe.port
            var configuration = Self.configuration(
                "{ name: envoy.stat_sinks.statsd, typed_config: { \"@type\": "
                    + "type.googleapis.com/envoy.config.metrics.v3.StatsdSink, tcp_cluster_name: statsd } }")
            configuration.moreClusters = [
                "{ name: statsd, type: STATIC, load_assignment: { cluster_name: statsd, endpoints: [{ lb_endpoints: "
                    + "[{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: \(port) } } } }] }] } }"
            ]
            let proxy = try bed.proxy(configuration)
            try Self.ask(proxy, 12)
            let connection = try probe.accept()
            var text = ""
            func total() -> UInt64 {
                text.split(separator: "\n").reduce(0) { sum, line in
                    guard line.hasPrefix("\(Self.requests):") else { return sum }
                    return sum + (UInt64(line.dropFirst(Self.requests.utf8.count + 1).prefix { $0 != "|" }) ?? 0)
                }
            }
            try waitUntil("12 requests are sent") {
                text += try connection.receive(through: "\n")
                return total() == 12
            }
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }
}
