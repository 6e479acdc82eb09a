/// An output in the making: one run of bytes that grows, no string for each line.
struct OutputBuffer {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    @inline(__always)
    mutating func append(_ text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
            bytes.append(contentsOf: text.utf8)
        }
    }

    mutating func append(_ number: UInt64) {
        // The digits from the last one on; 20 is what the largest number has.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var at = 20
            var rest = number
            repeat {
                at -= 1
                digits[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
        }
    }

    /// Text with its control characters made visible: whoever could put a name into a region must not be able to drive
    /// the terminal of its reader, nor begin a line of their own.
    mutating func append(visible text: String) {
        let isPlain =
            text.utf8.withContiguousStorageIfAvailable { utf8 in
                guard !ControlCharacters.areAny(in: utf8) else { return false }
                bytes.append(contentsOf: utf8)
                return true
            } ?? false
        guard !isPlain else { return }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where ControlCharacters.has(scalar):
                append("\\x")
                append(hex: UInt8(truncatingIfNeeded: scalar.value))
            default: append(String(scalar))
            }
        }
    }

    mutating func append(hex byte: UInt8) {
        for digit in [byte >> 4, byte & 15] {
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

/// The characters that a terminal acts upon: C0, DEL and C1.
enum ControlCharacters {
    static func has(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || scalar.value == 0x7f || (scalar.value >= 0x80 && scalar.value < 0xa0)
    }

    /// Whether there may be any: C1 is C2 80 to C2 9F in UTF-8, and so every C2 is suspected.
    @inline(__always)
    static func areAny(in utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        var found = false
        for byte in utf8 { found = found || byte < 0x20 || byte == 0x7f || byte == 0xc2 }
        return found
    }
}

extension String {
    /// With its control characters made visible, as every output of stats shows them.
    public var visible: String {
        var output = OutputBuffer()
        output.append(visible: self)
        return output.text
    }
}
