import Testing

@testable import Proxy

/// Numbers and fields as the heads of messages have them.
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
