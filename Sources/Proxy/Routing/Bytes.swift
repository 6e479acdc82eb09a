import Glibc

/// A text of the configuration as bytes that stay where they are for the life of the process: the hot path compares and
/// copies them without touching a `String`.
struct Bytes: BitwiseCopyable {
    let start: UnsafePointer<UInt8>
    let count: Int

    /// Copies the text; the copy is never freed, as snapshots live as long as their process. It has a name of its own, since a
    /// literal would be a `String` otherwise, and make a copy wherever one stands.
    init(keeping text: String) { self.init(copying: Array(text.utf8)) }

    /// The text with A–Z in lower case, as `foldedEqual` wants it; other letters stay, as they do in requests.
    init(folding text: String) { self.init(copying: text.utf8.map { ASCII.lower($0) }) }

    private init(copying text: [UInt8]) {
        count = text.count
        guard count > 0 else {
            // Most routes have several of these.
            start = ("" as StaticString).utf8Start
            return
        }
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
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

    /// Whether it is this text, whatever the case of its letters.
    func isFolded(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && foldedEqual(start, text.utf8Start, count)
    }

    var string: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
}
