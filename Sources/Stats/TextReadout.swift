import CLinux

/// How a text readout lies in the cells of a plane: a version, the length, the bytes. The version is odd while the owner
/// writes; a reader that meets an odd one, or another one afterwards, reads again.
enum TextCells {
    /// Cells of a text readout: version, length, 112 bytes.
    static let cells = 16
    static let longest = (cells - 2) * 8

    /// What the cells say; empty when nothing was written, or when its owner died while writing.
    static func read(_ cells: UnsafePointer<UInt64>) -> String {
        let cells = UnsafeMutablePointer(mutating: cells)
        for _ in 0..<64 {
            let before = cl_load_acquire(cells)
            guard before & 1 == 0 else { continue }
            let length = Int(truncatingIfNeeded: min(cl_load_relaxed(cells + 1), UInt64(longest)))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(length)
            for i in 0..<length {
                bytes.append(UInt8(truncatingIfNeeded: cl_load_relaxed(cells + 2 + i / 8) >> UInt64(i % 8 * 8)))
            }
            cl_fence()
            if cl_load_relaxed(cells) == before { return String(decoding: bytes, as: UTF8.self) }
        }
        return ""
    }
}

/// A text readout in one writer's plane.
public struct TextReadout: BitwiseCopyable {
    let cells: UnsafeMutablePointer<UInt64>

    /// Text beyond 112 bytes is cut.
    public func set(_ text: String) {
        let bytes = Array(text.utf8.prefix(TextCells.longest))
        let version = cl_load_relaxed(cells)
        cl_store_relaxed(cells, version | 1)
        cl_fence()
        cl_store_relaxed(cells + 1, UInt64(bytes.count))
        for word in 0..<(bytes.count + 7) / 8 {
            var value: UInt64 = 0
            for i in 0..<min(8, bytes.count - word * 8) { value |= UInt64(bytes[word * 8 + i]) << UInt64(i * 8) }
            cl_store_relaxed(cells + 2 + word, value)
        }
        cl_store_release(cells, (version | 1) &+ 1)
    }
}
