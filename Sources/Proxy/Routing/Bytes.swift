import Glibc

/// A text of the configuration as bytes that stay where they are for the life of the process: the hot path compares and
/// copies them without touching a `String`.
struct Bytes: BitwiseCopyable {
    let start: UnsafePointer<UInt8>
    let count: Int

    /// Copies the text; the copy is never freed, as snapshots live as long as their process.
    init(_ text: String) {
        let utf8 = Array(text.utf8)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(utf8.count, 1))
        memory.initialize(from: utf8, count: utf8.count)
        start = UnsafePointer(memory)
        count = utf8.count
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

    var string: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
}
