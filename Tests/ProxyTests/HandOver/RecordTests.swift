import CLinux
import Glibc
import Testing

@testable import Proxy

/// The wire format of records: protocol buffers, by hand.
@Suite struct RecordTests {
    @Test func isTheWireFormatOfProtocolBuffers() {
        var out = RecordWriter()
        out.number(1, 150)
        out.text(2, "testing")
        out.number(3, 0)
        out.number(16, UInt64.max)
        // The first two are the examples of the encoding's own documentation.
        let expected: [UInt8] =
            [0x08, 0x96, 0x01, 0x12, 0x07] + Array("testing".utf8) + [0x80, 0x01] + Array(repeating: 0xFF, count: 9)
            + [0x01]
        #expect(Array(out.bytes) == expected)
    }

    @Test func nestedRecordsHavePaddedLengths() throws {
        var out = RecordWriter(capacity: 64)
        let start = out.begin(4)
        let long = [UInt8](repeating: 7, count: 300)
        long.withUnsafeBufferPointer { out.blob(1, $0.baseAddress ?? UnsafePointer(bitPattern: 1)!, $0.count) }
        out.end(start)
        let bytes = Array(out.bytes)
        #expect(bytes[0] == 0x22)
        #expect(bytes[1..<5] == [0xAF, 0x82, 0x80, 0x00])
        try bytes.withUnsafeBufferPointer { buffer in
            var reader = RecordReader(try #require(buffer.baseAddress), buffer.count)
            let field = try #require(try reader.field())
            var inner = try #require(RecordReader(try field.content()))
            #expect(try inner.field()?.content().count == 300)
            #expect(try reader.field() == nil)
        }
    }

    @Test(
        arguments: [
            [0x08], [0x08, 0x80], [0x12, 0x05, 1, 2], [0x0B], [0x0D, 1, 2], [0x09, 1, 2, 3], [0x00, 0x01],
            [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
            [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        ] as [[UInt8]])
    func brokenBytesAreAnError(_ bytes: [UInt8]) {
        #expect(throws: RecordError.self) { try Self.walk(bytes) }
    }

    @Test func fixedNumbersAreRead() throws {
        #expect(try Self.walk([0x0D, 1, 0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0, 0, 0]) == 2)
    }

    @Test func aNumberOutOfRangeIsNeverCut() {
        let field = RecordReader.Field(number: 1, value: 256)
        #expect(throws: RecordError.self) { let _: UInt8 = try field.number() }
        #expect(throws: RecordError.self) { _ = try field.content() }
    }

    /// What goes into a head as it is says nothing else.
    @Test(arguments: [
        ("set-cookie: a=b\r\n", true), ("set-cookie: a=b; Path=/\r\nset-cookie: c=d\r\n", true),
        ("set-cookie: \r\n", true), ("set-cookie: a=b", false), ("set-cookie: a=b\n", false),
        ("set-cookie: a\rb\r\n", false), ("x-a: b\r\n", false), ("set-cookie: a\r\nx-a: b\r\n", false),
        ("set-cookie: a\r\n\r\n", false), ("set-cookie: a\u{0}b\r\n", false),
    ])
    func cookiesOfAnotherProcess(text: String, isSound: Bool) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            #expect(UnitCheck.areCookies(RecordBytes(start, buffer.count)) == isSound)
        }
    }

    @Test func namesAndAnswersComeBack() throws {
        var header = TransactionRecord()
        header.units = 70_000
        header.workers = 3
        header.listeners = [.init(name: "web", statName: "0.0.0.0_80")]
        header.clusters = [.init(name: "a", statName: "a"), .init(name: "ü", statName: "b")]
        var out = RecordWriter()
        header.write(into: &out)
        #expect(
            try TransactionRecord(RecordBytes(out.bytes.baseAddress ?? UnsafePointer(bitPattern: 1)!, out.count))
                == header)

        var answer = AnswerRecord()
        answer.refuse(0, "gone")
        answer.refuse(5, "full")
        answer.refuse(2, "gone")
        #expect(try AnswerRecord(answer.encoded(), units: 6) == answer)
        #expect(throws: RecordError.self) { try AnswerRecord(answer.encoded(), units: 5) }
        #expect(try AnswerRecord([], units: 0) == AnswerRecord())

        var hosts = HostsRecord()
        hosts.names = [
            .init(
                cluster: "a", host: "example.org", port: 80, addresses: [Self.address("10.0.0.1"), Self.address("::1")])
        ]
        #expect(try HostsRecord(hosts.encoded()) == hosts)
        for failed in [true, false] {
            #expect(try HealthRecord(HealthRecord(failed: failed).encoded()).failed == failed)
        }
        #expect(throws: RecordError.self) { try HealthRecord([8, 0x80]) }
    }

