import Testing

@testable import Proxy

/// The hashes that hosts and requests are placed by, against vectors of the reference implementations.
@Suite struct HashTests {
    private static func bytes<Result>(_ text: String, _ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
        // One byte more, so that there is an address for an empty text too.
        let bytes = Array(text.utf8) + [0]
        return bytes.withUnsafeBufferPointer { body($0.baseAddress!, bytes.count - 1) }
    }

    /// Of xxhsum's library.
    @Test(
        arguments: [
            ("", 0, 0xEF46_DB37_51D8_E999), ("", 1, 0xD5AF_BA13_36A3_BE4B), ("a", 0, 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0, 0x44BC_2CF5_AD77_0999), ("abcdefgh", 0, 0x3AD3_5177_5B46_34B7),
            ("127.0.0.1:80_0", 0, 0x4BB2_F57C_DA42_C065), ("127.0.0.1:80", 1, 0x2ABC_F391_F7DE_5A34),
            ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
            (String(repeating: "0123456789", count: 10), 7, 0xA314_A8F8_5DA8_C7D1),
        ] as [(String, UInt64, UInt64)])
    func xxHash(text: String, seed: UInt64, hash: UInt64) {
        #expect(Self.bytes(text) { XXHash64.hash($0, $1, seed: seed) } == hash)
    }

    /// Of libstdc++'s `std::hash<std::string>`.
    @Test(
        arguments: [
            ("", 0x553E_9390_1E46_2A6E), ("a", 0x454D_DEE4_88C1_ED6B), ("abcdefg", 0xDEEE_6830_A3AF_82AF),
            ("abcdefgh", 0x783D_B3E3_8DB8_98BB), ("127.0.0.1:80_0", 0xF46E_F02B_BE93_9E15),
            ("0123456789012345678901234567890123456789", 0x1D17_22F0_7B3A_C0F1),
        ] as [(String, UInt64)])
    func murmurHash(text: String, hash: UInt64) {
        #expect(Self.bytes(text) { MurmurHash2.hash($0, $1) } == hash)
    }

    @Test func severalHashesAreOne() {
        var key = HashKey()
        #expect(!key.isSet)
        key.add(5)
        #expect(key.isSet && key.value == 5)
        // The same once more does not take it back.
        key.add(5)
        #expect(key.value == 10 ^ 5)
        var high = HashKey()
        high.add(1 << 63)
        high.add(0)
        #expect(high.value == 1)
    }
}
