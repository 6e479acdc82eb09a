/// One datagram's worth of the records of live connections. This library does not look into the bytes, nor does it say which
/// of the datagram's descriptors belongs to what.
public struct ConnectionsPart: Hashable, Sendable {
    /// A piece of the stream of records, cut anywhere.
    public var bytes: [UInt8]
    /// No further part follows: all records are there.
    public var isLast: Bool

    /// At most `maximumBytes`.
    public init(bytes: [UInt8], isLast: Bool) {
        self.bytes = bytes
        self.isLast = isLast
    }

    /// Bytes that surely fit into one datagram, whatever the descriptors are.
    public static let maximumBytes = Parts.room - Field.headerSize
}

/// One datagram's worth of the child's answer to the records, as opaque as they are.
public struct PreparedPart: Hashable, Sendable {
    /// A piece of the answer, cut anywhere.
    public var bytes: [UInt8]
    /// No further part follows.
    public var isLast: Bool

    /// One piece.
    public init(bytes: [UInt8], isLast: Bool) {
        self.bytes = bytes
        self.isLast = isLast
    }

    /// Bytes that surely fit into one datagram.
    public static let maximumBytes = ConnectionsPart.maximumBytes
}

extension Parts {
    /// At least one part, so that an empty answer has its "last" marker too. Throws `.tooLarge` for what the parent would
    /// not take.
    static func split(prepared answer: [UInt8]) throws(MessageError) -> [PreparedPart] {
        guard answer.count <= Wire.maximumPreparedBytes else { throw .tooLarge(bytes: answer.count) }
        var parts: [PreparedPart] = []
        var rest = answer[...]
        repeat {
            let bytes = rest.prefix(PreparedPart.maximumBytes)
            rest = rest.dropFirst(bytes.count)
            parts.append(PreparedPart(bytes: Array(bytes), isLast: rest.isEmpty))
        } while !rest.isEmpty
        return parts
    }
}

/// CONNECTIONS and PREPARED have the same two fields. A freeze lasts as long as thousands of these take, so the bytes are
/// copied once on each side and never looked at one by one.
extension MessageCodec {
    private enum Tag {
        static let bytes: UInt16 = 1, last: UInt16 = 2
    }

    static func write(bytes: [UInt8], isLast: Bool, into out: inout FieldWriter) {
        out.blob(Tag.bytes, bytes)
        if isLast { out.number(Tag.last, 1) }
    }

    static func readBytes(
        _ type: MessageType, _ body: ArraySlice<UInt8>
    ) throws(MessageError) -> (bytes: [UInt8], isLast: Bool) {
        var bytes: ArraySlice<UInt8>?
        var isLast = false
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.bytes: bytes = field.value
            case Tag.last: isLast = try field.number() != 0
            default: break
            }
        }
        guard let bytes else { throw .missingField(type: type.rawValue, tag: Tag.bytes) }
        return (Array(bytes), isLast)
    }
}
