import Glibc
import Testing

/// Clients that come without the cookie of their host get one.
@Suite struct CookieTests {
    private static let route =
        "{ match: { prefix: / }, route: { cluster: many, hash_policy: [{ cookie: { name: sid, ttl: 3600s, path: /p, "
        + "attributes: [{ name: SameSite, value: Strict }] } }] } }"
    private static let end = "; Max-Age=3600; Path=/p; SameSite=Strict; HttpOnly"

    /// The value of the cookie that an answer gives.
    private static func given(_ response: Response) throws -> String {
        guard let field = response["set-cookie"], field.hasPrefix("sid=\""), field.hasSuffix("\"" + end) else {
            throw Failure("set-cookie: \(response["set-cookie"] ?? "none")")
        }
        return String(field.dropFirst(5).dropLast(end.utf8.count + 1))
    }

    @Test func aClientStaysWhereItsFirstRequestWas() throws {
        try withBed { bed in
            let scene = try BalancingScene(bed, BalancingScene.maglev, routes: [Self.route])
            let proxy = try scene.proxy()
            var hosts: Set<String> = []
            for _ in 0..<16 {
                let client = try proxy.client()
                let first = try client.get("/")
                let value = try Self.given(first)
                #expect(value.utf8.count == 16 && value.allSatisfy { $0.isHexDigit })
                let host = try BalancingScene.host(first)
                hosts.insert(host)
                // With it, from anywhere.
                let later = try proxy.client().get("/", "cookie: a=b; sid=\(value)")
                #expect(try BalancingScene.host(later) == host)
                #expect(!later.has("set-cookie"))
                let quoted = try proxy.client().get("/", "cookie: sid=\"\(value)\"")
                #expect(try BalancingScene.host(quoted) == host)
                // Without it, on the same connection, it is the same one.
                #expect(try Self.given(client.get("/")) == value)
            }
            #expect(hosts.count > 1)
        }
    }

    /// An answer of our own says nothing of a host.
    @Test func nobodyIsGivenOneWithoutAHost() throws {
        try withBed { bed in
            var scene = try BalancingScene(bed, BalancingScene.maglev, routes: [Self.route])
            scene.configuration.moreClusters = ["{ name: many, connect_timeout: 5s, lb_policy: MAGLEV }"]
            let response = try scene.proxy().client().get("/")
            #expect(response.status == 503 && !response.has("set-cookie"))
        }
    }

    /// A request that was sent before a hot restart and is answered after it.
    @Test func itComesAlongInARestart() throws {
        try withBed { bed in
            let listener = try Listener()
            var configuration = Configuration(listener.port, cluster: "many")
            configuration.clusterLines = [BalancingScene.maglev]
            configuration.routes = [Self.route]
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(configuration, flags)
            let client = try parent.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try listener.accept()
            _ = try served.request()
            _ = try bed.proxy(configuration, flags)
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            let response = try client.response()
            #expect(response.text == "ok")
            let value = try Self.given(response)
            // The connection is the same, and so is what it is given.
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            _ = try served.request()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            #expect(try Self.given(client.response()) == value)
        }
    }
}
