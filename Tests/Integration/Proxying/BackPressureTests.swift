import CLinux
import Glibc
import Testing

/// A side that does not read stops the side that sends; the proxy keeps little of it.
@Suite struct BackPressureTests {
    private static let size = 64 << 20
    /// Buffers of connections are 1 MiB by default; the rest is slack of the allocator's.
    private static let allowed = 16 << 20

    @Test func aClientThatDoesNotRead() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            #expect(try proxy.client().get("/bytes/100000").status == 200)
            let before = try proxy.residentBytes
            let client = try proxy.client(receiveBuffer: 65536)
            try client.send("GET /bytes/\(Self.size) HTTP/1.1\r\nhost: test\r\n\r\n")
            try waitUntilStill("what came from upstream") {
                Int(try bed.statdump()["cluster.service.upstream_cx_rx_bytes_total"] ?? 0)
            }
            #expect(try proxy.residentBytes - before < Self.allowed)
            // And nothing was lost.
            try client.skipHead()
            #expect(try client.skip(Self.size) == Self.size)
            #expect(try client.get("/").status == 200)
        }
    }

    @Test func anUpstreamThatDoesNotRead() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let before = try proxy.residentBytes
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(Self.size)\r\n\r\n")
            let served = try upstream.accept()
            let sender = Flood(client.descriptor, Self.size)
            try waitUntilStill("what the client could send") { sender.sent }
            #expect(sender.sent < Self.size)
            #expect(try proxy.residentBytes - before < Self.allowed)
            try served.skipHead()
            #expect(try served.skip(Self.size) == Self.size)
            sender.join()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            #expect(try client.response().status == 200)
        }
    }

    @Test func aTunnelThatIsNotRead() throws {
        try withBed { bed in
            let upstream = try Listener()
            var configuration = Configuration(upstream.port)
            configuration.tcp = []
            let proxy = try bed.proxy(configuration)
            let before = try proxy.residentBytes
            let client = try proxy.client()
            let served = try upstream.accept()
            let sender = Flood(client.descriptor, Self.size)
            try waitUntilStill("what the client could send") { sender.sent }
            #expect(sender.sent < Self.size)
            #expect(try proxy.residentBytes - before < Self.allowed)
            #expect(try served.skip(Self.size) == Self.size)
            sender.join()
        }
    }
}
