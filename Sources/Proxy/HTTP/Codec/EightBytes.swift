/// Eight bytes of text in one word, the first one lowest: what compares short names at once.
enum EightBytes {
    static let each: UInt64 = 0x0101_0101_0101_0101

    @inline(__always)
    static func load(_ p: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
    }

    /// Four bytes, in the lower half.
    @inline(__always)
    static func load(four p: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self)))
    }
}
