/// Eight bytes of text in one word, the first one lowest: what takes eight comparisons at once while scanning heads.
///
/// Masks have 0x80 in the bytes that are meant and 0 elsewhere, and are exact: no carry runs from one byte into the next.
enum EightBytes {
    static let each: UInt64 = 0x0101_0101_0101_0101
    static let high: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func load(_ p: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    static func store(_ word: UInt64, _ p: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(p).storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    /// Four bytes, in the lower half.
    @inline(__always)
    static func load(four p: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self)))
    }

    /// The lower half.
    @inline(__always)
    static func store(four word: UInt64, _ p: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(p).storeBytes(of: UInt32(truncatingIfNeeded: word).littleEndian, as: UInt32.self)
    }

    /// The position of the first byte that `mask` means; 8 where it means none.
    @inline(__always)
    static func first(_ mask: UInt64) -> Int { mask.trailingZeroBitCount >> 3 }

    /// The bytes from `low` to `up`, both below 0x80.
    @inline(__always)
    static func range(_ word: UInt64, _ low: UInt8, _ up: UInt8) -> UInt64 {
        let seven = word & ~high
        let atLeast = seven &+ each &* UInt64(0x80 &- low)
        let above = seven &+ each &* UInt64(0x7F &- up)
        return atLeast & ~above & ~word & high
    }

    /// The bytes equal to `byte`.
    @inline(__always)
    static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        let difference = word ^ (each &* UInt64(byte))
        return ~(((difference & ~high) &+ ~high) | difference) & high
    }

    /// A–Z become a–z.
    @inline(__always)
    static func lowered(_ word: UInt64) -> UInt64 { word | range(word, 65, 90) >> 2 }
}
