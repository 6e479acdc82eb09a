/// Why a datagram is not a message that this version understands, or why a message does not fit into a datagram.
public enum MessageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Shorter than its header or than the length in it, or longer.
    case badLength(expected: Int, found: Int)
    /// Does not begin as a message does.
    case badMagic(UInt32)
    /// The peer speaks another protocol major.
    case incompatible(major: UInt16, minor: UInt16)
    /// A type this version does not know and may not skip.
    case unknownType(UInt16)
    /// A field's length points past the end of what holds it.
    case truncatedField(tag: UInt16)
    /// A number that is not 8 bytes or out of range, or text that is not UTF-8.
    case badField(tag: UInt16)
    /// A field without which the message means nothing.
    case missingField(type: UInt16, tag: UInt16)
    /// The descriptors that arrived are not as many as the header or the records say.
    case descriptorCount(expected: Int, found: Int)
    /// The kernel cut the datagram or its descriptors short: usually RLIMIT_NOFILE of the receiver.
    case cutShort
    /// A message is missing or came twice.
    case sequence(expected: UInt32, found: UInt32)
    /// One record, or a list that is never finished, exceeds the limits of the format.
    case tooLarge(bytes: Int)

    /// A line for the log.
    public var description: String {
        switch self {
        case .badLength(let expected, let found): "message of \(found) bytes where \(expected) were expected"
        case .badMagic(let magic): "not a hot-restart message (magic 0x\(String(magic, radix: 16)))"
        case .incompatible(let major, let minor):
            "the other process speaks hot-restart protocol \(major).\(minor), this one \(Wire.major).\(Wire.minor)"
        case .unknownType(let type): "unknown message type \(type)"
        case .truncatedField(let tag): "field \(tag) is longer than the message that holds it"
        case .badField(let tag): "field \(tag) has a bad value"
        case .missingField(let type, let tag): "message type \(type) lacks field \(tag)"
        case .descriptorCount(let expected, let found): "\(found) descriptors where \(expected) were expected"
        case .cutShort:
            "a message or its descriptors were cut short; is the open files limit (RLIMIT_NOFILE) too low?"
        case .sequence(let expected, let found): "message number \(found) where \(expected) was expected"
        case .tooLarge(let bytes): "\(bytes) bytes exceed what the hot-restart protocol carries"
        }
    }
}
