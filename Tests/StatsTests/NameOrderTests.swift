import Testing

@testable import Stats

/// Sorting by eight bytes at a time is sorting by bytes.
struct NameOrderTests {
    private func order(_ names: [String]) -> [String] {
        places(names).map { names[$0] }
    }

    /// Where the first one stood, the second, ….
    private func places(_ names: [String]) -> [Int] {
        var lines = StatLines(owner: nil, capacity: names.count)
        for name in names {
            var name = name
            let line = name.withUTF8 { lines.add($0, .counter, isLasting: false) }
            lines.append(line)
        }
        lines.sort()
        return lines.places
    }

    private func plain(_ names: [String]) -> [String] {
        names.enumerated().sorted {
            let (a, b) = (Array($0.element.utf8), Array($1.element.utf8))
            return a == b ? $0.offset < $1.offset : a.lexicographicallyPrecedes(b)
        }.map(\.element)
    }

    @Test(arguments: [0, 1, 2, 12, 13, 40, 500, 3000])
    func randomNames(count: Int) {
        var random = SystemRandomNumberGenerator()
        // Long common beginnings, ends in the middle of eight bytes, zeros that look like ends, bytes above 127.
        let parts = ["cluster.", "a", "aaaaaaaa", "\0", "\0\0", "é", "z", "service_1.", "", "~"]
        let names = (0..<count).map { _ in
            (0..<Int.random(in: 0..<8, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
        }
        #expect(order(names).map { Array($0.utf8) } == plain(names).map { Array($0.utf8) })
    }

    @Test func equalNamesKeepTheirOrder() {
        #expect(places(Array(repeating: "the same name, longer than eight bytes", count: 100)) == Array(0..<100))
        let short = places((0..<100).map { $0 % 2 == 0 ? "b" : "a" })
        #expect(short == Array(stride(from: 1, to: 100, by: 2)) + Array(stride(from: 0, to: 100, by: 2)))
    }

    /// What an output has to look at more closely is found wherever it stands; nothing else is.
    @Test func specialBytes() {
        for length in [1, 3, 7, 8, 9, 15, 16, 17] {
            for byte in UInt8.min ... .max {
                for at in 0..<length {
                    var bytes = [UInt8](repeating: UInt8(ascii: "m"), count: length)
                    bytes[at] = byte
                    let isPrintable = byte >= 0x20 && byte < 0x7f
                    bytes.withUnsafeBufferPointer { bytes in
                        #expect(NameBytes.areASCII(bytes) == (byte < 0x80))
                        #expect(NameBytes.arePrintable(bytes) == isPrintable)
                        #expect(
                            NameBytes.areUnescaped(bytes)
                                == (isPrintable && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")))
                    }
                }
            }
        }
    }
}
