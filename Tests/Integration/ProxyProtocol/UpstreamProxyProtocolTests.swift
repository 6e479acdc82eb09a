import Glibc
import Testing

/// Clusters whose connections begin with a PROXY header (`upstream_proxy_protocol`).
@Suite struct UpstreamProxyProtocolTests {
    private typealias Scene = ProxyProtocolScene

    private func configuration(_ upstream: Listener, _ version: String, header: Bool = true) -> Configuration {
        var configuration = Configuration(upstream.port)
        configuration.clusterLines = [Scene.socket(version)]
        if header { configuration.listenerLines = Scene.filter("allow_requests_without_proxy_protocol: true") }
        return configuration
    }

    @Test func aTunnelTellsWhoTheClientIs() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = configuration(upstream, "V1")
            configuration.tcp = []
            let proxy = try bed.proxy(configuration)
            let caller = try proxy.client()
            try caller.send(Scene.line + "hello")
            let served = try upstream.accept()
            #expect(try served.receive(through: "hello") == Scene.line + "hello")
            try served.send("there")
            #expect(try caller.receive(count: 5) == Array("there".utf8))
            // Without one of its own: the ends of its connection.
            let plain = try proxy.client()
            try plain.send("hello")
            let line = try upstream.accept().receive(through: "hello")
            #expect(line.hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
            #expect(line.hasSuffix(" \(try proxy.port)\r\nhello"))
        }
    }

    @Test func theBinaryFormToo() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = configuration(upstream, "V2")
            configuration.tcp = []
            let proxy = try bed.proxy(configuration)
            let caller = try proxy.client()
            try caller.send(Scene.line)
            // Nothing has come behind the header, and it is passed on all the same.
            let served = try upstream.accept()
            #expect(try served.receive(count: 28) == Scene.binaryIPv4())
            try caller.send("hello")
            #expect(try served.receive(count: 5) == Array("hello".utf8))
        }
    }

    /// Requests of one client share connections, and nobody else's.
    @Test(arguments: ["V1", "V2"])
    func aConnectionBelongsToOneClient(_ version: String) throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(configuration(upstream, version), concurrency: 1)
            let header = version == "V1" ? Array(Scene.line.utf8) : Scene.binaryIPv4()
            let first = try proxy.client()
            try first.send(Scene.line + Scene.get)
            let served = try upstream.accept()
            #expect(try served.receive(count: header.count) == header)
            try served.serve()
            #expect(try first.response().text == "hi")
            // The header stands before the first request only.
            try first.send(Scene.get)
            #expect(try served.serve().method == "GET")
            #expect(try first.response().text == "hi")
            // Another one, though that connection is free.
            let second = try proxy.client()
            try second.send("PROXY TCP4 203.0.113.8 198.51.100.1 1111 2222\r\n" + Scene.get)
            let other = try upstream.accept()
            _ = try other.receive(count: header.count)
            try other.serve()
            #expect(try second.response().text == "hi")
            #expect(!served.hasEnded() && served.unread.isEmpty)
            // The same addresses are the same client.
            let third = try proxy.client()
            try third.send(Scene.line + Scene.get)
            try served.serve()
            #expect(try third.response().text == "hi")
            // Who has no header is its own client.
            let plain = try proxy.client()
            try plain.send(Scene.get)
            let own = try upstream.accept()
            if version == "V1" {
                try own.serve(behind: "PROXY TCP4 127.0.0.1 127.0.0.1 ")
            } else {
                _ = try own.receive(count: header.count)
                try own.serve()
            }
            #expect(try plain.response().text == "hi")
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_cx_total"] == 3)
            #expect(stats["cluster.service.upstream_rq_total"] == 5)
        }
    }

    @Test func manyClientsAtOnceAreNotMixedUp() throws {
        try withBed { bed in
            let upstream = try Listener(backlog: 64)
            let proxy = try bed.proxy(configuration(upstream, "V1"), concurrency: 2)
            let callers = try (1...20).map { number in
                let caller = try proxy.client()
                try caller.send(
                    "PROXY TCP4 203.0.113.\(number) 198.51.100.1 1111 2222\r\n"
                        + "GET /\(number) HTTP/1.1\r\nhost: a\r\n\r\n")
                return caller
            }
            var served: [Int: Client] = [:]
            for _ in callers {
                let connection = try upstream.accept()
                let header = try connection.receiveLine()
                let number = Int(header.split(separator: " ")[2].split(separator: ".").last ?? "") ?? 0
                #expect(try connection.request().target == "/\(number)")
                served[number] = connection
            }
            #expect(served.count == 20)
            // Answered from the last to the first, and asked once more.
            for number in (1...20).reversed() {
                try served[number]?.send(Scene.answer)
                #expect(try callers[number - 1].response().text == "hi")
            }
            for number in 1...20 {
                try callers[number - 1].send("GET /\(number) HTTP/1.1\r\nhost: a\r\n\r\n")
                #expect(try served[number]?.serve().target == "/\(number)")
                #expect(try callers[number - 1].response().text == "hi")
            }
        }
    }

    @Test func aHostThatIsNotThereIsAnswered() throws {
        try withBed { bed in
            let port: UInt16
            do { port = try Listener().port }
            var configuration = Configuration(port)
            configuration.clusterLines = [Scene.socket("V1")]
            let proxy = try bed.proxy(configuration)
            for _ in 0..<3 { #expect(try proxy.client().get("/").status == 503) }
            let stats = try bed.statdump()
            #expect(stats["cluster.service.upstream_cx_connect_fail"] == 3)
            #expect(stats["cluster.service.upstream_cx_active"] == 0)
            #expect(stats["cluster.service.upstream_rq_pending_active"] == 0)
        }
    }

    /// CONNECT that ends here makes a connection of its own.
    @Test func aConnectTunnelTellsItToo() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = configuration(upstream, "V1")
            configuration.manager = ["upgrade_configs: [{ upgrade_type: CONNECT }]"]
            configuration.routes = [
                "{ match: { connect_matcher: {} }, route: { cluster: service, "
                    + "upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }] } }"
            ]
            let proxy = try bed.proxy(configuration)
            let caller = try proxy.client()
            try caller.send(Scene.line + "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n")
            let served = try upstream.accept()
            #expect(try served.receive(through: "2222\r\n") == Scene.line)
            try caller.skipHead()
            try caller.send("hello")
            #expect(try served.receive(count: 5) == Array("hello".utf8))
        }
    }

    /// A health check is nobody's: version 2 says so, version 1 names its own ends, as in Envoy.
    @Test(arguments: ["V1", "V2"])
    func aHealthCheckSpeaksForNobody(_ version: String) throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = configuration(upstream, version)
            configuration.clusterLines += [
                "health_checks: [{ timeout: 5s, interval: 0.05s, no_traffic_interval: 0.05s, unhealthy_threshold: 1, "
                    + "healthy_threshold: 1, http_health_check: { path: /check } }]"
            ]
            _ = try bed.startProxy(configuration.text)
            let served = try upstream.accept()
            if version == "V1" {
                #expect(try served.receiveLine().hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
            } else {
                #expect(try served.receive(count: 16) == Scene.binary(0x20, 0, []))
            }
            #expect(try served.serve().target == "/check")
            // The same connection again: without another header.
            #expect(try served.serve().target == "/check")
        }
    }
}

extension Client {
    /// Up to a line's end, which is taken too.
    func receiveLine() throws -> String {
        while true {
            if let end = unread.firstIndex(of: 10) { return String(decoding: take(end + 1), as: UTF8.self) }
            guard try receive() else { throw Failure("the connection ended within a line") }
        }
    }

    /// Serves a request behind a line that begins so.
    func serve(behind start: String) throws {
        let line = try receiveLine()
        guard line.hasPrefix(start) else { throw Failure("not \(start): \(line)") }
        try serve()
    }
}
