/// MurmurHash2 for 64 bits with the seed and the last step of libstdc++'s `std::hash`: `MURMUR_HASH_2` of a ring.
enum MurmurHash2 {
    private static let multiplier: UInt64 = 0xC6A4_A793_5BD1_E995
    private static let seed: UInt64 = 0xC70F_6907

    static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        var hash = seed ^ UInt64(count) &* multiplier
        var p = 0
        while p &+ 8 <= count {
            hash = (hash ^ mix(EightBytes.load(bytes + p) &* multiplier) &* multiplier) &* multiplier
            p &+= 8
        }
        if p < count {
            var rest: UInt64 = 0
            var last = count &- 1
            while last >= p {
                rest = rest << 8 | UInt64(bytes[last])
                last &-= 1
            }
            hash = (hash ^ rest) &* multiplier
        }
        return mix(mix(hash) &* multiplier)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 { value ^ value >> 47 }
}
