import Glibc
import Testing

/// Clients and upstreams that take more than their share: memory stays bounded, time grows with what they send, and others are
/// served meanwhile. Slow ones are in `TimeoutTests`, those that do not read in `BackPressureTests`.
@Suite struct GreedyClientTests {
    private static let chunks = 1_000_000
    /// As many chunks of one byte as one block has.
    private static let blockChunks = 10_000
    private static let block = [UInt8]((0..<blockChunks).flatMap { _ in Array("1\r\nx\r\n".utf8) })
    private static let slack = 16 << 20

    /// Reads a body in chunks to its end; returns how many bytes of data it had.
    private static func countData(_ client: Client) throws -> Int {
        var data = 0
        var last: [UInt8] = []
        let end = Array("0\r\n\r\n".utf8)
        while true {
            let bytes = client.take(client.unread.count)
            data += bytes.count { $0 == UInt8(ascii: "x") }
            last = Array((last + bytes.suffix(end.count)).suffix(end.count))
            if last == end { return data }
            guard try client.receive() else { throw Failure("the connection ended after \(data) bytes") }
        }
    }

    private func upload(_ proxy: Proxy, _ upstream: Listener, chunks: Int) throws -> UInt64 {
        try proxy.process.processorNs {
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
            let served = try upstream.accept()
            try served.skipHead()
            let sender = Repeater(client.descriptor, Self.block, times: chunks / Self.blockChunks)
            let ender = {
                sender.join(); try client.send("0\r\n\r\n")
            }
            // The end is sent by this thread: it reads meanwhile only as long as that is needed.
            var data = 0
            while data < chunks {
                guard try served.receive() else { throw Failure("the upload ended after \(data) of \(chunks)") }
                data += served.take(served.unread.count).count { $0 == UInt8(ascii: "x") }
            }
            try ender()
            try served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            #expect(try client.response().status == 200)
            #expect(data == chunks)
        }
    }

