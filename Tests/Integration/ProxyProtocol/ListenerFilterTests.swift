import Glibc
import Testing

/// The PROXY protocol filter of listeners.
@Suite struct ListenerFilterTests {
    private typealias Scene = ProxyProtocolScene

    private struct Stand {
        let upstream: Listener
        let proxy: Proxy
        let log: String

        func stats(_ bed: Bed) throws -> Stats { try bed.statdump() }
    }

    private func stand(_ bed: Bed, _ lines: [String], tcp: Bool = false) throws -> Stand {
        let upstream = try Listener()
        let log = bed.freshPath("access.log")
        var configuration = Configuration(upstream.port)
        configuration.listenerLines = lines
        if tcp {
            configuration.tcp = Scene.log(log)
        } else {
            configuration.manager = ["use_remote_address: true"] + Scene.log(log)
        }
        return Stand(upstream: upstream, proxy: try bed.proxy(configuration, promptLogs, concurrency: 1), log: log)
    }

    private func expectLog(_ stand: Stand, _ line: String) throws {
        try waitUntil("\(line) is logged") { LogFiles.lines(stand.log).contains(line) }
    }

    /// To the client the listener's port is the one that it has connected to.
    @Test(arguments: [("a:2222", "a"), ("a:2223", "a:2223")])
    func thePortThatIsStrippedIsTheHeaders(_ host: String, _ expected: String) throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = Scene.filter()
            configuration.manager = ["strip_matching_host_port: true"]
            let client = try bed.proxy(configuration, concurrency: 1).client()
            try client.send(Scene.line + "GET / HTTP/1.1\r\nhost: \(host)\r\n\r\n")
            #expect(try upstream.accept().serve()["host"] == expected)
            #expect(try client.response().text == "hi")
        }
    }

    @Test(arguments: [
        (Array(ProxyProtocolScene.line.utf8), "203.0.113.7", "203.0.113.7:1111 198.51.100.1:2222", "v1"),
        (Array(ProxyProtocolScene.lineIPv6.utf8), "2001:db8::7", "[2001:db8::7]:1111 [2001:db8::1]:2222", "v1"),
        (ProxyProtocolScene.binaryIPv4(), "203.0.113.7", "203.0.113.7:1111 198.51.100.1:2222", "v2"),
        // The longest that there is.
        (
            ProxyProtocolScene.binaryIPv4([0xE0, 0xFF, 0xF0] + [UInt8](repeating: 0, count: 65520)), "203.0.113.7",
            "203.0.113.7:1111 198.51.100.1:2222", "v2"
        ),
    ])
    func theClientIsWhoTheHeaderSays(_ header: [UInt8], _ client: String, _ ends: String, _ version: String) throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter())
            let caller = try stand.proxy.client()
            try caller.send(header + Array(Scene.get.utf8))
            let served = try stand.upstream.accept()
            let request = try served.serve()
            #expect(request["x-forwarded-for"] == client)
            #expect(request["x-envoy-external-address"] == client)
            #expect(try caller.response().text == "hi")
            // And so is the next request on the connection.
            try caller.send(Scene.get)
            #expect(try served.serve()["x-forwarded-for"] == client)
            #expect(try caller.response().text == "hi")
            try expectLog(stand, "\(ends) 127.0.0.1 0")
            let stats = try stand.stats(bed)
            #expect(stats["proxy_proto.versions.\(version).found"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0)
            // The header is no part of the connection.
            #expect(stats["http.ingress_http.downstream_cx_rx_bytes_total"] == UInt64(2 * Scene.get.utf8.count))
        }
    }

    @Test func aHeaderMayComeByteByByte() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter())
            for header in [Array(Scene.line.utf8), Scene.binaryIPv4([4, 0, 1, 0])] {
                let caller = try stand.proxy.client()
                for byte in header + Array(Scene.get.utf8) { try caller.send([byte]) }
                let served = try stand.upstream.accept()
                #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
                #expect(try caller.response().text == "hi")
                // Its next connection is one of its own.
                served.close()
                try waitUntil("the upstream connection is gone") {
                    try bed.statdump()["cluster.service.upstream_cx_active"] == 0
                }
            }
        }
    }

    @Test func whoComesWithoutAHeaderOrWithABadOneIsClosed() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter())
            let bad: [(bytes: [UInt8], counter: String)] = [
                (Array(Scene.get.utf8), "not_found_disallowed"),
                (Array("PROXY TCP4 1.2.3.4 5.6.7.8 1 x\r\n\(Scene.get)".utf8), "versions.v1.error"),
                (Scene.binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)), "versions.v2.error"),
            ]
            for (bytes, counter) in bad {
                let before = try bed.statdump()["proxy_proto.\(counter)"] ?? 0
                let caller = try stand.proxy.client()
                try caller.send(bytes)
                #expect(try caller.receiveToEnd() == [])
                #expect(try bed.statdump()["proxy_proto.\(counter)"] == before + 1)
            }
            let stats = try stand.stats(bed)
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] ?? 0 == 0)
            #expect(stats["http.ingress_http.downstream_cx_total"] ?? 0 == 0)
            #expect(!stand.upstream.hasWaitingConnection)
        }
    }

    @Test func aHeaderMayBeOptional() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter("allow_requests_without_proxy_protocol: true", "stat_prefix: pp"))
            let plain = try stand.proxy.client()
            // The first byte alone might begin a header.
            try plain.send("P")
            try waitUntil("it waits") { try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_active"] == 1 }
            try plain.send("UT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
            let served = try stand.upstream.accept()
            let request = try served.serve()
            #expect(request.method == "PUT")
            #expect(request["x-envoy-external-address"] == "127.0.0.1")
            #expect(try plain.response().text == "hi")
            let caller = try stand.proxy.client()
            try caller.send(Scene.line + Scene.get)
            #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try caller.response().text == "hi")
            let stats = try stand.stats(bed)
            #expect(stats["proxy_proto.pp.not_found_allowed"] == 1)
            #expect(stats["proxy_proto.pp.versions.v1.found"] == 1)
            #expect(stats["listener.127.0.0.1_0.downstream_cx_total"] == 2)
        }
    }

    @Test func aVersionMayBeDisallowed() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter("disallowed_versions: [V1]"))
            let refused = try stand.proxy.client()
            try refused.send(Scene.line + Scene.get)
            #expect(try refused.receiveToEnd() == [])
            let caller = try stand.proxy.client()
            try caller.send(Scene.binaryIPv4() + Array(Scene.get.utf8))
            #expect(try stand.upstream.accept().serve()["x-forwarded-for"] == "203.0.113.7")
            let stats = try stand.stats(bed)
            #expect(stats["proxy_proto.versions.v1.disallowed"] == 1)
            #expect(stats["proxy_proto.versions.v1.found"] == 1)
            #expect(stats["proxy_proto.versions.v2.found"] == 1)
        }
    }

    /// The sender of a health check has no client.
    @Test func whoSpeaksForNobodyKeepsItsAddress() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter())
            for header in [Array("PROXY UNKNOWN\r\n".utf8), Scene.binary(0x20, 0, [])] {
                let caller = try stand.proxy.client()
                try caller.send(header + Array(Scene.get.utf8))
                let served = try stand.upstream.accept()
                #expect(try served.serve()["x-envoy-external-address"] == "127.0.0.1")
                #expect(try caller.response().text == "hi")
                served.close()
                try waitUntil("the upstream connection is gone") {
                    try bed.statdump()["cluster.service.upstream_cx_active"] == 0
                }
            }
        }
    }

    // MARK: Time

    @Test func aSlowSenderIsClosed() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter(timeout: "0.3s"))
            let silent = try stand.proxy.client()
            let half = try stand.proxy.client()
            try half.send("PROXY TCP4 203.0.")
            #expect(try silent.receiveToEnd() == [])
            #expect(try half.receiveToEnd() == [])
            let stats = try stand.stats(bed)
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_timeout"] == 2)
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0)
            // Who was in time is not touched by it.
            let caller = try stand.proxy.client()
            try caller.send(Scene.line)
            try waitUntil("it is a connection") { try bed.statdump()["http.ingress_http.downstream_cx_active"] == 1 }
            // The time of one that came later is over, and so would be its own.
            #expect(try stand.proxy.client().receiveToEnd() == [])
            #expect(!caller.hasEnded())
        }
    }

    @Test func whatCameMayGoOnWithoutAHeader() throws {
        try withBed { bed in
            let stand = try stand(
                bed, Scene.filter(timeout: "0.3s") + ["continue_on_listener_filters_timeout: true"])
            let caller = try stand.proxy.client()
            try waitUntil("its time is over") {
                try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_timeout"] == 1
            }
            try caller.send(Scene.get)
            #expect(try stand.upstream.accept().serve()["x-envoy-external-address"] == "127.0.0.1")
            #expect(try caller.response().text == "hi")
            // The beginning of a header is the beginning of a bad request then.
            let half = try stand.proxy.client()
            try half.send("PROXY TCP4 203.0.")
            try waitUntil("its time is over") {
                try bed.statdump()["listener.127.0.0.1_0.downstream_pre_cx_timeout"] == 2
            }
            try half.send("113.7\r\n\r\n")
            #expect(try half.response().status == 400)
        }
    }

    @Test func whoLeavesBeforeIsCounted() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter())
            for bytes in ["", "PROXY TCP4"] {
                let caller = try stand.proxy.client()
                try caller.send(bytes)
                caller.endSending()
                #expect(try caller.receiveToEnd() == [])
            }
            let stats = try stand.stats(bed)
            #expect(stats["listener.127.0.0.1_0.downstream_listener_filter_remote_close"] == 2)
            #expect(stats["listener.127.0.0.1_0.downstream_pre_cx_active"] == 0)
            // A whole header and request count, also with the end right behind them.
            let caller = try stand.proxy.client()
            try caller.send(Scene.line + "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            let served = try stand.upstream.accept()
            #expect(try served.serve()["x-forwarded-for"] == "203.0.113.7")
            #expect(try caller.response().text == "hi")
        }
    }

    // MARK: Before a TCP proxy

    @Test func aTunnelBeginsBehindTheHeader() throws {
        try withBed { bed in
            let stand = try stand(bed, Scene.filter(), tcp: true)
            let caller = try stand.proxy.client()
            try caller.send(Scene.line + "hello")
            let served = try stand.upstream.accept()
            #expect(try served.receive(count: 5) == Array("hello".utf8))
            try served.send("there")
            #expect(try caller.receive(count: 5) == Array("there".utf8))
            caller.close()
            #expect(try served.receiveToEnd() == [])
            served.close()
            try expectLog(stand, "203.0.113.7:1111 198.51.100.1:2222 127.0.0.1 5")
            // Without a byte behind the header, too.
            let second = try stand.proxy.client()
            try second.send(Scene.binaryIPv4())
            let greeting = try stand.upstream.accept()
            try greeting.send("welcome")
            #expect(try second.receive(count: 7) == Array("welcome".utf8))
            #expect(try bed.statdump()["tcp.ingress_tcp.downstream_cx_total"] == 2)
        }
    }
}
