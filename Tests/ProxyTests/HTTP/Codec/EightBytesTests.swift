import Testing

@testable import Proxy

@Suite struct EightBytesTests {
    /// What a mask must be, byte by byte.
    private func mask(_ word: UInt64, _ isMeant: (UInt8) -> Bool) -> UInt64 {
        (0..<8).reduce(UInt64(0)) { mask, i in
            mask | (isMeant(UInt8(truncatingIfNeeded: word >> UInt64(8 * i))) ? 0x80 << UInt64(8 * i) : 0)
        }
    }

    /// Words that put every byte beside those that would carry into it, and random ones.
    private static let words: [UInt64] = {
        var words: [UInt64] = []
        for byte in UInt64(0)...255 {
            for other: UInt64 in [0, 0x1F, 0x20, 0x2D, 0x41, 0x5A, 0x61, 0x7A, 0x7F, 0x80, 0xFF] {
                words.append((byte | other << 8) &* 0x0001_0001_0001_0001)
            }
        }
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2_000 { words.append(random.next()) }
        return words
    }()

    @Test func masksAreExact() {
        let ranges: [(UInt8, UInt8)] = [(0, 31), (33, 126), (65, 90), (97, 122), (0, 127), (127, 127)]
        for word in Self.words {
            for (low, up) in ranges {
                #expect(EightBytes.range(word, low, up) == mask(word) { (low...up).contains($0) })
            }
            for byte: UInt8 in [0, 45, 127, 128, 255] {
                #expect(EightBytes.equal(word, byte) == mask(word) { $0 == byte })
            }
        }
    }

    @Test func firstOfAMask() {
        #expect(EightBytes.first(0) == 8)
        for i in 0..<8 { #expect(EightBytes.first(0x80 << UInt64(8 * i) | 0x8000_0000_0000_0000) == i) }
    }

    @Test func lowered() {
        for word in Self.words {
            var bytes = [UInt8](repeating: 0, count: 8)
            EightBytes.store(word, &bytes)
            #expect(EightBytes.load(bytes) == word)
            var folded = [UInt8](repeating: 0, count: 8)
            EightBytes.store(EightBytes.lowered(word), &folded)
            #expect(folded == bytes.map { ASCII.lower($0) })
        }
    }
}
