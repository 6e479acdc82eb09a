import CLinux
import Glibc
import Testing

@testable import Proxy

/// A connection and a request come back from their records as they were.
@Suite struct ConnectionRecordTests {
    private static func bytes(_ write: (inout RecordWriter) -> Void) -> [UInt8] {
        var out = RecordWriter()
        write(&out)
        return Array(out.bytes)
    }

    private static func read<T>(_ bytes: [UInt8], _ body: (RecordBytes) throws -> T) rethrows -> T {
        try bytes.withUnsafeBufferPointer { try body(RecordBytes($0.baseAddress!, $0.count)) }
    }

    @Test func aConnectionComesBack() throws {
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        c.initialize(to: Connection())
        c.pointee.kind = .downstreamHTTP
        c.pointee.flags = [.inBody, .readPending, .passedAhead]
        c.pointee.createdNs = 1 << 60
        c.pointee.lastActivityNs = 12345
        c.pointee.deadlineNs = .max
        c.pointee.requests = 77
        c.pointee.bufferLimit = 1 << 20
        c.pointee.decoder = BodyDecoder(framing: .chunked, length: 0)
        _ = Array("5;a=".utf8).withUnsafeBufferPointer { c.pointee.decoder.next($0.baseAddress!, $0.count) }
        var remote = RecordTests.address("2001:db8::7")
        c.pointee.remote = PeerAddress(&remote)
        Array("GET / HT".utf8).withUnsafeBufferPointer { c.pointee.input.append($0.baseAddress!, $0.count) }
        [UInt8](repeating: 1, count: 100_000).withUnsafeBufferPointer {
            c.pointee.output.append($0.baseAddress!, $0.count)
        }
        defer {
            c.pointee.input.free()
            c.pointee.output.free()
        }
        let bytes = Self.bytes { ConnectionRecord.write(c, listener: 3, cluster: -1, host: nil, into: &$0) }
        try Self.read(bytes) { raw in
            let record = try ConnectionRecord(raw)
            #expect(ConnectionRecord.kind(record.kind) == .downstreamHTTP)
            // That a copy went ahead is the parent's own business.
            #expect(Connection.Flags(rawValue: record.flags) == [.inBody, .readPending])
            #expect(record.listener == 3)
            #expect(record.cluster == -1)
            #expect(record.createdNs == 1 << 60)
            #expect(record.lastActivityNs == 12345)
            #expect(record.deadlineNs == .max)
            #expect(record.requests == 77)
            #expect(record.bufferLimit == 1 << 20)
            #expect(record.input.text == "GET / HT")
            #expect(record.output.count == 100_000)
            #expect(record.decoder.state == c.pointee.decoder.state)
            #expect(record.decoder.remaining == 5)
            #expect(record.decoder.lineBytes == c.pointee.decoder.lineBytes)
            #expect(record.decoder.digits == c.pointee.decoder.digits)
            #expect(record.remote.family == UInt16(AF_INET6))
            #expect(record.remote.high == c.pointee.remote.high && record.remote.low == c.pointee.remote.low)
            #expect(record.remote.port == 8080)
        }
        // Cut anywhere, it is an error or a shorter record, never more.
        for length in stride(from: 0, to: 80, by: 1) {
            _ = Self.read(Array(bytes.prefix(length)) + [0]) { try? ConnectionRecord(RecordBytes($0.start!, length)) }
        }
    }

    @Test func aHostsConnectionComesBack() throws {
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        c.initialize(to: Connection())
        c.pointee.kind = .tunnelUpstream
        c.pointee.flags = [.connecting]
        var host = RecordTests.address("10.1.2.3")
        let bytes = Self.bytes { out in
            withUnsafePointer(to: &host) { ConnectionRecord.write(c, listener: -1, cluster: 0, host: $0, into: &out) }
        }
        try Self.read(bytes) { raw in
            let record = try ConnectionRecord(raw)
            #expect(ConnectionRecord.kind(record.kind) == .tunnelUpstream)
            #expect(record.cluster == 0)
            #expect(record.listener == -1)
            #expect(SocketAddress.equal(record.host, host))
        }
    }

    /// What a PROXY header said, and half of one.
    @Test func addressesComeBack() throws {
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        c.initialize(to: Connection())
        c.pointee.kind = .awaitingHeader
        c.pointee.flags = [.readPending, .proxied]
        Array("PROXY TCP4 1".utf8).withUnsafeBufferPointer { c.pointee.input.append($0.baseAddress!, $0.count) }
        defer { c.pointee.input.free() }
        var (remote, local, direct) = (
            RecordTests.address("2001:db8::7"), RecordTests.address("2001:db8::8"), RecordTests.address("10.1.2.3")
        )
        c.pointee.remote = PeerAddress(&remote)
        var addresses = ClientAddresses(local: PeerAddress(&local), direct: PeerAddress(&direct))
        let bytes = Self.bytes { out in
            withUnsafeMutablePointer(to: &addresses) {
                ConnectionRecord.write(c, listener: 0, cluster: -1, host: nil, addresses: $0, into: &out)
            }
        }
        try Self.read(bytes) { raw in
            let record = try ConnectionRecord(raw)
            #expect(ConnectionRecord.kind(record.kind) == .awaitingHeader)
            #expect(Connection.Flags(rawValue: record.flags) == [.readPending, .proxied])
            #expect(record.input.text == "PROXY TCP4 1")
            #expect(record.hasAddresses)
            #expect(record.remote.isSame(c.pointee.remote))
            #expect(record.local.isSame(addresses.local))
            #expect(record.direct.isSame(addresses.direct))
        }
        // What older builds know: neither the kind nor the bit.
        #expect(ConnectionRecord.wireKind(.awaitingHeader) > 4)
        #expect(Connection.Flags.proxied.rawValue >= 1 << 18)
    }