    /// A million chunks cost what four times a quarter of a million do, and no memory.
    @Test func aMillionTinyChunks() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let quarter = try upload(proxy, upstream, chunks: Self.chunks / 4)
            let before = try proxy.residentBytes
            let all = try upload(proxy, upstream, chunks: Self.chunks)
            #expect(all < 8 * quarter)
            #expect(try proxy.residentBytes - before < Self.slack)
        }
    }

    @Test func aMillionTinyChunksOfAResponse() throws {
        try withBed { bed in
            let upstream = try Listener()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let before = try proxy.residentBytes
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            let served = try upstream.accept()
            try served.skipHead()
            try served.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            let sender = Repeater(served.descriptor, Self.block, times: Self.chunks / Self.blockChunks)
            try client.skipHead()
            var data = 0
            while data < Self.chunks {
                data += client.take(client.unread.count).count { $0 == UInt8(ascii: "x") }
                if data < Self.chunks, try !client.receive() { throw Failure("it ended after \(data)") }
            }
            sender.join()
            try served.send("0\r\n\r\n")
            #expect(try Self.countData(client) == 0)
            #expect(data == Self.chunks)
            #expect(try proxy.residentBytes - before < Self.slack)
        }
    }

    /// Requests without end, whose answers nobody reads.
    @Test func endlessPipelining() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let other = try proxy.client()
            #expect(try other.get("/").status == 200)
            let before = try proxy.residentBytes
            let client = try proxy.client()
            let request = Array("GET /bytes/10000 HTTP/1.1\r\nhost: test\r\n\r\n".utf8)
            let sender = Repeater(client.descriptor, [UInt8]((0..<1000).flatMap { _ in request }), times: 2500)
            try waitUntilStill("what the client could send") { sender.sent }
            // What sockets hold.
            #expect(sender.sent < 1_000_000 * request.count)
            #expect(try proxy.residentBytes - before < Self.slack)
            // The worker has time for others, and nothing to do for this one.
            #expect(try other.get("/").status == 200)
            let served = try bed.statdump()["cluster.service.upstream_rq_total"] ?? 0
            // Sockets hold many answers too, but not those to all of them.
            #expect(served < 20_000)
            // Who begins to read gets every answer, in order.
            for _ in 0..<100 { #expect(try client.response().body.count == 10_000) }
            client.endSending()
            sender.join()
        }
    }

    /// Half of a head costs what it is long, at most twice that.
    @Test func manyHalfHeads() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            #expect(try proxy.client().get("/").status == 200)
            let before = try proxy.residentBytes
            let count = 200
            let size = 50_000
            let half = Array("GET / HTTP/1.1\r\nhost: test\r\nx: ".utf8) + [UInt8](repeating: 0x78, count: size)
            let clients = try (0..<count).map { _ in
                let client = try proxy.client()
                try client.send(half)
                return client
            }
            try waitUntil("all of it is read") {
                try proxy.stats()["http.ingress_http.downstream_cx_rx_bytes_total"] ?? 0 >= UInt64(count * half.count)
            }
            #expect(try proxy.residentBytes - before < 2 * 65536 * count + Self.slack)
            #expect(try proxy.client().get("/").status == 200)
            for client in clients {
                try client.send("\r\n\r\n")
                #expect(try client.response().status == 200)
            }
        }
    }

    /// A head without end is refused at its limit: what comes behind it is thrown away, and soon nobody reads it.
    @Test func aHeadWithoutEnd() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            let before = try proxy.residentBytes
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nhost: test\r\nx: ")
            // More than anybody sends in that second.
            let sender = Flood(client.descriptor, 1 << 36)
            let response = try client.response()
            #expect(response.status == 431)
            #expect(response.closes)
            // `delayed_close_timeout`.
            sender.join()
            #expect(sender.sent < 1 << 36)
            #expect(try proxy.residentBytes - before < Self.slack)
        }
    }

    /// Uploads at full speed to an upstream that reads a little at a time, and others that are given up and made anew all the while:
    /// memory rises to what the limits allow, and stays there however much comes. `tools/bench-uploads` has the figures.
    @Test func uploadsThatAreReadSlowly() throws {
        try withBed { bed in
            let upstream = try Listener(backlog: 64)
            let proxy = try bed.proxy(Configuration(upstream.port))
            let count = 8
            let head = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(1 << 40)\r\n\r\n"
            let before = try proxy.residentBytes
            var uploads = try (0..<count).map { _ in
                let client = try proxy.client()
                try client.send(head)
                return (client: client, sender: Flood(client.descriptor, 1 << 40), served: try upstream.accept())
            }
            // 1 MB, the default limit, for each direction of each, in memory that grows by doubling.
            let limit = count * (4 << 20) + Self.slack
            var sent = 0
            for round in 0..<200 {
                for upload in uploads { _ = try upload.served.skip(65536) }
                let rise = try proxy.residentBytes - before
                if rise > limit { throw Failure("\(rise) bytes more after round \(round)") }
                guard round % 10 == 9 else { continue }
                // Given up by the client; another one takes its place.
                let old = uploads.removeFirst()
                old.client.endSending()
                old.served.close()
                old.sender.join()
                sent += old.sender.sent
                let client = try proxy.client()
                try client.send(head)
                uploads.append((client, Flood(client.descriptor, 1 << 40), try upstream.accept()))
            }
            sent += uploads.reduce(0) { $0 + $1.sender.sent }
            // What came is many times what may be kept.
            #expect(sent > 2 * limit)
            for upload in uploads {
                upload.served.close()
                upload.client.endSending()
                upload.sender.join()
            }
            try waitUntil("nothing is left of them") {
                try proxy.stats()["http.ingress_http.downstream_cx_active"] == 0
            }
        }
    }

    /// Many uploads to upstreams that do not read, at full speed: each costs its limits, however much comes.
    @Test func manyUploadsThatNobodyReads() throws {
        try withBed { bed in
            let upstream = try Listener(backlog: 64)
            var configuration = Configuration(upstream.port)
            configuration.listenerLines = ["per_connection_buffer_limit_bytes: 32768"]
            configuration.clusterLines = ["per_connection_buffer_limit_bytes: 32768"]
            let proxy = try bed.proxy(configuration)
            let before = try proxy.residentBytes
            let count = 32
            let size = 64 << 20
            let uploads = try (0..<count).map { _ in
                let client = try proxy.client()
                try client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: \(size)\r\n\r\n")
                return (client: client, sender: Flood(client.descriptor, size), served: try upstream.accept())
            }
            try waitUntilStill("what the clients could send") { uploads.reduce(0) { $0 + $1.sender.sent } }
            // The limit with one read more, in memory that grows by doubling.
            #expect(try proxy.residentBytes - before < count * 256 * 1024 + Self.slack)
            // One that is read goes on, whatever the others do.
            try uploads[count / 2].served.skipHead()
            #expect(try uploads[count / 2].served.skip(size) == size)
            for upload in uploads { upload.client.endSending() }
            for upload in uploads { upload.sender.join() }
        }
    }
}
