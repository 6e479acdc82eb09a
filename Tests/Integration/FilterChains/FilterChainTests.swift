import Glibc
import Testing

/// Listeners with several filter chains.
@Suite struct FilterChainTests {
    private typealias Scene = FilterChainScene

    @Test func eachConnectionGetsItsChain() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let raw = try Listener()
            var configuration = Scene.configuration(
                upstream.port, Scene.tunnel(to: "raw", Scene.to("127.0.0.2")),
                Scene.answering("third", Scene.to("127.0.0.3")))
            configuration.moreClusters = [
                """
                { name: raw, load_assignment: { cluster_name: raw, endpoints: [{ lb_endpoints: [{ endpoint: { address: \
                { socket_address: { address: 127.0.0.1, port_value: \(raw.port) } } } }] }] } }
                """
            ]
            let proxy = try bed.proxy(configuration)
            let port = try proxy.port
            #expect(try Client(port: port).get("/").status == 200)
            let client = try Client(port: port, address: "127.0.0.2")
            try client.send("hello")
            let served = try raw.accept()
            #expect(try served.receive(count: 5) == Array("hello".utf8))
            #expect(try Client(port: port, address: "127.0.0.3").get("/").text == "third")
            for _ in 0..<2 { #expect(try Client(port: port, address: "127.0.0.4").receiveToEnd() == []) }
            try waitUntil("closed ones are counted") {
                try proxy.stats()["listener.0.0.0.0_0.downstream_cx_active"] == 1
            }
            let stats = try proxy.stats()
            #expect(stats["listener.0.0.0.0_0.no_filter_chain_match"] == 2)
            #expect(stats["listener.0.0.0.0_0.downstream_cx_total"] == 3)
            #expect(stats["listener.0.0.0.0_0.downstream_cx_destroy"] == 2)
            #expect(stats["http.ingress_http.downstream_cx_total"] == 1)
            #expect(stats["http.third.downstream_cx_total"] == 1)
            #expect(stats["http.third.downstream_rq_2xx"] == 1)
            #expect(stats["listener.0.0.0.0_0.http.third.downstream_rq_2xx"] == 1)
            #expect(stats["tcp.raw.downstream_cx_total"] == 1)
            #expect(stats["tcp.raw.downstream_cx_rx_bytes_total"] == 5)
            client.close()
            served.close()
            try waitUntil("all have ended") { try proxy.stats()["listener.0.0.0.0_0.downstream_cx_active"] == 0 }
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    @Test func whatNoChainTakesIsForTheDefaultOne() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Scene.configuration(upstream.port)
            configuration.listenerLines = ["default_filter_chain: { filters: \(Scene.answeringFilters("rest")) }"]
            let proxy = try bed.proxy(configuration)
            #expect(try Client(port: proxy.port).get("/").text != "rest")
            #expect(try Client(port: proxy.port, address: "127.0.0.2").get("/").text == "rest")
            #expect(try proxy.stats()["listener.0.0.0.0_0.no_filter_chain_match"] == 0)
        }
    }

    /// It is chosen behind the header, by what that says.
    @Test func aHeaderChoosesTheChain() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = ProxyProtocolScene.filter()
            configuration.chainLines = ["filter_chain_match: { \(Scene.from("203.0.113.0", 24)) }"]
            configuration.moreChains = [
                Scene.answering("six", "source_prefix_ranges: [{ address_prefix: \"2001:db8::\", prefix_len: 32 }]")
            ]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let first = try proxy.client()
            try first.send(ProxyProtocolScene.line + ProxyProtocolScene.get)
            #expect(try first.response().status == 200)
            let six = try proxy.client()
            try six.send(ProxyProtocolScene.lineIPv6 + ProxyProtocolScene.get)
            #expect(try six.response().text == "six")
            let none = try proxy.client()
            try none.send("PROXY TCP4 203.0.114.7 198.51.100.1 1111 2222\r\n")
            #expect(try none.receiveToEnd() == [])
            try waitUntil("it has ended") {
                try proxy.stats()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0
            }
            let stats = try proxy.stats()
            #expect(stats["listener.127.0.0.1_0.no_filter_chain_match"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 2)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_active"] == 2)
            #expect(stats["http.six.downstream_cx_active"] == 1)
        }
    }

    /// The limit is the listener's, whichever chain its connections have; those without a chain do not count.
    @Test func theLimitOfConnectionsIsTheListeners() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Scene.configuration(upstream.port, Scene.answering("two", Scene.to("127.0.0.2")))
            configuration.top = [
                "layered_runtime: { layers: [{ name: static, static_layer: "
                    + "{ envoy: { resource_limits: { listener: { listener_0: { connection_limit: 2 } } } } } }] }"
            ]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let port = try proxy.port
            for _ in 0..<3 { #expect(try Client(port: port, address: "127.0.0.3").receiveToEnd() == []) }
            let first = try Client(port: port)
            #expect(try first.get("/").status == 200)
            let second = try Client(port: port, address: "127.0.0.2")
            #expect(try second.get("/").text == "two")
            #expect(try Client(port: port, address: "127.0.0.2").receiveToEnd() == [])
            second.close()
            try waitUntil("it has ended") { try proxy.stats()["listener.0.0.0.0_0.downstream_cx_active"] == 1 }
            #expect(try Client(port: port, address: "127.0.0.2").get("/").text == "two")
            let stats = try proxy.stats()
            #expect(stats["listener.0.0.0.0_0.downstream_cx_overflow"] == 1)
            #expect(stats["listener.0.0.0.0_0.no_filter_chain_match"] == 3)
        }
    }
}
