/// A listening socket to pass: what it is, and the sender's descriptor (borrowed; the sender keeps it open).
public struct OfferedListener: Hashable, Sendable {
    /// What the child is to know of it.
    public var record: ListenerRecord
    /// The sender's, open until the message is sent.
    public var descriptor: Int32

    /// A socket with its record.
    public init(record: ListenerRecord, descriptor: Int32) {
        self.record = record
        self.descriptor = descriptor
    }
}

/// Lists that do not fit into one datagram, cut into parts.
enum Parts {
    /// Bytes of fields in one datagram, with room for the "last" field.
    static let room = Wire.maximumDatagram - Wire.headerSize - (Field.headerSize + 8)
    /// Bytes of state in one piece; its name and field headers need some room too.
    static let pieceSize = 32768

    /// At least one part, so that an empty list has its "last" marker too. Throws `.tooLarge` for a record that fits
    /// into no datagram.
    static func split(
        _ listeners: [OfferedListener]
    ) throws(MessageError) -> [(part: ListenersPart, descriptors: [Int32])] {
        var parts: [(part: ListenersPart, descriptors: [Int32])] = []
        var part = ListenersPart(records: [], isLast: false)
        var descriptors: [Int32] = []
        var used = 0
        for listener in listeners {
            var writer = FieldWriter()
            MessageCodec.write(listener.record, into: &writer)
            let size = Field.headerSize + writer.bytes.count
            guard size <= room else { throw .tooLarge(bytes: size) }
            if used + size > room || descriptors.count == Wire.maximumDescriptors {
                parts.append((part, descriptors))
                part.records = []
                descriptors = []
                used = 0
            }
            part.records.append(listener.record)
            descriptors.append(listener.descriptor)
            used += size
        }
        part.isLast = true
        parts.append((part, descriptors))
        return parts
    }

    /// As above. A record larger than a datagram becomes several pieces.
    static func split(_ records: [StateRecord]) throws(MessageError) -> [StatePart] {
        var parts: [StatePart] = []
        var part = StatePart(pieces: [], isLast: false)
        var used = 0
        for record in records {
            var rest = record.bytes[...]
            repeat {
                let bytes = rest.prefix(pieceSize)
                rest = rest.dropFirst(pieceSize)
                let piece = StatePart.Piece(name: record.name, bytes: Array(bytes), continues: !rest.isEmpty)
                var writer = FieldWriter()
                MessageCodec.write(piece, into: &writer)
                let size = Field.headerSize + writer.bytes.count
                guard size <= room else { throw .tooLarge(bytes: size) }
                if used + size > room {
                    parts.append(part)
                    part.pieces = []
                    used = 0
                }
                part.pieces.append(piece)
                used += size
            } while !rest.isEmpty
        }
        part.isLast = true
        parts.append(part)
        return parts
    }
}

/// Puts the pieces of state records together again.
struct StateAssembler: Hashable {
    /// Whole records so far.
    private(set) var records: [StateRecord] = []
    private var open: StateRecord?
    private var total = 0

    mutating func add(_ part: StatePart) throws(MessageError) {
        for piece in part.pieces {
            // Empty pieces cost memory too.
            total += piece.bytes.count + piece.name.utf8.count + 64
            guard total <= Wire.maximumStateBytes else { throw .tooLarge(bytes: total) }
            var record = open ?? StateRecord(name: piece.name, bytes: [])
            // One reference to the bytes, or each piece would copy all that came before it.
            open = nil
            guard record.name == piece.name else { throw .badField(tag: 1) }
            record.bytes += piece.bytes
            if piece.continues { open = record } else { records.append(record) }
        }
        if part.isLast, open != nil { throw .badField(tag: 3) }
    }
}
