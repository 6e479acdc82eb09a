import Testing

@testable import HotRestart

@Suite struct MessageCodecTests {
    @Test(arguments: Samples.messages) func roundTrip(_ message: Message) throws {
        let count = Samples.descriptors(of: message)
        let bytes = try MessageCodec.encode(message, sequence: 0xDEAD_BEEF, descriptors: count)
        let envelope = try MessageCodec.decode(bytes, descriptors: count)
        #expect(envelope == Envelope(message: message, sequence: 0xDEAD_BEEF, minor: Wire.minor))
    }

    @Test func headerIsAsDocumented() throws {
        let bytes = try MessageCodec.encode(.request([.state]), sequence: 0x0102_0304)
        #expect(
            bytes == [
                0x45, 0x4E, 0x56, 0x48, 1, 0, 1, 0, 4, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1,
                1, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
            ])
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var descriptors = 0
        var error: MessageError
        var testDescription: String { name }
    }

    /// A whole datagram from a type and a body.
    static func datagram(
        _ type: MessageType, _ body: [UInt8] = [], flags: UInt16 = 0, descriptors: UInt32 = 0,
        magic: UInt32 = Wire.magic, major: UInt16 = Wire.major, length: UInt32? = nil
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(magic)
        bytes.appendLittleEndian(major)
        bytes.appendLittleEndian(UInt16(7))
        bytes.appendLittleEndian(type.rawValue)
        bytes.appendLittleEndian(flags)
        bytes.appendLittleEndian(length ?? UInt32(body.count))
        bytes.appendLittleEndian(descriptors)
        bytes.appendLittleEndian(UInt32(0))
        return bytes + body
    }

    static func field(_ tag: UInt16, _ value: [UInt8], length: UInt32? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(tag)
        bytes.appendLittleEndian(UInt16(0))
        bytes.appendLittleEndian(length ?? UInt32(value.count))
        return bytes + value
    }

    static let one: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]

    static let bad: [Bad] = [
        Bad(name: "empty", bytes: [], error: .badLength(expected: 24, found: 0)),
        Bad(
            name: "short header", bytes: Array(datagram(.ready).prefix(23)), error: .badLength(expected: 24, found: 23)),
        Bad(name: "magic", bytes: datagram(.ready, magic: 1), error: .badMagic(1)),
        Bad(name: "older major", bytes: datagram(.ready, major: 0), error: .incompatible(major: 0, minor: 7)),
        Bad(name: "newer major", bytes: datagram(.hello, major: 2), error: .incompatible(major: 2, minor: 7)),
        Bad(name: "longer length", bytes: datagram(.ready, length: 1), error: .badLength(expected: 25, found: 24)),
        Bad(
            name: "huge length", bytes: datagram(.ready, length: .max),
            error: .badLength(expected: 24 + 0xFFFF_FFFF, found: 24)),
        Bad(
            name: "trailing bytes", bytes: datagram(.ready) + [0], error: .badLength(expected: 24, found: 25)),
        Bad(
            name: "missing descriptors", bytes: datagram(.ready, descriptors: 1),
            error: .descriptorCount(expected: 1, found: 0)),
        Bad(
            name: "surplus descriptors", bytes: datagram(.ready), descriptors: 1,
            error: .descriptorCount(expected: 0, found: 1)),
        Bad(
            name: "descriptors where none belong", bytes: datagram(.ready, descriptors: 1), descriptors: 1,
            error: .descriptorCount(expected: 0, found: 1)),
        Bad(
            name: "more descriptors than records", bytes: datagram(.listeners, descriptors: 2), descriptors: 2,
            error: .descriptorCount(expected: 0, found: 2)),
        Bad(name: "type 0", bytes: datagram(.init(rawValue: 0)), error: .unknownType(0)),
        Bad(name: "unknown type", bytes: datagram(.init(rawValue: 500)), error: .unknownType(500)),
        Bad(
            name: "connections without bytes", bytes: datagram(.connections, field(2, one)),
            error: .missingField(type: 33, tag: 1)),
        Bad(
            name: "connections cut", bytes: datagram(.connections, field(1, [1, 2], length: 3)),
            error: .truncatedField(tag: 1)),
        Bad(
            name: "fewer descriptors than the header says", bytes: datagram(.connections, field(1, []), descriptors: 3),
            descriptors: 2, error: .descriptorCount(expected: 3, found: 2)),
        Bad(
            name: "a hostile count of descriptors", bytes: datagram(.connections, field(1, []), descriptors: .max),
            error: .descriptorCount(expected: Int(UInt32.max), found: 0)),
        Bad(
            name: "too many descriptors", bytes: datagram(.connections, field(1, []), descriptors: 201),
            descriptors: 201, error: .descriptorCount(expected: 200, found: 201)),
        Bad(name: "prepared without bytes", bytes: datagram(.prepared), error: .missingField(type: 34, tag: 1)),
        Bad(
            name: "prepared with a descriptor", bytes: datagram(.prepared, field(1, []), descriptors: 1),
            descriptors: 1, error: .descriptorCount(expected: 0, found: 1)),
        Bad(name: "field header cut", bytes: datagram(.ready, [1, 0, 0]), error: .truncatedField(tag: 0)),
        Bad(
            name: "field too long", bytes: datagram(.abort, field(1, [65], length: 2)), error: .truncatedField(tag: 1)),
        Bad(
            name: "field far too long", bytes: datagram(.abort, field(9, [], length: .max)),
            error: .truncatedField(tag: 9)),
        Bad(name: "text not UTF-8", bytes: datagram(.abort, field(1, [0xC3, 0x28])), error: .badField(tag: 1)),
        Bad(name: "number of 4 bytes", bytes: datagram(.request, field(1, [1, 0, 0, 0])), error: .badField(tag: 1)),
        Bad(name: "number of 0 bytes", bytes: datagram(.request, field(1, [])), error: .badField(tag: 1)),
        Bad(name: "request without parts", bytes: datagram(.request), error: .missingField(type: 4, tag: 1)),
        Bad(name: "hello without version", bytes: datagram(.hello), error: .missingField(type: 1, tag: 1)),
        Bad(
            name: "hello without pid", bytes: datagram(.hello, field(1, [65])), error: .missingField(type: 1, tag: 3)),
        Bad(
            name: "hello without base id", bytes: datagram(.hello, field(1, [65]) + field(3, one)),
            error: .missingField(type: 1, tag: 6)),
        Bad(
            name: "welcome without epoch", bytes: datagram(.welcome, field(2, one) + field(3, [65])),
            error: .missingField(type: 2, tag: 1)),
        Bad(
            name: "listener without name", bytes: datagram(.listeners, field(1, []), descriptors: 1), descriptors: 1,
            error: .missingField(type: 5, tag: 2)),
        Bad(
            name: "field of a record too long",
            bytes: datagram(.listeners, field(1, field(2, [], length: 1)), descriptors: 1), descriptors: 1,
            error: .truncatedField(tag: 2)),
        Bad(
            name: "worker beyond 32 bits",
            bytes: datagram(.listeners, field(1, field(4, [0, 0, 0, 0, 1, 0, 0, 0])), descriptors: 1), descriptors: 1,
            error: .badField(tag: 4)),
        Bad(
            name: "state without name", bytes: datagram(.state, field(1, field(2, [1]))),
            error: .missingField(type: 6, tag: 1)),
    ]

    @Test(arguments: bad) func malformed(_ sample: Bad) {
        #expect(throws: sample.error) { try MessageCodec.decode(sample.bytes, descriptors: sample.descriptors) }
        #expect(!sample.error.description.isEmpty)
    }

    @Test func unknownFieldsAreSkipped() throws {
        let body = Self.field(900, [1, 2, 3]) + Self.field(1, [65]) + Self.field(901, [])
        let envelope = try MessageCodec.decode(Self.datagram(.abort, body))
        #expect(envelope.message == .abort(reason: "A"))
        #expect(envelope.minor == 7)
        let plain = try MessageCodec.decode(Self.datagram(.commit, Self.field(900, [1])))
        #expect(plain.message == .commit)
    }

    @Test func unknownTypesMayBeSkippedWithTheirDescriptors() throws {
        let bytes = Self.datagram(.init(rawValue: 500), [1, 2, 3], flags: Wire.mayBeIgnored, descriptors: 3)
        #expect(try MessageCodec.decode(bytes, descriptors: 3).message == .ignored(type: .init(rawValue: 500)))
    }

    @Test func refusalOfAnotherMajorIsReadable() throws {
        let bytes = Self.datagram(.refuse, Self.field(1, [78, 111]), major: 2)
        #expect(try MessageCodec.decode(bytes).message == .refuse(reason: "No"))
    }

    @Test func tooLargeIsRefused() throws {
        let reason = String(repeating: "x", count: Wire.maximumDatagram)
        #expect(throws: MessageError.tooLarge(bytes: Wire.maximumDatagram + 32)) {
            try MessageCodec.encode(.abort(reason: reason), sequence: 0)
        }
        let fits = String(repeating: "x", count: Wire.maximumDatagram - 32)
        #expect(try MessageCodec.encode(.abort(reason: fits), sequence: 0).count == Wire.maximumDatagram)
    }

    @Test func theLargestPartFits() throws {
        let bytes = [UInt8](repeating: 7, count: ConnectionsPart.maximumBytes)
        let message = Message.connections(ConnectionsPart(bytes: bytes, isLast: true))
        let datagram = try MessageCodec.encode(message, sequence: 0, descriptors: Wire.maximumDescriptors)
        #expect(datagram.count == Wire.maximumDatagram)
        #expect(try MessageCodec.decode(datagram, descriptors: Wire.maximumDescriptors).message == message)
        #expect(throws: MessageError.tooLarge(bytes: Wire.maximumDatagram + 1)) {
            try MessageCodec.encode(.prepared(PreparedPart(bytes: bytes + [7], isLast: true)), sequence: 0)
        }
        #expect(throws: MessageError.descriptorCount(expected: 200, found: 201)) {
            try MessageCodec.encode(message, sequence: 0, descriptors: 201)
        }
    }

    @Test func aSliceIsReadWhereItLies() throws {
        let message = Message.prepared(PreparedPart(bytes: [1, 2, 3], isLast: true))
        let bytes = [9, 9, 9] + (try MessageCodec.encode(message, sequence: 5)) + [9]
        #expect(try MessageCodec.decode(bytes[3..<(bytes.count - 1)]).message == message)
    }

    /// Bytes changed, cut, repeated and joined at random: an error or a message, and what decodes encodes again.
    @Test func mutatedMessagesNeverCrash() throws {
        var random = Random(state: 20240607)
        let samples = try Samples.messages.map {
            try MessageCodec.encode($0, sequence: 1, descriptors: Samples.descriptors(of: $0))
        }
        var decoded = 0
        for _ in 0..<60_000 {
            var bytes = samples.randomElement(using: &random) ?? []
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let at = Int.random(in: 0..<max(bytes.count, 1), using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where !bytes.isEmpty: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1 where !bytes.isEmpty: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes = Array(bytes.prefix(at))
                case 3: bytes.insert(contentsOf: [0, 0xFF, 0x7F, 0x80], at: min(at, bytes.count))
                case 4: bytes += samples.randomElement(using: &random)?.suffix(at) ?? []
                default: if bytes.count > 4 { bytes.removeSubrange(min(at, bytes.count - 4)..<(bytes.count - 3)) }
                }
            }
            // Half of the time the length is right, so that the mutation reaches the fields.
            if Bool.random(using: &random), bytes.count >= Wire.headerSize {
                let length = bytes.count - Wire.headerSize
                for i in 0..<4 { bytes[12 + i] = UInt8(truncatingIfNeeded: length >> (8 * i)) }
            }
            let descriptors = bytes.count >= 20 ? Int(bytes[16]) : 0
            guard let envelope = try? MessageCodec.decode(bytes, descriptors: descriptors) else { continue }
            decoded += 1
            if case .ignored = envelope.message { continue }
            let again = try MessageCodec.encode(
                envelope.message, sequence: envelope.sequence, descriptors: Samples.descriptors(of: envelope.message))
            let back = try MessageCodec.decode(again, descriptors: Samples.descriptors(of: envelope.message))
            #expect(back.message == envelope.message)
        }
        #expect(decoded > 1000, "the mutations must leave some messages whole")
    }
}
