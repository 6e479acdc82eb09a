import Testing

@testable import ProxyConfig

@Suite("Bytes that no text may hold")
struct TextCheckTests {
    private func offset(_ text: [UInt8]) -> Int? { TextCheck.firstFault(text)?.offset }

    /// Eight bytes are looked at together: each byte at each of these places, behind each kind of neighbour.
    @Test func eachByteAtEachPlace() {
        for byte in UInt8.min...UInt8.max {
            let isGood = byte == 0x09 || byte == 0x0A || byte == 0x0D || 0x20...0x7E ~= byte
            for neighbour in [UInt8(ascii: "a"), UInt8(ascii: " "), 0x0A, UInt8(ascii: "~")] {
                for place in 0..<20 {
                    var text = [UInt8](repeating: neighbour, count: 20)
                    text[place] = byte
                    #expect(offset(text) == (isGood ? nil : place), "\(byte) at \(place) behind \(neighbour)")
                }
            }
        }
    }

    @Test func otherLetters() {
        let text = Array("aä€𝄞: ß\n".utf8)
        for count in 0..<16 {
            let before = [UInt8](repeating: UInt8(ascii: "x"), count: count)
            #expect(offset(before + text + before) == nil)
            #expect(offset(before + text.prefix(2) + before) == count + 1)
            #expect(offset(before + text + [0xC0, 0x80]) == count + text.count)
        }
        #expect(offset([]) == nil)
    }
}
