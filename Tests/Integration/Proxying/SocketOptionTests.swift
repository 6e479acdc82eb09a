import CLinux
import Glibc
import Testing

/// What sockets are configured to have before they are used, as the kernel shows it.
@Suite struct SocketOptionTests {
    private static let keepalive = "tcp_keepalive: { keepalive_time: 600, keepalive_interval: 30, keepalive_probes: 3 }"
    private static let source = "upstream_bind_config: { source_address: { address: 127.0.0.9, port_value: 0 } }"
    private static let badOption = "socket_options: [{ level: 6, name: 4, int_value: -5 }]"

    @Test func connectionsToHostsComeFromTheirAddressAndProbe() throws {
        try withBed { bed in
            let host = try Listener()
            var configuration = Configuration(host.port)
            configuration.clusterLines = [Self.source, "upstream_connection_options: { \(Self.keepalive) }"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            let upstream = try host.accept()
            let peer = try #require(upstream.peer)
            #expect(peer.ip == "127.0.0.9")
            #expect(Sockets.timer(local: peer, remotePort: host.port) == .keepalive)
            try upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            #expect(try client.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func withoutOptionsThereIsNoTimer() throws {
        try withBed { bed in
            let host = try Listener()
            let proxy = try bed.proxy(Configuration(host.port))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            let upstream = try host.accept()
            let peer = try #require(upstream.peer)
            #expect(peer.ip == "127.0.0.1")
            _ = try upstream.receive(through: "\r\n\r\n")
            // What was sent is acknowledged: its own timer is gone too.
            try waitUntil("no timer runs") { Sockets.timer(local: peer, remotePort: host.port) == Sockets.Timer.none }
        }
    }

    /// 192.0.2.0/24 is for documentation (RFC 5737): no host has such an address.
    @Test func anAddressThatIsNotOursFailsTheRequest() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            var configuration = Configuration(upstream.port)
            configuration.clusterLines = [
                "upstream_bind_config: { source_address: { address: 192.0.2.9, port_value: 0 } }"
            ]
            let proxy = try bed.proxy(configuration)
            #expect(try proxy.client().get("/").status == 503)
            let stats = try proxy.stats("cluster.service")
            #expect(stats["cluster.service.bind_errors"] == 1)
            #expect(stats["cluster.service.upstream_cx_connect_fail"] == 1)
            #expect(try upstream.count == 0)
        }
    }

    @Test func healthChecksComeFromTheAddressToo() throws {
        try withBed { bed in
            let host = try Listener()
            var configuration = Configuration(host.port)
            let check =
                "timeout: 60s, interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}"
            configuration.clusterLines = [Self.source, "health_checks: [{ \(check) }]"]
            _ = try bed.startProxy(configuration.text, [])
            #expect(try host.accept().peer?.ip == "127.0.0.9")
        }
    }

    /// A configuration with other options takes over: connections that are accepted afterwards have them.
    @Test func optionsOfAListenerGoToWhatItAcceptsAfterARestartToo() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            var configuration = Configuration(upstream.port)
            let parent = try bed.proxy(configuration, flags)
            let before = try parent.client()
            #expect(try before.get("/").status == 200)
            configuration.listenerLines = [Self.keepalive]
            let child = try bed.proxy(configuration, flags)
            let after = try child.client()
            #expect(try after.get("/").status == 200)
            #expect(try before.get("/").status == 200)
            let port = try child.port
            for (client, timer) in [(before, Sockets.Timer.none), (after, .keepalive)] {
                let local = try #require(client.local)
                try waitUntil("the timer of that connection is \(timer)") {
                    Sockets.timer(local: ("127.0.0.1", port), remotePort: local.port) == timer
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func anOptionThatCannotBeSetIsAnErrorAndDisturbsNobody(inARestart: Bool) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let running = inARestart ? try bed.proxy(Configuration(upstream.port), flags) : nil
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = [Self.badOption]
            let (errors, ending) = try bed.failingProxy(configuration.text, flags)
            #expect(ending == .exit(1))
            let reason = "listener_0: cannot set socket option 6/4 (level/name) of 127.0.0.1:0: Invalid argument"
            #expect(errors.contains(reason), "\(errors)")
            if let running { #expect(try running.client().get("/").status == 200) }
        }
    }
}

/// The kernel's table of TCP sockets over IPv4.
private enum Sockets {
    enum Timer: String { case none = "00", sending = "01", keepalive = "02", timeWait = "03", probing = "04" }

    /// Which timer runs for a socket (`Documentation/networking/proc_net_tcp.rst`).
    static func timer(local: (ip: String, port: UInt16), remotePort: UInt16) -> Timer? {
        var bytes = in_addr()
        inet_pton(AF_INET, local.ip, &bytes)
        let wanted = hex(UInt32(bytes.s_addr), 8) + ":" + hex(UInt32(local.port), 4)
        for line in (Files.read("/proc/net/tcp") ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[1] == wanted, fields[2].hasSuffix(":" + hex(UInt32(remotePort), 4)) else {
                continue
            }
            return Timer(rawValue: String(fields[5].prefix(2)))
        }
        return nil
    }

    private static func hex(_ number: UInt32, _ digits: Int) -> String {
        let text = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: digits - text.count) + text
    }
}

extension Client {
    fileprivate var peer: (ip: String, port: UInt16)? { end(cl_peer_address) }
    fileprivate var local: (ip: String, port: UInt16)? { end(cl_local_address) }

    private func end(_ ask: (Int32, UnsafeMutablePointer<cl_address>) -> Int32) -> (ip: String, port: UInt16)? {
        var address = cl_address()
        var text = [CChar](repeating: 0, count: 64)
        guard ask(descriptor, &address) == 0, cl_address_text(&address, &text, 64) > 0 else { return nil }
        let ip = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (ip, cl_address_port(&address))
    }
}
