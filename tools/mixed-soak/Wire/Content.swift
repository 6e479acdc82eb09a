import Glibc

/// Bytes that a seed and a place decide: what is lost, doubled, moved or taken from another body does not compare equal.
struct Content: Sendable {
    /// A prime, so that no buffer's size is a period of it.
    private static let period = 65521
    /// The most that `withBytes` gives at once.
    static let longest = 65536
    private static let block: [UInt8] = {
        var random = Random(seed: 1)
        let once = (0..<period).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return once + (0..<longest).map { once[$0 % period] }
    }()

    private let first: Int

    init(seed: Int) {
        var random = Random(seed: UInt64(truncatingIfNeeded: seed))
        first = Int(random.next() % UInt64(Self.period))
    }

    /// Up to `count` bytes from `offset` on.
    func withBytes<T>(at offset: Int, _ count: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let start = (first + offset) % Self.period
        return try Self.block.withUnsafeBytes {
            try body(.init(rebasing: $0[start..<(start + min(count, Self.longest))]))
        }
    }

    /// Where the first byte stands that is not as it should be; nil: all are.
    func firstDifference(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
        var done = 0
        while done < bytes.count {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[done..<min(done + Self.longest, bytes.count)])
            let isSame = withBytes(at: offset + done, piece.count) {
                memcmp($0.baseAddress!, piece.baseAddress!, piece.count) == 0
            }
            if !isSame {
                return withBytes(at: offset + done, piece.count) { expected in
                    piece.indices.first { piece[$0] != expected[$0] }.map { offset + done + $0 }
                }
            }
            done += piece.count
        }
        return nil
    }
}
