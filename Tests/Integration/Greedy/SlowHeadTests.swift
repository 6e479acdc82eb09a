import CLinux
import Glibc
import Testing

/// Heads that come byte by byte.
@Suite struct SlowHeadTests {
    /// A head of so many bytes, of few fields.
    private static func head(_ size: Int, _ start: String) -> [UInt8] {
        var text = start
        while text.utf8.count < size { text += "x-field: " + String(repeating: "v", count: 1000) + "\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// One byte a packet.
    private static func trickle(_ client: Client, _ bytes: [UInt8]) throws {
        for byte in bytes { try client.send([byte]) }
    }

    /// Sends single bytes to each connection, and lets the proxy read each before the next: `ask` is a whole request, and one
    /// worker serves in the order in which it is asked.
    private static func drip(_ proxy: Proxy, on clients: [Client], _ ask: () throws -> Void) throws -> UInt64 {
        try proxy.process.processorNs {
            for _ in 0..<200 {
                for client in clients { try client.send("v") }
                try ask()
            }
        }
    }

    private static let clients = 16
    private static let sizes = [100, 55_000]

    /// A byte costs the same behind a short part of a head and behind a long one. Were the part copied and parsed again, it
    /// would be ten times as much.
    @Test func aByteOfAHeadCostsWhatAByteCosts() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let other = try proxy.client()
            let costs = try Self.sizes.map { size in
                let clients = try (0..<Self.clients).map { _ in
                    let client = try proxy.client()
                    try client.send(Self.head(size, "GET / HTTP/1.1\r\nhost: test\r\n").dropLast(2) + Array("x:".utf8))
                    return client
                }
                let cost = try Self.drip(proxy, on: clients) {
                    let response = try other.get("/")
                    #expect(response.status == 200)
                }
                for client in clients {
                    try client.send("\r\n\r\n")
                    #expect(try client.response().status == 200)
                }
                return cost
            }
            #expect(costs[1] < 4 * costs[0])
        }
    }

    /// The same of responses.
    @Test func aByteOfAResponseHeadCostsWhatAByteCosts() throws {
        let costs = try Self.sizes.map(costOfResponseBytes)
        #expect(costs[1] < 4 * costs[0])
    }

    private func costOfResponseBytes(behind size: Int) throws -> UInt64 {
        var cost: UInt64 = 0
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let request = "GET / HTTP/1.1\r\nhost: test\r\n\r\n"
            let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            let pairs = try (0...Self.clients).map { _ in
                let client = try proxy.client()
                try client.send(request)
                let served = try upstream.accept()
                try served.skipHead()
                return (client: client, served: served)
            }
            let other = pairs[Self.clients]
            try other.served.send(empty)
            #expect(try other.client.response().status == 200)
            let slow = pairs.dropLast()
            for pair in slow {
                let head = Self.head(size, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n")
                try pair.served.send(head.dropLast(2) + Array("x:".utf8))
            }
            cost = try Self.drip(proxy, on: slow.map(\.served)) {
                try other.client.send(request)
                try other.served.skipHead()
                try other.served.send(empty)
                #expect(try other.client.response().status == 200)
            }
            for pair in slow {
                try pair.served.send("\r\n\r\n")
                #expect(try pair.client.response().status == 200)
            }
        }
        return cost
    }

    /// Byte by byte, and with a second request in the packet of the last one.
    @Test func whatComesBehindASlowHeadIsServed() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            let client = try proxy.client()
            let head = Self.head(3000, "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n")
            try Self.trickle(client, Array(head.dropLast()))
            try client.send([ASCII.lf] + Array("abcGET / HTTP/1.1\r\nhost: test\r\n\r".utf8))
            let echo = try client.response()
            #expect(echo.status == 200)
            #expect(echo.text == "abc")
            try client.send("\n")
            #expect(try client.response().text == upstream.hello)
        }
    }

    /// A head of which the first part came before a hot restart and the rest after it.
    @Test func aHeadThatIsHalfReadMoves() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart")]
            let first = try bed.proxy(Configuration(upstream.port), flags)
            let client = try first.client()
            let head = Self.head(5000, "GET / HTTP/1.1\r\nhost: test\r\n")
            try Self.trickle(client, Array(head.prefix(2500)))
            let second = try bed.proxy(Configuration(upstream.port), flags)
            try Self.trickle(client, Array(head.dropFirst(2500)))
            #expect(try client.response().text == upstream.hello)
            #expect(first.process.isRunning)
            #expect(try second.stats()["http.ingress_http.downstream_rq_2xx"] == 1)
        }
    }

    private enum ASCII { static let lf: UInt8 = 10 }
}
