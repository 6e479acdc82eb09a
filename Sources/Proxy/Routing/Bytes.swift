import Glibc

/// A text of the configuration as bytes that stay where they are as long as that (`KeptMemory`): the hot path compares and
/// copies them without touching a `String`.
struct Bytes: BitwiseCopyable {
    let start: UnsafePointer<UInt8>
    let count: Int

    /// Copies the text into the memory of the configuration. It has a name of its own, since a
    /// literal would be a `String` otherwise, and make a copy wherever one stands.
    init(keeping text: String) { self.init(copying: Array(text.utf8)) }

    /// The text with A–Z in lower case, as `foldedEqual` wants it; other letters stay, as they do in requests.
    init(folding text: String) { self.init(copying: text.utf8.map { ASCII.lower($0) }) }

    /// The same of bytes.
    init(keeping bytes: [UInt8]) { self.init(copying: bytes) }

    private init(copying text: [UInt8]) {
        count = text.count
        guard count > 0 else {
            // Most routes have several of these.
            start = ("" as StaticString).utf8Start
            return
        }
        let memory = UnsafeMutablePointer<UInt8>.kept(capacity: count)
        memory.initialize(from: text, count: count)
        start = UnsafePointer(memory)
    }

    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }

    init(_ text: StaticString) {
        start = text.utf8Start
        count = text.utf8CodeUnitCount
    }

    @inline(__always)
    func isPrefix(of text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        length >= count && memcmp(start, text, count) == 0
    }

    @inline(__always)
    func isPrefixFolded(of text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        length >= count && foldedEqual(text, start, count)
    }

    func isEqual(_ other: Bytes) -> Bool { count == other.count && memcmp(start, other.start, count) == 0 }

    func contains(_ byte: UInt8) -> Bool { memchr(start, Int32(byte), count) != nil }

    /// Whether it is this text, whatever the case of its letters.
    func isFolded(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && foldedEqual(start, text.utf8Start, count)
    }

    /// A whole number with nothing around it; nil: it is none, or too large.
    var decimal: UInt64? {
        if count == 0 { return nil }
        var value: UInt64 = 0
        for i in 0..<count {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= start[i] else { return nil }
            let (ten, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = ten.addingReportingOverflow(UInt64(start[i] - UInt8(ascii: "0")))
            if isTooLarge || overflows { return nil }
            value = sum
        }
        return value
    }

    var string: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
}
