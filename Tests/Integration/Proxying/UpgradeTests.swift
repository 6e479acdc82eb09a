import Testing

/// WebSocket upgrades: bytes go both ways once the upstream has agreed.
@Suite struct UpgradeTests {
    private static let request =
        "GET /chat HTTP/1.1\r\nhost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

    @Test func bytesAreEchoed() throws {
        try withBed { bed in
            var configuration = Configuration(try bed.upstream().port)
            configuration.manager = ["upgrade_configs: [{ upgrade_type: websocket }]"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            // What follows the head at once belongs to the tunnel too.
            try client.send(Self.request + "early")
            let response = try client.response()
            #expect(response.status == 101)
            #expect(response["upgrade"] == "websocket")
            #expect(response["connection"] == "upgrade")
            #expect(try client.receive(count: 5) == Array("early".utf8))
            for size in [1, 1000, 100_000] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
                try client.send(bytes)
                #expect(try client.receive(count: size) == bytes)
            }
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_upgrades_active"] == 1)
            client.close()
            try waitUntil("the tunnel is gone") {
                let stats = try bed.statdump()
                return stats["http.ingress_http.downstream_cx_upgrades_active"] == 0
                    && stats["cluster.service.upstream_cx_active"] == 0
            }
        }
    }

    @Test func aListenerWithoutUpgradesRefusesThem() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            try client.send(Self.request)
            #expect(try client.response().status == 403)
            #expect(try upstream.count == 0)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_ws_on_non_ws_route"] == 1)
        }
    }

    @Test func aRefusalOfTheUpstreamIsPassedOn() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.manager = ["upgrade_configs: [{ upgrade_type: websocket }]"]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send(Self.request)
            let served = try upstream.accept()
            let head = try served.receive(through: "\r\n\r\n")
            #expect(head.contains("\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"))
            try served.send("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno")
            let response = try client.response()
            #expect(response.status == 426)
            #expect(response.text == "no")
        }
    }
}
