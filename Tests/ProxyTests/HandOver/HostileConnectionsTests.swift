import CLinux
import Glibc
import HotRestart
import ProxyConfig
import Stats
import Testing

@testable import Proxy

/// Records of a hostile parent: refused, or built and served, and never a crash.
@Suite struct HostileConnectionsTests {
    /// Both ends of sockets as they come with records; the peers' ends are closed with this.
    final class Sockets {
        var peers: [Int32] = []
        func next() throws -> OwnedDescriptor {
            var pair: [Int32] = [-1, -1]
            let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            try #require(socketpair(AF_UNIX, type, 0, &pair) == 0)
            peers.append(pair[1])
            return OwnedDescriptor(pair[0])
        }
        deinit { for peer in peers { _ = cl_close(peer) } }
    }

    final class Child {
        let mailbox: MainMailbox
        let pool: WorkerPool
        private static let filter =
            "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
        private static let tcp = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
        private static let echo = "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo"
        private static let proxy =
            "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
        private static let raw =
            "{name: r, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}"

        init() throws {
            mailbox = try MainMailbox()
            let text = """
                static_resources:
                  listeners:
                  - name: l
                    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
                    filter_chains:
                    - filters:
                      - name: envoy.filters.network.http_connection_manager
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                          stat_prefix: p
                          route_config:
                            virtual_hosts:
                            - {name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c}}]}
                          http_filters:
                          - name: envoy.filters.http.router
                            typed_config:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                  - name: h
                    address: {socket_address: {address: 127.0.0.1, port_value: 10001}}
                    listener_filters: [{name: f, typed_config: {"@type": \(Self.filter)}}]
                    filter_chains: [{filters: [{name: t, typed_config: {"@type": \(Self.tcp), stat_prefix: t, cluster: c}}]}]
                  - name: e
                    address: {socket_address: {address: 127.0.0.1, port_value: 10002}}
                    filter_chains:
                    - filter_chain_match: {source_type: EXTERNAL}
                      filters: [{name: t, typed_config: {"@type": \(Self.tcp), stat_prefix: t, cluster: c}}]
                    - filters: [{name: e, typed_config: {"@type": \(Self.echo)}}]
                  clusters:
                  - {name: c}
                  - {name: p, transport_socket: {name: s, typed_config: {"@type": \(Self.proxy), transport_socket: \(Self.raw)}}}
                """
            let loaded = try BootstrapLoader.load(file: ("envoy.yaml", Array(text.utf8)), inline: nil)
            pool = try WorkerPool(
                configuration: CompiledConfiguration(loaded.bootstrap), store: .heapOnly(), concurrency: 2,
                mailbox: mailbox, log: { _ in })
            try pool.start()
            for cluster in 0...1 {
                pool.publish(hosts: [UpstreamHost(address: RecordTests.address("127.0.0.1"))], cluster: cluster)
            }
        }

        func park() {
            var parked = false
            pool.park { parked = true }
            while !parked {
                mailbox.run()
                usleep(50)
            }
        }

        /// What `activateConnections` does, but the workers stand still afterwards: none of the connections has a peer, and
        /// some would soon be gone.
        func activate() {
            var isDone = false
            let pending = Countdown(pool.workers.count) { isDone = true }
            for worker in pool.workers {
                worker.mailbox.post(
                    .whileParked { [mailbox] worker in
                        worker.activate()
                        mailbox.post { pending.arrive() }
                    })
            }
            while !isDone {
                mailbox.run()
                usleep(50)
            }
        }

        deinit { pool.shutdown() }
    }

