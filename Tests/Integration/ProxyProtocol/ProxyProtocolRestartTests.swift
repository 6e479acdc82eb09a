import Glibc
import Testing

/// Hot restarts with PROXY headers: half of one, connections that came through one, and those that begin with one.
@Suite struct ProxyProtocolRestartTests {
    private typealias Scene = ProxyProtocolScene

    private func flags(_ bed: Bed) -> [String] { promptLogs + ["--hot-restart-file", bed.path("restart.sock")] }

    private func moved(_ bed: Bed) throws -> UInt64 { try bed.statdump()["hot_restart.connections_moved"] ?? 0 }

    /// Its listener waits for a header.
    private static func filtered(_ upstream: Listener) -> Configuration {
        var configuration = Configuration(upstream.port)
        configuration.listenerLines = Scene.filter()
        configuration.manager = ["use_remote_address: true"]
        return configuration
    }

    @Test func aHeaderThatCameHalfGoesOn() throws {
        try withBed { bed in
            let upstream = try Listener()
            let configuration = Self.filtered(upstream)
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let line = try first.client()
            try line.send("PROXY TCP4 203.0.11")
            let binary = try first.client()
            let bytes = Scene.binaryIPv4([0xE0, 0x75, 0x30] + [UInt8](repeating: 7, count: 30000))
            try binary.send(Array(bytes[..<20000]))
            let silent = try first.client()
            try waitUntil("all wait") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 3 }
            let second = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 3)
            #expect(try moved(bed) == 3)
            #expect(try first.process.terminate() == .exit(0))
            try line.send("3.7 198.51.100.1 1111 2222\r\n" + Scene.get)
            let served = try upstream.accept()
            #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try line.response().text == "hi")
            try binary.send(Array(bytes[20000...]) + Array(Scene.get.utf8))
            #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try binary.response().text == "hi")
            silent.endSending()
            #expect(try silent.receiveToEnd() == [])
            let stats = try bed.statdump()
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 2)
            #expect(stats["proxy_proto.versions.v1.found"] == 1)
            #expect(stats["proxy_proto.versions.v2.found"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_listener_filter_remote_close"] == 1)
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    @Test func theTimeForAHeaderGoesOn() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = Scene.filter(timeout: "3s")
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let half = try first.client()
            try half.send("PROXY TCP4 203.0.11")
            try waitUntil("it waits") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 1 }
            _ = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try half.receiveToEnd() == [])
            #expect(try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_timeout"] == 1)
        }
    }

    @Test func theClientStaysWhoItWas() throws {
        try withBed { bed in
            let upstream = try Listener()
            let log = bed.freshPath("access.log")
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = Scene.filter()
            configuration.manager = ["use_remote_address: true"] + Scene.log(log)
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let resting = try first.client()
            try resting.send(Scene.line + Scene.get)
            let served = try upstream.accept()
            try served.serve()
            #expect(try resting.response().text == "hi")
            let busy = try first.client()
            try busy.send(Scene.lineIPv6 + Scene.get)
            #expect(try served.request()["x-forwarded-for"] == "2001:db8::7")
            _ = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try first.process.terminate() == .exit(0))
            try served.send(Scene.answer)
            #expect(try busy.response().text == "hi")
            try resting.send(Scene.get)
            #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try resting.response().text == "hi")
            try waitUntil("all is logged") { LogFiles.lines(log).count == 3 }
            let lines = LogFiles.lines(log).sorted()
            #expect(
                lines == [
                    "203.0.113.7:1111 198.51.100.1:2222 127.0.0.1 0", "203.0.113.7:1111 198.51.100.1:2222 127.0.0.1 0",
                    "[2001:db8::7]:1111 [2001:db8::1]:2222 127.0.0.1 0",
                ])
        }
    }

    // MARK: Upstream

    private func upstreamConfiguration(_ upstream: Listener, _ version: String? = "V1") -> Configuration {
        var configuration = Configuration(upstream.port)
        if let version { configuration.clusterLines = [Scene.socket(version)] }
        configuration.listenerLines = Scene.filter()
        return configuration
    }

    @Test func aConnectionToAHostStaysItsClients() throws {
        try withBed { bed in
            let upstream = try Listener()
            let configuration = upstreamConfiguration(upstream)
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let caller = try first.client()
            try caller.send(Scene.line + Scene.get)
            let served = try upstream.accept()
            try served.serve(behind: Scene.line)
            #expect(try caller.response().text == "hi")
            let busy = try first.client()
            try busy.send(Scene.lineIPv6 + Scene.get)
            let asked = try upstream.accept()
            #expect(try asked.receiveLine() == Scene.lineIPv6)
            _ = try asked.request()
            let second = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try first.process.terminate() == .exit(0))
            try asked.send(Scene.answer)
            #expect(try busy.response().text == "hi")
            // Both go on where they were, without another header.
            try busy.send(Scene.get)
            try asked.serve()
            #expect(try busy.response().text == "hi")
            try caller.send(Scene.get)
            try served.serve()
            #expect(try caller.response().text == "hi")
            // And another one gets neither.
            let other = try second.client()
            try other.send("PROXY TCP4 203.0.113.8 198.51.100.1 1111 2222\r\n" + Scene.get)
            let third = try upstream.accept()
            try third.serve(behind: "PROXY TCP4 203.0.113.8 ")
            #expect(try other.response().text == "hi")
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_cx_total"] == 3)
            #expect(stats["cluster.service.upstream_cx_active"] == 3)
            #expect(!third.hasEnded())
        }
    }

    /// A connection that is being made while the process is replaced begins with its header in the new one.
    @Test(arguments: [false, true])
    func aConnectionOnItsWayBeginsWithItsHeader(_ isTunnel: Bool) throws {
        try withBed { bed in
            // One waits to be accepted: others hang in the handshake.
            let upstream = try Listener(backlog: 0)
            var configuration = upstreamConfiguration(upstream)
            if isTunnel { configuration.tcp = [] }
            let blocker = try Client(port: upstream.port)
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let caller = try first.client()
            try caller.send(Scene.line + Scene.get)
            try waitUntil("it is being connected") {
                try bed.statdump()["cluster.service.upstream_cx_active"] == 1
            }
            _ = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try first.process.terminate() == .exit(0))
            try upstream.accept().close()
            blocker.close()
            let served = try upstream.accept()
            try served.serve(behind: Scene.line)
            #expect(try caller.response().text == "hi")
            #expect(try bed.statdump()["cluster.service.upstream_cx_active"] == 1)
            #expect(!served.hasEnded())
        }
    }

    /// With another configuration nobody gets a connection that begins otherwise.
    @Test(arguments: [(nil, "V1"), ("V1", nil)] as [(String?, String?)])
    func connectionsThatBeginOtherwiseAreNotUsed(_ before: String?, _ after: String?) throws {
        try withBed { bed in
            let upstream = try Listener()
            let first = try bed.proxy(upstreamConfiguration(upstream, before), flags(bed), concurrency: 1)
            let caller = try first.client()
            try caller.send(Scene.line + Scene.get)
            let served = try upstream.accept()
            if before == nil { try served.serve() } else { try served.serve(behind: Scene.line) }
            #expect(try caller.response().text == "hi")
            let busy = try first.client()
            try busy.send(Scene.lineIPv6 + Scene.get)
            let asked = before == nil ? served : try upstream.accept()
            if before != nil { _ = try asked.receiveLine() }
            _ = try asked.request()
            _ = try bed.proxy(upstreamConfiguration(upstream, after), flags(bed), concurrency: 1)
            // The request in flight ends as it began, and its connection with it.
            try asked.send(Scene.answer)
            #expect(try busy.response().text == "hi")
            #expect(try asked.receiveToEnd() == [])
            try caller.send(Scene.get)
            let fresh = try upstream.accept()
            if after == nil { try fresh.serve() } else { try fresh.serve(behind: Scene.line) }
            #expect(try caller.response().text == "hi")
        }
    }

    @Test func aListenerWithoutTheFilterLeavesThemWithTheOldProcess() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Self.filtered(upstream)
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let half = try first.client()
            try half.send("PROXY TCP4 203.0.11")
            try waitUntil("it waits") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 1 }
            configuration.listenerLines = []
            let second = try bed.proxy(configuration, flags(bed), concurrency: 1)
            // The old process still knows what to do with it.
            try half.send("3.7 198.51.100.1 1111 2222\r\n" + Scene.get)
            #expect(try upstream.accept().serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try half.response().text == "hi")
            // And the new one takes no header.
            let plain = try second.client()
            try plain.send(Scene.line)
            #expect(try plain.response().status == 400)
        }
    }
}
