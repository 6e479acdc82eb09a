/// An output in the making: one run of bytes that grows, no string for each line.
struct OutputBuffer: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int
    /// Takes what is complete, so that a large output needs no memory of its size; nil: all of it stays here.
    private let sink: ((UnsafeRawBufferPointer) -> Void)?
    private static let piece = 1 << 16

    init(capacity: Int = 64, sink: ((UnsafeRawBufferPointer) -> Void)? = nil) {
        self.sink = sink
        self.capacity = max(capacity, 32)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    var isEmpty: Bool { count == 0 }
    var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }
    var text: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }

    @inline(__always)
    private mutating func reserve(_ more: Int) { if capacity - count < more { grow(more) } }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }

    @inline(__always)
    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let from = bytes.baseAddress else { return }
        append(from, bytes.count)
    }

    @inline(__always)
    private mutating func append(_ from: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length)
        (start + count).update(from: from, count: length)
        count &+= length
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    mutating func append(_ number: UInt64) {
        // 20 is what the largest number has.
        reserve(20)
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length &+= 1
        }
        rest = number
        var at = start + count + length
        for _ in 0..<length {
            at -= 1
            at.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count &+= length
    }

    @inline(__always)
    mutating func append(_ other: borrowing OutputBuffer) { append(other.start, other.count) }

    /// Makes room for `length` bytes, which `fill` writes, given what there is and where they go.
    @inline(__always)
    mutating func appendBytes(
        _ length: Int, _ fill: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) {
        reserve(length)
        fill(start, start + count)
        count &+= length
    }

    /// Where the bytes are, until the next change.
    @inline(__always)
    func run(_ from: Int, _ length: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start + from, count: length)
    }

    /// Makes what was written from `from` on valid UTF-8.
    mutating func repair(from: Int) {
        let text = String(decoding: run(from, count - from), as: UTF8.self)
        cut(to: from)
        append(text)
    }

    /// In what was written from `from` on, puts the byte in the place of every `%` and two hexadecimal digits.
    mutating func unescapePercent(from: Int) {
        var at = from
        while at < count, start[at] != UInt8(ascii: "%") { at += 1 }
        var to = at
        while at < count {
            var byte = start[at]
            if byte == UInt8(ascii: "%"), at + 2 < count, let high = Self.digit(start[at + 1]),
                let low = Self.digit(start[at + 2])
            {
                byte = high << 4 | low
                at += 2
            }
            start[to] = byte
            to += 1
            at += 1
        }
        count = to
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// In what was written from `from` on, puts `_` in the place of every byte that is neither a letter nor a digit.
    @inline(__always)
    mutating func makeWord(from: Int) {
        let (start, count) = (start, count)
        for i in from..<count { start[i] = Self.word(start[i]) }
    }

    /// In what was written from `from` on, puts another byte in the place of each.
    @inline(__always)
    mutating func replace(from: Int, _ other: (UInt8) -> UInt8) {
        let (start, count) = (start, count)
        for i in from..<count { start[i] = other(start[i]) }
    }

    @inline(__always)
    static func word(_ byte: UInt8) -> UInt8 {
        let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
        let isDigit = byte &- UInt8(ascii: "0") < 10
        return isLetter || isDigit ? byte : UInt8(ascii: "_")
    }

    /// Nothing before here is taken back any more.
    @inline(__always)
    mutating func endOfLine() { if count >= Self.piece, sink != nil { flush() } }

    /// Hands over what there is.
    mutating func flush() {
        guard let sink, count > 0 else { return }
        sink(UnsafeRawBufferPointer(start: start, count: count))
        count = 0
    }

    /// Takes back what was written from `length` on.
    mutating func cut(to length: Int) { count = min(count, length) }

    /// Text with its control characters made visible: whoever could put a name into a region must not be able to drive
    /// the terminal of its reader, nor begin a line of their own.
    mutating func append(visible text: String) {
        var text = text
        text.withUTF8 { append(visible: $0) }
    }

    mutating func append(visible utf8: UnsafeBufferPointer<UInt8>) {
        // What was copied is looked at: the source may be memory that others write into.
        let start = count
        append(utf8)
        guard !NameBytes.arePrintable(run(start, count - start)) else { return }
        let text = String(decoding: run(start, count - start), as: UTF8.self)
        cut(to: start)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where ControlCharacters.has(scalar):
                append("\\x")
                append(hex: UInt8(truncatingIfNeeded: scalar.value))
            default: append(String(scalar))
            }
        }
    }

    mutating func append(hex byte: UInt8) {
        for digit in [byte >> 4, byte & 15] {
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

/// The characters that a terminal acts upon: C0, DEL and C1.
enum ControlCharacters {
    static func has(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || scalar.value == 0x7f || (scalar.value >= 0x80 && scalar.value < 0xa0)
    }
}

extension String {
    /// With its control characters made visible, as every output of stats shows them.
    public var visible: String {
        var output = OutputBuffer()
        output.append(visible: self)
        return output.text
    }
}
