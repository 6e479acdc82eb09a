/// XXH64 of the xxHash family (its "XXH64 algorithm description"): what Envoy hashes hosts and requests with, so that both
/// send the same request to the same host.
enum XXHash64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// - Complexity: O(count).
    static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int, seed: UInt64 = 0) -> UInt64 {
        var p = 0
        var hash: UInt64
        if count >= 32 {
            var lanes = (seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1)
            repeat {
                lanes.0 = round(lanes.0, word(bytes + p))
                lanes.1 = round(lanes.1, word(bytes + p + 8))
                lanes.2 = round(lanes.2, word(bytes + p + 16))
                lanes.3 = round(lanes.3, word(bytes + p + 24))
                p &+= 32
            } while p &+ 32 <= count
            hash = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
            hash = merge(hash, lanes.0)
            hash = merge(hash, lanes.1)
            hash = merge(hash, lanes.2)
            hash = merge(hash, lanes.3)
        } else {
            hash = seed &+ prime5
        }
        hash &+= UInt64(count)
        while p &+ 8 <= count {
            hash = rotate(hash ^ round(0, word(bytes + p)), 27) &* prime1 &+ prime4
            p &+= 8
        }
        if p &+ 4 <= count {
            let half = UInt64(EightBytes.load(four: bytes + p))
            hash = rotate(hash ^ half &* prime1, 23) &* prime2 &+ prime3
            p &+= 4
        }
        while p < count {
            hash = rotate(hash ^ UInt64(bytes[p]) &* prime5, 11) &* prime1
            p &+= 1
        }
        hash = (hash ^ hash >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    static func hash(_ bytes: Bytes, seed: UInt64 = 0) -> UInt64 { hash(bytes.start, bytes.count, seed: seed) }

    @inline(__always)
    private static func word(_ p: UnsafePointer<UInt8>) -> UInt64 { EightBytes.load(p) }

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
        (hash ^ round(0, lane)) &* prime1 &+ prime4
    }

    @inline(__always)
    static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 &- bits) }
}
