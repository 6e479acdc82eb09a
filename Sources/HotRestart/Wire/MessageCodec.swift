/// A message with what its header says.
public struct Envelope: Hashable, Sendable {
    /// What was said.
    public var message: Message
    /// Counts the messages of one direction of one connection, from 0.
    public var sequence: UInt32
    /// The peer's protocol minor.
    public var minor: UInt16
}

/// Messages to datagrams and back. The header, little endian:
///
///     0  magic u32        4  major u16   6  minor u16
///     8  type u16        10  flags u16  12  body length u32
///    16  descriptors u32 20  sequence u32
///    24  body: fields, see `Field`
///
/// Unknown fields are skipped. What is decoded comes from another build, possibly from a hostile one: every length is
/// checked before it is used, and what does not fit is a `MessageError`.
public enum MessageCodec {
    /// The datagram for `message`. Throws `.tooLarge` when it exceeds `Wire.maximumDatagram`.
    public static func encode(
        _ message: Message, sequence: UInt32, descriptors: Int = 0
    ) throws(MessageError) -> [UInt8] {
        guard descriptors >= 0, descriptors <= Wire.maximumDescriptors else {
            throw .descriptorCount(expected: message.descriptorsNeeded ?? Wire.maximumDescriptors, found: descriptors)
        }
        try check(message, descriptors)
        var out = FieldWriter()
        out.reserve(Wire.headerSize + message.roughSize)
        out.header(Wire.magic)
        out.header(Wire.major)
        out.header(Wire.minor)
        out.header(message.type.rawValue)
        out.header(message.headerFlags)
        out.header(UInt32(0))
        out.header(UInt32(descriptors))
        out.header(sequence)
        encodeBody(message, into: &out)
        let size = out.bytes.count
        guard size <= Wire.maximumDatagram else { throw .tooLarge(bytes: size) }
        out.set(UInt32(size - Wire.headerSize), at: 12)
        return out.bytes
    }

    /// Whether so many descriptors may travel with the message.
    private static func check(_ message: Message, _ descriptors: Int) throws(MessageError) {
        guard let needed = message.descriptorsNeeded else {
            guard descriptors <= Wire.maximumDescriptors else {
                throw .descriptorCount(expected: Wire.maximumDescriptors, found: descriptors)
            }
            return
        }
        guard descriptors == needed else { throw .descriptorCount(expected: needed, found: descriptors) }
    }

    /// Reads one datagram with which `descriptors` descriptors arrived.
    public static func decode(_ datagram: [UInt8], descriptors: Int = 0) throws(MessageError) -> Envelope {
        try decode(datagram[...], descriptors: descriptors)
    }

    /// The same without a copy of the datagram: nothing in the result refers to its storage.
    public static func decode(_ bytes: ArraySlice<UInt8>, descriptors: Int = 0) throws(MessageError) -> Envelope {
        guard bytes.count >= Wire.headerSize else {
            throw .badLength(expected: Wire.headerSize, found: bytes.count)
        }
        let magic: UInt32 = bytes.littleEndian(at: 0)
        guard magic == Wire.magic else { throw .badMagic(magic) }
        let major: UInt16 = bytes.littleEndian(at: 4)
        let minor: UInt16 = bytes.littleEndian(at: 6)
        let type = MessageType(rawValue: bytes.littleEndian(at: 8))
        guard major == Wire.major || type == .refuse else { throw .incompatible(major: major, minor: minor) }
        let flags: UInt16 = bytes.littleEndian(at: 10)
        let length = Int(bytes.littleEndian(at: 12, as: UInt32.self))
        guard length == bytes.count - Wire.headerSize else {
            throw .badLength(expected: Wire.headerSize + length, found: bytes.count)
        }
        let announced = Int(bytes.littleEndian(at: 16, as: UInt32.self))
        guard announced == descriptors else { throw .descriptorCount(expected: announced, found: descriptors) }
        let sequence: UInt32 = bytes.littleEndian(at: 20)

        let body = bytes.dropFirst(Wire.headerSize)
        let message: Message
        if let known = try decodeBody(type, body) {
            message = known
        } else if flags & Wire.mayBeIgnored != 0 {
            message = .ignored(type: type)
        } else {
            throw .unknownType(type.rawValue)
        }
        if case .ignored = message {
            // A newer peer's descriptors: the receiver closes them.
        } else {
            try check(message, descriptors)
        }
        return Envelope(message: message, sequence: sequence, minor: minor)
    }
}

extension Message {
    /// Descriptors that must travel with it; nil for any number up to the maximum.
    var descriptorsNeeded: Int? {
        switch self {
        case .listeners(let part): part.records.count
        case .ahead, .connections: nil
        default: 0
        }
    }

    /// Bytes of the body for which room is made at first.
    fileprivate var roughSize: Int {
        switch self {
        case .connections(let part): part.bytes.count + 2 * Field.headerSize + 8
        case .prepared(let part): part.bytes.count + 2 * Field.headerSize + 8
        default: 232
        }
    }

    var headerFlags: UInt16 {
        if case .ignored = self { return Wire.mayBeIgnored }
        return 0
    }
}
