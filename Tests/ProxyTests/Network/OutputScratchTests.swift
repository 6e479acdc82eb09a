import Testing

@testable import Proxy

/// Numbers and ids as the heads of messages have them.
@Suite struct OutputScratchTests {
    private static func text(_ write: (OutputScratch) -> Void) -> String {
        let out = OutputScratch(capacity: 16)
        out.append("x")
        write(out)
        return String(decoding: UnsafeBufferPointer(start: out.bytes, count: out.count), as: UTF8.self)
    }

    @Test func decimals() {
        var values: [UInt64] = [0, 1, 9, .max, .max - 1]
        var power: UInt64 = 10
        for _ in 1...19 {
            values += [power - 1, power, power + 1]
            power = power &* 10
        }
        for value in values { #expect(Self.text { $0.append(decimal: value) } == "x\(value)") }
    }

    @Test func hexadecimals() {
        for value: UInt64 in [0, 1, 15, 16, 255, 256, 0xDEAD_BEEF, .max] {
            #expect(Self.text { $0.append(hex: value) } == "x" + String(value, radix: 16))
        }
    }

    @Test func uuids() {
        #expect(
            Self.text { $0.append(uuid: (0x0123_4567_89AB_4DEF, 0x8123_4567_89AB_CDEF)) }
                == "x01234567-89ab-4def-8123-456789abcdef")
        #expect(Self.text { $0.append(uuid: (0, .max)) } == "x00000000-0000-0000-ffff-ffffffffffff")
        // Each digit in each place.
        for digit: UInt64 in 0...15 {
            let bits = (0..<16).reduce(UInt64(0)) { sum, _ in sum << 4 | digit }
            let d = String(digit, radix: 16)
            let parts = [8, 4, 4, 4, 12].map { String(repeating: d, count: $0) }
            #expect(Self.text { $0.append(uuid: (bits, bits)) } == "x" + parts.joined(separator: "-"))
        }
    }

    @Test func fieldsInLowerCase() {
        for line in ["X: y", "Content-Length: 13", "A-Name-Of-24-Characters_: a: B ", "x:  ", "Host: "] {
            let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")).map {
                line.utf8.distance(from: line.startIndex, to: $0)
            }
            let nameLength = colon ?? 0
            let field = HeaderField(
                name: 0, value: UInt32(nameLength + 2), nameLength: UInt32(nameLength),
                valueLength: UInt32(line.utf8.count - nameLength - 2), id: .other)
            let copied = Self.text { out in
                Array(line.utf8).withUnsafeBufferPointer { out.append(field, of: $0.baseAddress.unsafelyUnwrapped) }
            }
            #expect(copied == "x" + line.prefix(nameLength).lowercased() + line.dropFirst(nameLength) + "\r\n")
        }
    }
}
