import ProxyConfig
import Testing

@testable import Proxy

@Suite struct KeptMemoryTests {
    @Test func whatIsKeptIsInTheMemoryAndApart() {
        let (pointers, memory) = KeptMemory.collect { () -> [UnsafeMutablePointer<UInt64>] in
            (0..<5000).map { i in
                let words = UnsafeMutablePointer<UInt64>.kept(capacity: i % 7)
                words.initialize(repeating: UInt64(i), count: i % 7)
                _ = Bytes(keeping: "a")
                return words
            }
        }
        for (i, words) in pointers.enumerated() {
            #expect(UInt(bitPattern: words) % 8 == 0)
            #expect((0..<i % 7).allSatisfy { words[$0] == UInt64(i) })
            if i % 7 > 0 { #expect(memory.contains(words)) }
        }
        #expect(!memory.contains(UnsafeRawPointer(UnsafeMutablePointer<UInt64>.kept(capacity: 1))))
    }

    @Test func largePiecesHaveMemoryOfTheirOwn() {
        let (pieces, memory) = KeptMemory.collect {
            (0..<6).map { i -> UnsafeMutablePointer<UInt8> in
                let count = i % 2 == 0 ? 100 : 200_000
                let piece = UnsafeMutablePointer<UInt8>.kept(capacity: count)
                piece.initialize(repeating: UInt8(i), count: count)
                return piece
            }
        }
        for (i, piece) in pieces.enumerated() {
            #expect(memory.contains(piece))
            #expect(piece[0] == UInt8(i) && piece[i % 2 == 0 ? 99 : 199_999] == UInt8(i))
        }
        // The small ones share one.
        #expect(memory.byteCount < 3 * 200_000 + 2 * 65_536)
    }

    @Test func whatWasMadeIsEndedWithIt() {
        var ended: [Int] = []
        do {
            let memory = KeptMemory.collect {
                for i in 0..<3 { KeptMemory.beforeEnd { ended.append(i) } }
                _ = Regex("a+")
            }.memory
            #expect(ended == [] && memory.byteCount >= 0)
        }
        #expect(ended == [0, 1, 2])
        KeptMemory.beforeEnd { ended.append(9) }
        #expect(ended.count == 3)
    }
}
