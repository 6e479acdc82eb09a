/// A field of a message body: {tag u16, reserved u16, length u32, value}, little endian, without padding. Numbers are
/// 8 bytes, text is UTF-8, a record is a value that consists of fields. A tag means something only within its message.
struct Field {
    var tag: UInt16
    var value: ArraySlice<UInt8>

    static let headerSize = 8

    func number() throws(MessageError) -> UInt64 {
        guard value.count == 8 else { throw .badField(tag: tag) }
        return value.littleEndian(at: 0)
    }

    /// A number that fits a narrower type; a larger one is an error and never cut.
    func number<T: FixedWidthInteger>(as type: T.Type) throws(MessageError) -> T {
        guard let narrow = T(exactly: try number()) else { throw .badField(tag: tag) }
        return narrow
    }

    func text() throws(MessageError) -> String {
        guard let text = String(validating: value, as: UTF8.self) else { throw .badField(tag: tag) }
        return text
    }
}

extension ArraySlice<UInt8> {
    /// The caller has checked that the bytes are there.
    func littleEndian<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
        var result: T = 0
        for i in 0..<(T.bitWidth / 8) { result |= T(self[startIndex + offset + i]) << T(8 * i) }
        return result
    }
}

extension [UInt8] {
    mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Walks the fields of a body or a record.
struct FieldReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field, nil at the end.
    mutating func next() throws(MessageError) -> Field? {
        if rest.isEmpty { return nil }
        guard rest.count >= Field.headerSize else { throw .truncatedField(tag: 0) }
        let tag: UInt16 = rest.littleEndian(at: 0)
        let length = Int(rest.littleEndian(at: 4, as: UInt32.self))
        rest = rest.dropFirst(Field.headerSize)
        guard length <= rest.count else { throw .truncatedField(tag: tag) }
        defer { rest = rest.dropFirst(length) }
        return Field(tag: tag, value: rest.prefix(length))
    }
}

/// Builds a body or a record.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    /// Room for so many further bytes, for what is large; the rest grows as it goes.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// What stands before the fields.
    mutating func header<T: FixedWidthInteger>(_ value: T) { bytes.appendLittleEndian(value) }

    /// Puts in a number whose place was kept and whose value is known only now.
    mutating func set(_ value: UInt32, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<(offset + 4), with: $0) }
    }

    mutating func number(_ tag: UInt16, _ value: UInt64) {
        header(tag, 8)
        bytes.appendLittleEndian(value)
    }

    mutating func text(_ tag: UInt16, _ value: String) {
        var value = value
        value.withUTF8 { blob(tag, $0) }
    }

    mutating func blob(_ tag: UInt16, _ value: some Collection<UInt8>) {
        header(tag, value.count)
        bytes.append(contentsOf: value)
    }

    mutating func record(_ tag: UInt16, _ build: (inout FieldWriter) -> Void) {
        var inner = FieldWriter()
        build(&inner)
        blob(tag, inner.bytes)
    }

    /// A length beyond 32 bits is clamped: the datagram is refused as too large in any case.
    private mutating func header(_ tag: UInt16, _ length: Int) {
        bytes.appendLittleEndian(tag)
        bytes.appendLittleEndian(UInt16(0))
        bytes.appendLittleEndian(UInt32(clamping: length))
    }
}
