import CLinux
import Glibc
import Testing

/// Somebody else's reading and writing of PROXY headers: HAProxy in front of the proxy, and behind it.
@Suite struct HAProxyTests {
    private static let haproxy = "/usr/sbin/haproxy"

    /// A client's header goes through HAProxy to a listener, and from a cluster to HAProxy, which says in HTTP who it was.
    @Test(arguments: [("send-proxy", "V1"), ("send-proxy-v2", "V2")])
    func theClientComesThroughAllOfThem(_ option: String, _ version: String) throws {
        try withBed { bed in
            let upstream = try Listener()
            let (front, back) = (bed.path("front.sock"), bed.path("back.sock"))
            var configuration = Configuration(1)
            configuration.listenerLines = ProxyProtocolScene.filter()
            configuration.clusterLines = [ProxyProtocolScene.socket(version)]
            configuration.tcp = []
            let text = configuration.text.replacing(
                "socket_address: { address: 127.0.0.1, port_value: 1 }", with: "pipe: { path: \(back) }")
            let proxy = try bed.startProxy(text)
            try bed.waitUntilServing(proxy)
            let file = try bed.file(
                "haproxy.cfg",
                """
                defaults
                    timeout connect 30s
                    timeout client 30s
                    timeout server 30s
                frontend front
                    mode tcp
                    bind unix@\(front) accept-proxy
                    default_backend proxy
                backend proxy
                    mode tcp
                    server proxy 127.0.0.1:\(try proxy.port) \(option)
                frontend back
                    mode http
                    option forwardfor
                    bind unix@\(back) accept-proxy
                    default_backend upstream
                backend upstream
                    mode http
                    server upstream 127.0.0.1:\(upstream.port)

                """)
            let other = try bed.run(Self.haproxy, ["-db", "-f", file])
            try waitUntil("HAProxy listens") {
                if let ending = other.ending { throw Failure("HAProxy ended (\(ending)): \(other.errors)") }
                return Files.exists(front) && Files.exists(back)
            }
            for (header, client) in [
                (ProxyProtocolScene.line, "203.0.113.7"), (ProxyProtocolScene.lineIPv6, "2001:db8::7"),
            ] {
                let caller = try Self.connect(front)
                try caller.send(header + "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                let served = try upstream.accept()
                #expect(try served.serve()["x-forwarded-for"] == client)
                served.close()
                #expect(try caller.response().text == "hi")
            }
            let stats = try bed.statdump()
            #expect(stats["proxy_proto.versions.\(version.lowercased()).found"] == 2)
        }
    }

    private static func connect(_ path: String) throws -> Client {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system("socket") }
        let client = Client(adopting: descriptor)
        var address = cl_address()
        _ = cl_address_unix(&address, path)
        // It may be bound and not listening yet.
        try waitUntil("\(path) takes connections") { cl_connect(descriptor, &address) == 0 }
        return client
    }
}
