import CLinux
import Testing

@testable import Proxy

/// The pieces of heads, with an end of memory behind what is read.
@Suite struct HeadWriterTests {
    private let memory = GuardedMemory()

    /// What is written into memory of which each byte is known, and that nothing is written in front of it or far behind.
    private func written(_ write: (inout HeadWriter) -> Void) -> [UInt8] {
        let size = 400
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        defer { place.deallocate() }
        place.initialize(repeating: 0xEE, count: size)
        var writer = HeadWriter(place + 8)
        write(&writer)
        let count = writer.p - (place + 8)
        for i in 0..<8 { #expect(place[i] == 0xEE) }
        for i in (8 + count + HeadWriter.slack)..<size { #expect(place[i] == 0xEE) }
        return Array(UnsafeBufferPointer(start: place + 8, count: count))
    }

    @Test func piecesOfAMessage() {
        for total in 0..<70 {
            let source = (0..<total).map { UInt8(truncatingIfNeeded: 0x30 + $0) }
            let head = memory.place(source)
            for start in 0...total {
                for count in 0...(total - start) {
                    let copy = written { $0.put(head, UInt32(start), UInt32(count), readable: total) }
                    #expect(copy == Array(source[start..<(start + count)]))
                }
            }
        }
    }

    @Test func configuredTexts() {
        for length in 0..<140 {
            let source = (0..<length).map { UInt8(truncatingIfNeeded: 0x30 + $0) }
            let text = Bytes(memory.place(source), length)
            #expect(written { $0.put(text) } == source)
        }
        #expect(text(written { $0.put("HTTP/1.1 200 OK\r\n") }) == "HTTP/1.1 200 OK\r\n")
        #expect(written { $0.put(7) } == [7])
    }

    /// Every length of name and value, plain and not, with room behind and without.
    @Test func fields() {
        for nameLength in 1..<40 {
            for valueLength in 1..<40 {
                // Letters, and what stands beside them in the alphabet, in both.
                let name = (0..<nameLength).map { UInt8(0x3F + ($0 * 7 + valueLength) % 0x3F) }
                let value = (0..<valueLength).map { UInt8(0x40 + ($0 * 5 + nameLength) % 0x3C) }
                for (between, after) in [(": ", ""), (":", ""), (":  ", ""), (":\t", ""), (": ", " ")] {
                    let line = name + bytes(between) + value + bytes(after + "\r\n")
                    let expected = name.map { ASCII.lower($0) } + bytes(": ") + value + bytes("\r\n")
                    var field = HeaderField(
                        name: 0, value: UInt32(nameLength + bytes(between).count), nameLength: UInt32(nameLength),
                        valueLength: UInt32(valueLength), id: .other)
                    field.isPlain = between == ": " && after == ""
                    for room in [0, 14, 15, 16] {
                        let head = memory.place(line + [UInt8](repeating: UInt8(ascii: "Z"), count: room))
                        let copy = written { $0.put(&field, of: head, readable: line.count + room) }
                        if copy != expected { Issue.record("\(text(line).debugDescription) became \(text(copy))") }
                    }
                }
            }
        }
    }

    @Test func decimals() {
        var values: [UInt64] = [0, 1, 9, .max, .max - 1]
        var power: UInt64 = 10
        for _ in 1...19 {
            values += [power - 1, power, power + 1]
            power = power &* 10
        }
        for value in values { #expect(text(written { $0.put(decimal: value) }) == "\(value)") }
    }

    @Test func uuids() {
        func uuid(_ high: UInt64, _ low: UInt64) -> String { text(written { $0.put(uuid: (high, low)) }) }
        #expect(uuid(0x0123_4567_89AB_4DEF, 0x8123_4567_89AB_CDEF) == "01234567-89ab-4def-8123-456789abcdef")
        #expect(uuid(0, .max) == "00000000-0000-0000-ffff-ffffffffffff")
        // Each digit in each place.
        for digit: UInt64 in 0...15 {
            let bits = (0..<16).reduce(UInt64(0)) { sum, _ in sum << 4 | digit }
            let d = String(digit, radix: 16)
            #expect(
                uuid(bits, bits) == [8, 4, 4, 4, 12].map { String(repeating: d, count: $0) }.joined(separator: "-"))
        }
        for place in 0..<32 {
            let bits = UInt64(0xA) << UInt64(60 - place % 16 * 4)
            let digits = (0..<32).map { $0 == place ? "a" : "0" }.joined()
            #expect(uuid(place < 16 ? bits : 0, place < 16 ? 0 : bits).filter { $0 != "-" } == digits)
        }
    }
}
