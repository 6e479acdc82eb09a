import CLinux
import Glibc

/// How a text readout lies in the cells of a plane: a version, the length, the bytes. The version is odd while the owner
/// writes; a reader that meets an odd one, or another one afterwards, reads again.
enum TextCells {
    /// Cells of a text readout: version, length, 112 bytes.
    static let cells = 16
    static let longest = (cells - 2) * 8

    /// What the cells say; empty when nothing was written, or when its owner died while writing.
    static func read(_ cells: UnsafePointer<UInt64>) -> String {
        let cells = UnsafeMutablePointer(mutating: cells)
        for round in 0..<256 {
            // The owner may have lost its processor in the middle.
            if round >= 64 { sched_yield() }
            let before = cl_load_acquire(cells)
            guard before & 1 == 0 else { continue }
            let length = Int(truncatingIfNeeded: min(cl_load_relaxed(cells + 1), UInt64(longest)))
            // Nothing but loads between the two looks at the version: an owner that writes all the time leaves little room.
            let text = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: longest / 8) { words -> String? in
                for i in 0..<(length + 7) / 8 { words[i] = cl_load_relaxed(cells + 2 + i) }
                cl_fence()
                guard cl_load_relaxed(cells) == before else { return nil }
                return String(
                    decoding: (0..<length).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64($0 % 8 * 8)) },
                    as: UTF8.self)
            }
            if let text { return text }
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
        let words = (0..<(bytes.count + 7) / 8).map { word in
            (0..<min(8, bytes.count - word * 8)).reduce(0) { $0 | UInt64(bytes[word * 8 + $1]) << UInt64($1 * 8) }
        }
        // Readers wait from here on: nothing but stores.
        let version = cl_load_relaxed(cells)
        cl_store_relaxed(cells, version | 1)
        cl_fence()
        cl_store_relaxed(cells + 1, UInt64(bytes.count))
        for (i, word) in words.enumerated() { cl_store_relaxed(cells + 2 + i, word) }
        cl_store_release(cells, (version | 1) &+ 1)
    }
}