    /// A transaction with every kind of unit, and how many descriptors it needs.
    private static func transaction(_ bytes: inout [UInt8]) -> Int {
        var out = RecordWriter()
        var header = TransactionRecord()
        header.units = 11
        header.rateLimits = [RateLimitRecord(name: "limit", word: 7)]
        header.workers = 2
        header.listeners = ["l", "h", "e"].map { .init(name: $0, statName: $0) }
        header.clusters = [
            .init(name: "c", statName: "c"), .init(name: "gone", statName: "gone"), .init(name: "p", statName: "p"),
        ]
        var frame = out.beginFrame()
        header.write(into: &out)
        out.endFrame(frame)
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        var host = RecordTests.address("127.0.0.1")
        func connection(_ tag: UInt32, _ kind: Connection.Kind, _ flags: Connection.Flags, _ cluster: Int32) {
            c.initialize(to: Connection())
            c.pointee.kind = kind
            c.pointee.flags = flags
            if flags.contains(.inBody) { c.pointee.decoder = BodyDecoder(framing: .chunked, length: 0) }
            if kind == .downstreamHTTP || kind == .awaitingHeader {
                Array((kind == .downstreamHTTP ? "GET / HTTP/1.1\r\nho" : "PROXY TCP4 1.2").utf8)
                    .withUnsafeBufferPointer {
                        c.pointee.input.append($0.baseAddress!, $0.count)
                    }
            }
            if flags.contains(.readPaused) {
                Array("output".utf8).withUnsafeBufferPointer { c.pointee.output.append($0.baseAddress!, $0.count) }
            }
            let start = out.begin(tag)
            var client = RecordTests.address("192.0.2.7")
            var addresses = ClientAddresses(local: PeerAddress(&client), direct: PeerAddress(&client))
            let listener: Int32 = kind == .awaitingHeader ? 1 : kind == .echo ? 2 : 0
            withUnsafePointer(to: &host) { host in
                withUnsafeMutablePointer(to: &addresses) { addresses in
                    ConnectionRecord.write(
                        c, listener: cluster < 0 ? listener : -1, cluster: cluster, host: cluster < 0 ? nil : host,
                        addresses: flags.contains(.proxied) ? addresses : nil, into: &out)
                }
            }
            out.end(start)
            c.pointee.input.free()
            c.pointee.output.free()
        }
        func stream(_ flags: Stream.Flags, _ cluster: Int32) {
            let s = StreamPointer.allocate(capacity: 1)
            defer { s.deallocate() }
            s.initialize(to: Stream())
            s.pointee.flags = flags
            let head = Bytes("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            if flags.contains(.filtered) { s.pointee.buffer.append(head.start, head.count) }
            defer { s.pointee.buffer.free() }
            let start = out.begin(UnitRecord.Tag.stream)
            withUnsafePointer(to: &host) { StreamRecord.write(s, cluster: cluster, host: $0, into: &out) }
            let cookie = Bytes("set-cookie: a=\"b\"; HttpOnly\r\n")
            if flags.contains(.filtered) {
                var kept = FilterState()
                kept.untilNs = 1
                kept.hasFault = !flags.contains(.gathered)
                if flags.contains(.gathered) {
                    kept.untilNs = FilterState.never
                    kept.bodyStart = UInt32(head.count)
                    kept.mostBody = 100
                }
                FilterRecord.write(kept, name: Bytes("fault"), StreamRecord.filterTag, into: &out)
            }
            if flags.contains(.requestEnded) { out.blob(StreamRecord.cookiesTag, cookie.start, cookie.count) }
            out.end(start)
        }
        func unit(_ ordinal: UInt64, _ body: () -> Void) {
            frame = out.beginFrame()
            out.number(UnitRecord.Tag.ordinal, ordinal)
            out.number(UnitRecord.Tag.worker, ordinal % 2)
            body()
            out.endFrame(frame)
        }
        unit(0) { connection(UnitRecord.Tag.downstream, .downstreamHTTP, [.used], -1) }
        unit(1) {
            connection(UnitRecord.Tag.downstream, .downstreamHTTP, [.inBody], -1)
            connection(UnitRecord.Tag.upstream, .upstreamHTTP, [.readPaused, .readPending], 1)
            stream([.requestChunked], 1)
        }
        unit(2) {
            connection(UnitRecord.Tag.downstream, .downstreamHTTP, [], -1)
            stream([.pending, .requestEnded], 0)
        }
        unit(3) { connection(UnitRecord.Tag.upstream, .upstreamHTTP, [.connecting], 0) }
        unit(4) {
            connection(UnitRecord.Tag.downstream, .tunnelDownstream, [.upgraded], -1)
            connection(UnitRecord.Tag.upstream, .tunnelUpstream, [.upgraded], 0)
            stream([.upgrade, .responseStarted], 0)
        }
        unit(5) {
            connection(UnitRecord.Tag.downstream, .downstreamHTTP, [.inBody], -1)
            connection(UnitRecord.Tag.upstream, .upstreamHTTP, [.inBody], 0)
            stream([.responseStarted, .responseChunked], 0)
        }
        unit(6) { connection(UnitRecord.Tag.downstream, .awaitingHeader, [], -1) }
        unit(7) { connection(UnitRecord.Tag.upstream, .upstreamHTTP, [.pooled, .used, .proxied], 2) }
        unit(8) { connection(UnitRecord.Tag.downstream, .echo, [.readPaused, .readPending], -1) }
        unit(9) {
            connection(UnitRecord.Tag.downstream, .downstreamHTTP, [], -1)
            stream([.filtered, .requestEnded], -1)
        }
        unit(10) {
            connection(UnitRecord.Tag.downstream, .downstreamHTTP, [.inBody], -1)
            stream([.filtered, .gathered], -1)
        }
        bytes = Array(out.bytes)
        return 14
    }

    @Test func aWholeTransactionIsAdopted() throws {
        let child = try Child()
        let sockets = Sockets()
        var bytes: [UInt8] = []
        let count = Self.transaction(&bytes)
        child.park()
        let descriptors = try (0..<count).map { _ in try sockets.next() }
        #expect(child.pool.adoptConnections(bytes, descriptors) == nil)
        let (answer, problem) = child.pool.connectionAnswer()
        #expect(problem == nil)
        #expect(try AnswerRecord(answer, units: 11) == AnswerRecord())
        #expect(descriptors.allSatisfy { $0.raw < 0 })
        child.pool.dropConnections()
        child.pool.resumeParked()
        #expect(child.pool.connectionCount == 0)
    }

    @Test func onePieceAtATimeIsTheSame() throws {
        let child = try Child()
        let sockets = Sockets()
        var bytes: [UInt8] = []
        let count = Self.transaction(&bytes)
        child.park()
        let descriptors = try (0..<count).map { _ in try sockets.next() }
        for (i, byte) in bytes.enumerated() {
            #expect(child.pool.adoptConnections([byte], i == 0 ? descriptors : []) == nil)
        }
        let (answer, problem) = child.pool.connectionAnswer()
        #expect(problem == nil)
        #expect(try AnswerRecord(answer, units: 11) == AnswerRecord())
        child.pool.countAdopted()
        child.activate()
        #expect(child.pool.connectionCount == 9)
        child.pool.resumeParked()
    }

    @Test func whatIsMissingIsSaid() throws {
        let child = try Child()
        let sockets = Sockets()
        var bytes: [UInt8] = []
        let count = Self.transaction(&bytes)
        child.park()
        #expect(child.pool.adoptConnections(bytes, try (0..<(count - 1)).map { _ in try sockets.next() }) != nil)
        child.pool.dropConnections()
        #expect(
            child.pool.adoptConnections(Array(bytes.dropLast()), try (0..<count).map { _ in try sockets.next() }) == nil
        )
        #expect(child.pool.connectionAnswer().problem != nil)
        child.pool.dropConnections()
        #expect(child.pool.adoptConnections(bytes, try (0...count).map { _ in try sockets.next() }) == nil)
        #expect(child.pool.connectionAnswer().problem != nil)
        child.pool.dropConnections()
        child.pool.resumeParked()
    }

    /// Bits flipped anywhere: what is refused is refused, what is believed is served, with peers that go away.
    @Test func changedRecordsDoNoHarm() throws {
        var generator = SystemRandomNumberGenerator()
        var valid: [UInt8] = []
        let count = Self.transaction(&valid)
        let child = try Child()
        for _ in 0..<1500 {
            let sockets = Sockets()
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            child.park()
            let problem = child.pool.adoptConnections(bytes, try (0..<count).map { _ in try sockets.next() })
            if problem == nil, child.pool.connectionAnswer().problem == nil {
                child.pool.countAdopted()
                child.pool.activateConnections()
                for peer in sockets.peers { _ = "x\r\n\r\n".withCString { cl_send(peer, $0, 5, 0) } }
            } else {
                child.pool.dropConnections()
                child.pool.resumeParked()
            }
        }
    }
}
