import CLinux
import Testing

@testable import Proxy

/// The scanners of `cl_scan.h` against one byte after the other, at every place and length around their sixteen bytes.
@Suite struct ScanTests {
    private typealias Scanner = (UnsafePointer<UInt8>, Int, Int, Int) -> Int

    private static func isLetter(_ c: UInt8) -> Bool { c | 0x20 >= UInt8(ascii: "a") && c | 0x20 <= UInt8(ascii: "z") }

    private static var scanners: [(Scanner, (UInt8) -> Bool)] {
        [
            ({ cl_scan_controls($0, $1, $2, $3) }, { $0 < 0x20 || $0 == 0x7F }),
            ({ cl_scan_unlettered($0, $1, $2, $3) }, { !isLetter($0) && $0 != UInt8(ascii: "-") }),
            ({ cl_scan_invisible($0, $1, $2, $3) }, { $0 <= 0x20 || $0 >= 0x7F }),
            ({ cl_scan_path_end($0, $1, $2, $3) }, { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }),
            (
                { cl_scan_unhosted($0, $1, $2, $3) },
                { !isLetter($0) && !(48...57).contains($0) && !"-.:".utf8.contains($0) }
            ),
        ]
    }

    private let memory = GuardedMemory()

    /// In front of a page that cannot be read; and the same with more bytes that may be read behind, which must not matter.
    private func scan(_ scanner: Scanner, _ bytes: [UInt8], from start: Int) -> Int {
        let count = bytes.count
        let exact = min(scanner(memory.place(bytes), start, count, count), count)
        for slack in [1, 15, 16, 17] {
            for behind in [UInt8(ascii: "a"), 13, 58, 32, 63] {
                let place = memory.place(bytes + [UInt8](repeating: behind, count: slack))
                #expect(min(scanner(place, start, count, count + slack), count) == exact, "\(slack) \(behind)")
            }
        }
        return exact
    }

    @Test func everyByteIsSortedRightly() {
        for (scanner, isMeant) in Self.scanners {
            for byte in UInt8.min...UInt8.max {
                let bytes = [UInt8](repeating: byte, count: 20)
                #expect(scan(scanner, bytes, from: 0) == (isMeant(byte) ? 0 : 20), "byte \(byte)")
                #expect(scan(scanner, Array(bytes.prefix(3)), from: 0) == (isMeant(byte) ? 0 : 3), "byte \(byte)")
            }
        }
    }

    @Test func theFirstOneIsFoundWhereverItIs() {
        let plain = UInt8(ascii: "a")
        for (number, stop) in [(0, 13), (1, 58), (2, 32), (3, 63), (4, 64)] as [(Int, UInt8)] {
            let scanner = Self.scanners[number].0
            for length in 0..<36 {
                let bytes = [UInt8](repeating: plain, count: length)
                for start in 0...length {
                    #expect(scan(scanner, bytes, from: start) == length)
                    for place in 0..<length {
                        var marked = bytes
                        marked[place] = stop
                        // One behind the first changes nothing.
                        if place + 3 < length { marked[place + 3] = stop }
                        let expected = (start..<length).first { marked[$0] == stop } ?? length
                        #expect(scan(scanner, marked, from: start) == expected, "\(length) \(start) \(place)")
                    }
                }
            }
        }
    }

    @Test func copies() {
        for length in 0..<140 {
            let source = (0..<length).map { UInt8(truncatingIfNeeded: 0x30 + $0) }
            let from = memory.place(source)
            var plain = [UInt8](repeating: 0, count: length + 1)
            cl_copy(&plain, from, length)
            #expect(plain == source + [0])
            var lower = [UInt8](repeating: 0, count: length + 1)
            cl_copy_lower(&lower, from, length)
            #expect(lower == source.map { ASCII.lower($0) } + [0])
        }
    }
}
