import Glibc
import Testing

/// Hot restarts of listeners with several filter chains, into the same and into other ones.
@Suite struct FilterChainRestartTests {
    private typealias Scene = FilterChainScene

    private static let active = "listener.0.0.0.0_0.downstream_cx_active"

    private func flags(_ bed: Bed) -> [String] { promptLogs + ["--hot-restart-file", bed.path("restart.sock")] }

    private func moved(_ bed: Bed) throws -> UInt64 { try bed.statdump()["hot_restart.connections_moved"] ?? 0 }

    /// Connections of all chains, in the middle of what they do.
    @Test func connectionsKeepTheirChains() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Scene.configuration(
                upstream.port, Scene.tunnel(to: "service", Scene.to("127.0.0.2")),
                Scene.answering("third", Scene.to("127.0.0.3")))
            configuration.listenerLines = ["default_filter_chain: { filters: \(Scene.answeringFilters("rest")) }"]
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let port = try first.port
            let busy = try Client(port: port)
            try busy.send(ProxyProtocolScene.get)
            let asked = try upstream.accept()
            _ = try asked.request()
            let tunnel = try Client(port: port, address: "127.0.0.2")
            try tunnel.send("one")
            let far = try upstream.accept()
            #expect(try far.receive(count: 3) == Array("one".utf8))
            let third = try Client(port: port, address: "127.0.0.3")
            #expect(try third.get("/").text == "third")
            let rest = try Client(port: port, address: "127.0.0.4")
            #expect(try rest.get("/").text == "rest")
            var old = first
            for round in 1...2 {
                let new = try bed.proxy(configuration, flags(bed), concurrency: round)
                #expect(try moved(bed) == UInt64(4 * round))
                #expect(try old.process.terminate() == .exit(0))
                #expect(try third.get("/").text == "third")
                #expect(try rest.get("/").text == "rest")
                try tunnel.send("more")
                #expect(try far.receive(count: 4) == Array("more".utf8))
                try far.send("back")
                #expect(try tunnel.receive(count: 4) == Array("back".utf8))
                let stats = try bed.statdump()
                #expect(stats[Self.active] == 4)
                for prefix in ["ingress_http", "third", "rest"] {
                    #expect(stats["http.\(prefix).downstream_cx_active"] == 1)
                    #expect(stats["http.\(prefix).downstream_cx_total"] == 1)
                }
                #expect(stats["tcp.service.downstream_cx_total"] == 1)
                old = new
            }
            try asked.send(ProxyProtocolScene.answer)
            #expect(try busy.response().text == "hi")
            for client in [busy, tunnel, far, third, rest] { client.close() }
            try waitUntil("all have ended") { try bed.statdump()[Self.active] == 0 }
            let stats = try bed.statdump()
            for prefix in ["ingress_http", "third", "rest"] {
                #expect(stats["http.\(prefix).downstream_cx_active"] == 0)
                #expect(stats["http.\(prefix).downstream_cx_destroy"] == 1)
            }
            #expect(try old.process.terminate() == .exit(0))
        }
    }

    /// The new configuration says which chain has them: another one, or none, and then they stay where they are.
    @Test func otherMatchesMeanOtherChains() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let before = Scene.configuration(
                upstream.port, Scene.answering("two", Scene.to("127.0.0.2")),
                Scene.answering("three", Scene.to("127.0.0.3")), Scene.answering("four", Scene.to("127.0.0.4")))
            let first = try bed.proxy(before, flags(bed), concurrency: 1)
            let port = try first.port
            let clients = try (2...4).map { try Client(port: port, address: "127.0.0.\($0)") }
            for (client, name) in zip(clients, ["two", "three", "four"]) { #expect(try client.get("/").text == name) }
            // The second goes on in a chain of another name, the third speaks another protocol there, the fourth has none.
            let after = Scene.configuration(
                upstream.port, Scene.tunnel(to: "service", Scene.to("127.0.0.3")),
                Scene.answering("zwei", Scene.to("127.0.0.2")))
            let second = try bed.proxy(after, flags(bed), concurrency: 1)
            #expect(try moved(bed) == 1)
            #expect(try clients[0].get("/").text == "zwei")
            #expect(try clients[1].get("/").text == "three")
            #expect(try clients[2].get("/").text == "four")
            try waitUntil("the old process tells why") {
                first.log.contains("no filter chain of its listener takes it in the new configuration")
                    && first.log.contains("its listener speaks another protocol in the new configuration")
            }
            #expect(try Client(port: port, address: "127.0.0.4").receiveToEnd() == [])
            let stats = try bed.statdump()
            #expect(stats[Self.active] == 3)
            #expect(stats["http.two.downstream_cx_active"] == 0)
            #expect(stats["http.zwei.downstream_cx_active"] == 1)
            for client in clients[1...] { client.close() }
            #expect(try first.process.terminate() == .exit(0))
            #expect(try clients[0].get("/").text == "zwei")
            #expect(try bed.statdump()[Self.active] == 1)
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    /// A header that is whole only in the new process chooses there; who came with one is known by it there too.
    @Test func headersChooseInTheNewProcess() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = ProxyProtocolScene.filter()
            configuration.chainLines = ["filter_chain_match: { \(Scene.from("203.0.114.0", 24)) }"]
            configuration.moreChains = [Scene.answering("second", Scene.from("203.0.113.0", 24))]
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let whole = try first.client()
            try whole.send(ProxyProtocolScene.line + ProxyProtocolScene.get)
            #expect(try whole.response().text == "second")
            let halves = try (0..<2).map { _ in try first.client() }
            for half in halves { try half.send("PROXY TCP4 203.0.11") }
            try waitUntil("they wait") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 2 }
            configuration.moreChains = [Scene.answering("again", Scene.from("203.0.113.0", 24))]
            let second = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try moved(bed) == 3)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try whole.get("/").text == "again")
            try halves[0].send("3.9 198.51.100.1 1111 2222\r\n" + ProxyProtocolScene.get)
            #expect(try halves[0].response().text == "again")
            try halves[1].send("5.9 198.51.100.1 1111 2222\r\n" + ProxyProtocolScene.get)
            #expect(try halves[1].receiveToEnd() == [])
            try waitUntil("it has ended") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0 }
            let stats = try bed.statdump()
            #expect(stats["listener.127.0.0.1_0.no_filter_chain_match"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_active"] == 2)
            #expect(try second.process.terminate() == .exit(0))
        }
    }
}