    @Test func descriptorsAheadHaveNamesAndRecords() throws {
        let ids = [AheadID.make(0, 0, 0), AheadID.make(1, 77, 0xFFFF_FFEF)]
        #expect(!ids.contains(0))
        #expect(AheadID.worker(ids[1]) == 1)
        var out = RecordWriter()
        out.number(AheadRecord.Tag.workers, 2)
        for id in ids { out.number(AheadRecord.Tag.id, id) }
        let listener = out.begin(AheadRecord.Tag.listener)
        out.number(AheadRecord.Tag.position, 8)
        out.text(AheadRecord.Tag.name, "l")
        out.end(listener)
        let early = out.begin(AheadRecord.Tag.early)
        out.number(AheadRecord.Tag.earlyID, ids[1])
        let start = out.begin(AheadRecord.Tag.record)
        out.number(1, 1)
        out.end(start)
        out.end(early)
        let ahead = try AheadRecord(out.bytes)
        #expect(ahead.workers == 2)
        #expect(ahead.ids == ids)
        #expect(ahead.listeners == [AheadRecord.Listener(position: 7, name: "l")])
        #expect(ahead.early == [AheadRecord.Early(id: ids[1], start: start, count: 2)])
    }

    @Test func unchangedConnectionsAreNamedByWords() throws {
        let ids: [UInt64] = [1, .max, AheadID.make(3, 12, 99)]
        var out = RecordWriter(capacity: 64)
        out.number(UnitRecord.Tag.ordinal, 4)
        out.words(UnitRecord.Tag.unchanged, ids[...])
        let unit = try UnitRecord(RecordBytes(try #require(out.bytes.baseAddress), out.count))
        #expect(unit.ordinal == 4)
        #expect(unit.descriptorCount == 0)
        let start = try #require(unit.unchanged.start)
        #expect(unit.unchanged.count == 24)
        #expect((0..<3).map { UnsafeRawPointer(start + 8 * $0).loadUnaligned(as: UInt64.self) } == ids)
    }

    @Test(arguments: [
        [UInt8](), [2], [2, 0, 1], Array(repeating: 1, count: 129), [77, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4],
    ])
    func addressesAreWhole(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { buffer in
            var field = RecordReader.Field(number: 5, isBytes: true)
            if let base = buffer.baseAddress { field.bytes = RecordBytes(base, buffer.count) }
            #expect(throws: RecordError.self) { try AddressRecord.read(field) }
        }
    }

    /// Whatever the bytes are: an error or a record, and nothing beyond their end (the address sanitizer would see it).
    @Test func randomBytesDoNoHarm() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...60, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Often enough something that begins well.
            if count > 2, Bool.random(using: &generator) {
                bytes[0] = UInt8.random(in: 1...8, using: &generator) << 3 | (Bool.random() ? 2 : 0)
                bytes[1] = UInt8(count - 2)
            }
            _ = try? AnswerRecord(bytes, units: 3)
            _ = bytes.withUnsafeBufferPointer { try? AheadRecord($0) }
            _ = try? HostsRecord(bytes)
            bytes.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                let record = RecordBytes(base, buffer.count)
                _ = try? TransactionRecord(record)
                _ = try? ConnectionRecord(record)
                _ = try? StreamRecord(record)
                let unit = try? UnitRecord(record)
                _ = try? unit?.downstream()
                _ = try? unit?.upstream()
                _ = try? unit?.stream()
            }
        }
    }

    static func address(_ ip: String) -> cl_address {
        var address = cl_address()
        _ = cl_address_ip(&address, ip, 8080)
        return address
    }

    /// Returns the number of fields.
    @discardableResult
    private static func walk(_ bytes: [UInt8]) throws -> Int {
        try bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var reader = RecordReader(base, buffer.count)
            var count = 0
            while try reader.field() != nil { count += 1 }
            return count
        }
    }
}
