/// Finds bytes that no YAML text may hold, because libyaml reports them without a line.
enum TextCheck {
    struct Fault: Equatable {
        var offset: Int
        var message: String
    }

    static func firstFault(_ text: [UInt8]) -> Fault? {
        var index = 0
        while index < text.count {
            index = text.withUnsafeBytes { endOfPlain($0, from: index) }
            if index == text.count { return nil }
            let byte = text[index]
            if byte < 0x80 {
                if byte == 0 { return Fault(offset: index, message: "the text holds a NUL byte") }
                if (byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D) || byte == 0x7F {
                    return Fault(offset: index, message: "the text holds a control character")
                }
                index += 1
                continue
            }
            let length = sequenceLength(text, at: index)
            if length == 0 { return Fault(offset: index, message: "the text is not valid UTF-8") }
            index += length
        }
        return nil
    }

    /// Where the bytes end that are letters, digits, marks, blanks and line feeds, as nearly all are: eight at a time.
    private static func endOfPlain(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high = ones << 7
        func zeros(_ word: UInt64) -> UInt64 { ~((word & ~high) &+ ~high | word | ~high) }
        var index = start
        while index + 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // The high bit of each byte that is less than a blank, is a line feed, is DEL. Nothing is carried from one to the next.
            let belowBlank = ~((word | high) &- ones &* 0x20) & high
            let isLineFeed = zeros(word ^ ones &* 0x0A)
            let isDelete = zeros(word ^ ones &* 0x7F)
            if (belowBlank & ~isLineFeed) | isDelete | (word & high) != 0 { break }
            index += 8
        }
        return index
    }

    /// Line and column of a byte, counted as libyaml does.
    static func location(of offset: Int, in text: [UInt8], file: String) -> SourceLocation {
        var line = 1
        var column = 1
        var previous: UInt8 = 0
        for byte in text[..<offset] {
            if byte == 0x0A {
                if previous != 0x0D { line += 1 }
                column = 1
            } else if byte == 0x0D {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
            previous = byte
        }
        return SourceLocation(file: file, line: line, column: column)
    }

    /// The length of the well-formed sequence of two to four bytes that starts here; 0: none does.
    private static func sequenceLength(_ text: [UInt8], at index: Int) -> Int {
        let lead = text[index]
        let length: Int
        // The second byte's range rules out overlong forms, surrogates and what lies beyond U+10FFFF.
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return 0
        }
        guard index + length <= text.count, second.contains(text[index + 1]) else { return 0 }
        for trail in 2..<4 where trail < length && text[index + trail] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
