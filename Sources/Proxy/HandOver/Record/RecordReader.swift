/// Why a record of another process is not understood.
struct RecordError: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Bytes within a received record: valid as long as the record's memory is.
struct RecordBytes: BitwiseCopyable {
    var start: UnsafePointer<UInt8>?
    var count = 0
    init() {}
    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }
    var text: String? {
        String(validating: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

/// Walks the fields of a record in the wire format of protocol buffers. The bytes come from another process: nothing is
/// read beyond their end, and what cannot be is a `RecordError`.
struct RecordReader {
    struct Field: BitwiseCopyable {
        var number: UInt32
        /// Of a number.
        var value: UInt64 = 0
        /// Of text, bytes or a record.
        var bytes = RecordBytes()
        var isBytes = false
    }

    private var next: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>

    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        next = start
        end = start + count
    }

    /// An empty record when there are no bytes.
    init?(_ bytes: RecordBytes) {
        guard let start = bytes.start else { return nil }
        self.init(start, bytes.count)
    }

    /// The next field, nil at the end.
    mutating func field() throws(RecordError) -> Field? {
        if next == end { return nil }
        let key = try varint()
        guard key >> 3 > 0, key >> 3 <= 0x1FFF_FFFF else { throw RecordError("field number \(key >> 3)") }
        let number = UInt32(truncatingIfNeeded: key >> 3)
        switch key & 7 {
        case 0: return Field(number: number, value: try varint())
        case 1: return Field(number: number, value: try fixed(8))
        case 5: return Field(number: number, value: try fixed(4))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - next) else { throw RecordError("field \(number) is cut short") }
            defer { next += Int(length) }
            return Field(number: number, bytes: RecordBytes(next, Int(length)), isBytes: true)
        default: throw RecordError("field \(number) has wire type \(key & 7)")
        }
    }

    mutating func varint() throws(RecordError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while next < end {
            let byte = next.pointee
            next += 1
            if shift == 63, byte > 1 { throw RecordError("a number has more than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
            if shift > 63 { break }
        }
        throw RecordError("a number is cut short")
    }

    var isAtEnd: Bool { next == end }

    private mutating func fixed(_ size: Int) throws(RecordError) -> UInt64 {
        guard end - next >= size else { throw RecordError("a number is cut short") }
        var value: UInt64 = 0
        for i in 0..<size { value |= UInt64(next[i]) << UInt64(8 * i) }
        next += size
        return value
    }
}

extension RecordReader.Field {
    /// A number that fits a narrower type; a larger one is an error and never cut.
    func number<T: FixedWidthInteger>(as type: T.Type = T.self) throws(RecordError) -> T {
        guard !isBytes, let narrow = T(exactly: value) else { throw RecordError("field \(number) is out of range") }
        return narrow
    }

    func content() throws(RecordError) -> RecordBytes {
        guard isBytes else { throw RecordError("field \(number) is a number") }
        return bytes
    }

    func text() throws(RecordError) -> String {
        guard let text = try content().text else { throw RecordError("field \(number) is not UTF-8") }
        return text
    }
}
