import CLinux
import Glibc
import Synchronization
import Testing
import ThreadTesting

/// Filter chains that answer by themselves, and those with a limit.
@Suite struct NetworkFilterTests {
    private typealias Scene = FilterChainScene

    private static let listener = "listener.0.0.0.0_0"

    /// The chain of 127.0.0.1 has an upstream, those of 127.0.0.2 and so on are these.
    private static func configuration(_ upstream: UInt16, _ chains: [String]...) -> Configuration {
        var configuration = Scene.configuration(upstream)
        configuration.moreChains = chains.enumerated().map { position, filters in
            "{ filter_chain_match: { \(Scene.to("127.0.0.\(position + 2)")) }, "
                + "filters: [\(filters.joined(separator: ", "))] }"
        }
        return configuration
    }

    private static func client(_ proxy: Proxy, _ number: Int = 2, receiveBuffer: Int32? = nil) throws -> Client {
        try Client(port: proxy.port, address: "127.0.0.\(number)", receiveBuffer: receiveBuffer)
    }

    private static func echoes(_ client: Client, _ text: String) throws -> Bool {
        try client.send(text)
        return try client.receive(count: text.utf8.count) == Array(text.utf8)
    }

    @Test func echoSendsBackWhatComes() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Self.configuration(1, [Scene.echo]))
            let client = try Self.client(proxy)
            for text in ["a", "hello", String(repeating: "x", count: 300_000)] {
                #expect(try Self.echoes(client, text))
            }
            try client.send("last")
            client.endSending()
            #expect(try client.receiveToEnd() == Array("last".utf8))
            try waitUntil("it has ended") { try proxy.stats()["\(Self.listener).downstream_cx_active"] == 0 }
            let stats = try proxy.stats()
            #expect(stats["\(Self.listener).downstream_cx_total"] == 1)
            #expect(stats["\(Self.listener).downstream_cx_destroy"] == 1)
        }
    }

    /// Who does not read what comes back is not read either.
    @Test func echoKeepsLittleForAClientThatDoesNotRead() throws {
        try withBed { bed in
            var configuration = Self.configuration(1, [Scene.echo])
            configuration.listenerLines = ["per_connection_buffer_limit_bytes: 65536"]
            let proxy = try bed.proxy(configuration, concurrency: 1)
            let client = try Self.client(proxy, receiveBuffer: 4096)
            let flood = [UInt8](repeating: 7, count: 65536)
            _ = cl_set_nonblocking(client.descriptor, true)
            var sent = 0
            var isFull = false
            // Twice in a row, some time apart.
            try waitUntil("it takes no more") {
                let count = cl_send(client.descriptor, flood, flood.count, 0)
                if count > 0 { sent += count }
                defer { isFull = count < 0 }
                return isFull && count < 0
            }
            let before = try proxy.residentBytes
            #expect(before < 200 << 20)
            _ = cl_set_nonblocking(client.descriptor, false)
            // All of it comes back once it is read.
            #expect(try client.skip(sent) == sent)
            #expect(try Self.echoes(client, "again"))
        }
    }

    @Test func echoBehindAHeader() throws {
        try withBed { bed in
            var configuration = Configuration(1)
            configuration.listenerLines = ProxyProtocolScene.filter()
            configuration.chainLines = ["filter_chain_match: { \(Scene.from("192.0.2.1")) }"]
            configuration.moreChains = [Scene.chain(of: Scene.echo)]
            let proxy = try bed.proxy(configuration)
            let client = try proxy.client()
            try client.send(ProxyProtocolScene.line + "hello")
            #expect(try client.receive(count: 5) == Array("hello".utf8))
        }
    }

    @Test func aFixedResponseIsSentAndThatIsAll() throws {
        try withBed { bed in
            let long = String(repeating: "0123456789abcdef", count: 40_000)
            let proxy = try bed.proxy(Self.configuration(1, [Scene.response("bye")], [Scene.response(long)]))
            #expect(try Self.client(proxy).receiveToEnd() == Array("bye".utf8))
            let slow = try Self.client(proxy, 3, receiveBuffer: 4096)
            #expect(try slow.receiveToEnd().count == long.utf8.count)
            try waitUntil("they have ended") { try proxy.stats()["\(Self.listener).downstream_cx_active"] == 0 }
            #expect(try proxy.stats()["\(Self.listener).downstream_cx_total"] == 2)
        }
    }

    @Test func oneMoreThanTheLimitIsClosed() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Self.configuration(1, [Scene.limit("few", 2), Scene.echo], [Scene.echo]))
            let clients = try (0..<2).map { _ in try Self.client(proxy) }
            for client in clients { #expect(try Self.echoes(client, "in")) }
            for _ in 0..<3 { #expect(try Self.client(proxy).receiveToEnd() == []) }
            // Another chain has no limit.
            #expect(try Self.echoes(try Self.client(proxy, 3), "free"))
            var stats = try proxy.stats()
            #expect(stats["connection_limit.few.limited_connections"] == 3)
            #expect(stats["connection_limit.few.active_connections"] == 2)
            clients[0].close()
            try waitUntil("there is room") { try proxy.stats()["connection_limit.few.active_connections"] == 1 }
            #expect(try Self.echoes(try Self.client(proxy), "in again"))
            stats = try proxy.stats()
            #expect(stats["connection_limit.few.limited_connections"] == 3)
        }
    }

    /// As Envoy has it, those that are kept for their time count too, and speak no HTTP.
    @Test func oneTooManyIsKeptForItsTime() throws {
        try withBed { bed in
            let proxy = try bed.proxy(
                Self.configuration(
                    1, [Scene.limit("late", 1, ", delay: 0.3s"), Scene.answers("web")],
                    [Scene.limit("later", 1, ", delay: 3600s"), Scene.answers("net")]))
            let first = try Self.client(proxy)
            #expect(try first.get("/").text == "web")
            let second = try Self.client(proxy)
            try second.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(try second.receiveToEnd() == [])
            let third = try Self.client(proxy, 3)
            #expect(try third.get("/").text == "net")
            let held = try (0..<2).map { _ in try Self.client(proxy, 3) }
            try waitUntil("they are held") { try proxy.stats()["connection_limit.later.limited_connections"] == 2 }
            #expect(try proxy.stats()["connection_limit.late.limited_connections"] == 1)
            #expect(!held[0].hasEnded())
            held[0].close()
            try waitUntil("the one that has gone is not held") {
                try proxy.stats()["connection_limit.later.active_connections"] == 2
            }
            let stats = try proxy.stats()
            #expect(stats["http.net.downstream_cx_total"] == 3)
            #expect(stats["http.net.downstream_cx_http1_total"] == 1)
            #expect(stats["http.net.downstream_cx_active"] == 2)
            #expect(stats["http.net.downstream_cx_http1_active"] == 1)
            // Who is held still counts when others have gone.
            third.close()
            try waitUntil("one has gone") {
                try proxy.stats()["connection_limit.later.active_connections"] == 1
            }
            #expect(!held[1].hasEnded())
            let another = try Self.client(proxy, 3)
            try waitUntil("another is held") { try proxy.stats()["connection_limit.later.limited_connections"] == 3 }
            for client in [held[1], another] { client.close() }
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    // MARK: Hot restart

    private func flags(_ bed: Bed) -> [String] { promptLogs + ["--hot-restart-file", bed.path("restart.sock")] }

    @Test func echoAndItsLimitGoOnInTheNextProcess() throws {
        try withBed { bed in
            let chains = [Scene.limit("two", 2, ", delay: 3600s"), Scene.echo]
            let first = try bed.proxy(Self.configuration(1, chains), flags(bed), concurrency: 2)
            let clients = try (0..<2).map { _ in try Self.client(first) }
            for client in clients { #expect(try Self.echoes(client, "one")) }
            let held = try Self.client(first)
            try waitUntil("one is held") { try bed.statdump()["connection_limit.two.limited_connections"] == 1 }
            let second = try bed.proxy(Self.configuration(1, chains), flags(bed), concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 2)
            for client in clients { #expect(try Self.echoes(client, "two")) }
            // The one that is held stays with its process, which does not wait for it when it ends itself.
            #expect(!held.hasEnded())
            #expect(try bed.statdump()["connection_limit.two.active_connections"] == 3)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try held.receiveToEnd() == [])
            for client in clients { #expect(try Self.echoes(client, "three")) }
            let another = try Self.client(second)
            try waitUntil("the limit holds") { try bed.statdump()["connection_limit.two.limited_connections"] == 2 }
            another.close()
            clients[0].close()
            try waitUntil("there is room") { try bed.statdump()["connection_limit.two.active_connections"] == 1 }
            let last = try Self.client(second)
            #expect(try Self.echoes(last, "four"))
            for client in [clients[1], last] { client.close() }
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    /// What a client has not taken yet is sent by the next process, and what it has not been read of is read there.
    @Test func echoInTheMiddleOfMuchGoesOn() throws {
        try withBed { bed in
            let configuration = Self.configuration(1, [Scene.echo])
            let first = try bed.proxy(configuration, flags(bed), concurrency: 1)
            let client = try Self.client(first, receiveBuffer: 4096)
            let block = (0..<65521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            // More than all buffers on the way hold: as long as nobody reads, nobody can go on.
            let blocks = 400
            let descriptor = client.descriptor
            let sent = Atomic(0)
            let sender = Thread {
                for _ in 0..<blocks {
                    var rest = block[...]
                    while !rest.isEmpty {
                        let count = rest.withUnsafeBytes { cl_send(descriptor, $0.baseAddress, $0.count, 0) }
                        if count <= 0 { return }
                        rest = rest.dropFirst(count)
                        sent.add(count, ordering: .relaxed)
                    }
                }
            }
            defer { sender.join() }
            var before = -1
            try waitUntil("nothing moves any more") {
                let now = sent.load(ordering: .relaxed)
                defer { before = now }
                return now > 0 && now == before
            }
            let second = try bed.proxy(configuration, flags(bed), concurrency: 1)
            #expect(try first.process.terminate() == .exit(0))
            for _ in 0..<blocks { #expect(try client.receive(count: block.count) == block) }
            client.close()
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    @Test func anEchoThatIsNoneThereStays() throws {
        try withBed { bed in
            let first = try bed.proxy(Self.configuration(1, [Scene.echo]), flags(bed), concurrency: 1)
            let client = try Self.client(first)
            #expect(try Self.echoes(client, "one"))
            let second = try bed.proxy(Self.configuration(1, [Scene.answers("web")]), flags(bed), concurrency: 1)
            #expect(try bed.statdump()["hot_restart.connections_moved"] == 0)
            #expect(try Self.echoes(client, "two"))
            client.close()
            #expect(try first.process.terminate() == .exit(0))
            #expect(try second.process.terminate() == .exit(0))
        }
    }
}
