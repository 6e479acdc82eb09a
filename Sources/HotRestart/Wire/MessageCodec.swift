/// A message with what its header says.
public struct Envelope: Hashable, Sendable {
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
        let body = encodeBody(message)
        let size = Wire.headerSize + body.count
        guard size <= Wire.maximumDatagram else { throw .tooLarge(bytes: size) }
        guard message.allows(descriptors: descriptors) else {
            throw .descriptorCount(expected: message.descriptorsNeeded, found: descriptors)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.appendLittleEndian(Wire.magic)
        bytes.appendLittleEndian(Wire.major)
        bytes.appendLittleEndian(Wire.minor)
        bytes.appendLittleEndian(message.type.rawValue)
        bytes.appendLittleEndian(message.headerFlags)
        bytes.appendLittleEndian(UInt32(body.count))
        bytes.appendLittleEndian(UInt32(descriptors))
        bytes.appendLittleEndian(sequence)
        bytes.append(contentsOf: body)
        return bytes
    }

    /// Reads one datagram with which `descriptors` descriptors arrived.
    public static func decode(_ datagram: [UInt8], descriptors: Int = 0) throws(MessageError) -> Envelope {
        guard datagram.count >= Wire.headerSize else {
            throw .badLength(expected: Wire.headerSize, found: datagram.count)
        }
        let bytes = datagram[...]
        let magic: UInt32 = bytes.littleEndian(at: 0)
        guard magic == Wire.magic else { throw .badMagic(magic) }
        let major: UInt16 = bytes.littleEndian(at: 4)
        let minor: UInt16 = bytes.littleEndian(at: 6)
        let type = MessageType(rawValue: bytes.littleEndian(at: 8))
        guard major == Wire.major || type == .refuse else { throw .incompatible(major: major, minor: minor) }
        let flags: UInt16 = bytes.littleEndian(at: 10)
        let length = Int(bytes.littleEndian(at: 12, as: UInt32.self))
        guard length == datagram.count - Wire.headerSize else {
            throw .badLength(expected: Wire.headerSize + length, found: datagram.count)
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
        } else if !message.allows(descriptors: descriptors) {
            throw .descriptorCount(expected: message.descriptorsNeeded, found: descriptors)
        }
        return Envelope(message: message, sequence: sequence, minor: minor)
    }
}

extension Message {
    /// Descriptors that must travel with it.
    var descriptorsNeeded: Int {
        if case .listeners(let part) = self { return part.records.count }
        return 0
    }

    /// Whether so many descriptors may travel with it. Which of them belong to which connection, only the owner knows.
    func allows(descriptors count: Int) -> Bool {
        switch self {
        case .ahead, .connections: count <= Wire.maximumDescriptors
        default: count == descriptorsNeeded && count <= Wire.maximumDescriptors
        }
    }

    var headerFlags: UInt16 {
        if case .ignored = self { return Wire.mayBeIgnored }
        return 0
    }
}