    @Test func aRequestComesBack() throws {
        let s = StreamPointer.allocate(capacity: 1)
        defer { s.deallocate() }
        s.initialize(to: Stream())
        s.pointee.flags = [.pending, .requestChunked]
        s.pointee.method = .patch
        s.pointee.status = 503
        s.pointee.startNs = 1
        s.pointee.requestEndNs = 2
        s.pointee.timeoutNs = 15_000_000_000
        s.pointee.idleTimeoutNs = 4
        s.pointee.lastActivityNs = 5
        Array("POST /x".utf8).withUnsafeBufferPointer { s.pointee.buffer.append($0.baseAddress!, $0.count) }
        defer { s.pointee.buffer.free() }
        let change: [UInt8] = [1, 1, 0, 1, 0, 0, 0, UInt8(ascii: "x"), UInt8(ascii: "1")]
        change.withUnsafeBufferPointer { s.pointee.changes.append($0.baseAddress!, $0.count) }
        defer { s.pointee.changes.free() }
        var host = RecordTests.address("10.1.2.3")
        let bytes = Self.bytes { out in
            withUnsafePointer(to: &host) { StreamRecord.write(s, cluster: 9, host: $0, into: &out) }
        }
        try Self.read(bytes) { raw in
            let record = try StreamRecord(raw)
            #expect(Stream.Flags(rawValue: record.flags) == [.pending, .requestChunked])
            #expect(Method(rawValue: record.method) == .patch)
            #expect(record.status == 503)
            #expect(record.cluster == 9)
            #expect(
                [record.startNs, record.requestEndNs, record.idleTimeoutNs, record.lastActivityNs] == [1, 2, 4, 5])
            #expect(record.timeoutNs == 15_000_000_000)
            #expect(record.buffer.text == "POST /x")
            #expect(record.changes.text == String(decoding: change, as: UTF8.self))
        }
    }

    /// A request that waits for a filter, and the tokens of its connection.
    @Test func whatFiltersKeepComesBack() throws {
        var state = FilterState()
        state.untilNs = 77
        state.hasFault = true
        state.passedChanges = 5
        state.bodyStart = 9
        state.mostBody = 1 << 40
        let bytes = Self.bytes { FilterRecord.write(state, name: Bytes("fault"), StreamRecord.filterTag, into: &$0) }
        try Self.read(bytes) { raw in
            let filter = try #require(try StreamRecord(raw).filter)
            #expect(filter.untilNs == 77 && filter.hasFault && filter.passedChanges == 5)
            #expect(filter.bodyStart == 9 && filter.mostBody == 1 << 40)
            #expect(filter.name.text == "fault")
        }
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        c.initialize(to: Connection())
        c.pointee.kind = .downstreamHTTP
        let rate = try #require(TokenRate(most: 3, perSecond: 0.25))
        var bucket = ConnectionBucket(word: 1.5.bitPattern, rate: rate)
        func record() throws -> ConnectionRecord {
            let bytes = Self.bytes { out in
                withUnsafeMutablePointer(to: &bucket) {
                    ConnectionRecord.write(c, listener: 0, cluster: -1, host: nil, bucket: $0, into: &out)
                }
            }
            return try Self.read(bytes) { try ConnectionRecord($0) }
        }
        let back = try #require(try record().bucket)
        #expect(back.word == bucket.word && back.rate.most == 3 && back.rate.perSecond == 0.25)
        bucket.word = Double.nan.bitPattern
        #expect(throws: RecordError.self) { try record() }
    }

    @Test func kindsHaveFixedNumbers() {
        let kinds: [Connection.Kind] = [
            .free, .downstreamHTTP, .upstreamHTTP, .tunnelDownstream, .tunnelUpstream, .awaitingHeader, .echo,
        ]
        #expect(kinds.map(ConnectionRecord.wireKind) == [0, 1, 2, 3, 4, 5, 6])
        #expect((0...6).map { ConnectionRecord.kind($0) } == kinds)
        #expect(ConnectionRecord.kind(7) == .free)
        #expect(ConnectionRecord.wireKind(.leaving) == 0, "it stays")
        #expect(ConnectionRecord.wireKind(.mirror) == 0, "it stays")
    }

    @Test func flagsThatTravelKeepTheirMeaning() {
        #expect(Connection.Flags.known == 0x103_FFFF)
        #expect(Connection.Flags.proxied.rawValue == 1 << 24)
        #expect(Connection.Flags.passedAhead.rawValue & Connection.Flags.known == 0)
        #expect(Stream.Flags.known == 0x19EF_FFFF)
        #expect(Stream.Flags.redirects.rawValue == 1 << 27)
        #expect(Stream.Flags([.mirror, .mirrored]).rawValue & Stream.Flags.known == 0)
        #expect(Stream.Flags.filtered.rawValue == 1 << 22)
        #expect(Stream.Flags.gathered.rawValue == 1 << 23 && Stream.Flags.healthCheck.rawValue == 1 << 24)
        #expect(Stream.Flags.changesResponse.rawValue == 1 << 21)
        #expect(Connection.Flags.overLimit.rawValue & Connection.Flags.known == 0)
        #expect(Connection.Flags.upgraded.rawValue == 1 << 15)
        #expect(Stream.Flags.pending.rawValue == 1 << 10)
    }
}
