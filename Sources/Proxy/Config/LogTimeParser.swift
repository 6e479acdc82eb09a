/// The format of `START_TIME`: strftime's conversions in UTC, `%s`, and the fractions of Envoy (`%3f`, `%f`) and of absl
/// (`%E3S`).
enum LogTimeParser {
    static func parse(_ text: String) throws(LogFormatError) -> [LogTimePiece] {
        let bytes = Array(text.utf8)
        var pieces: [LogTimePiece] = []
        var literal: [UInt8] = []
        func flush() {
            if !literal.isEmpty { pieces.append(.literal(String(decoding: literal, as: UTF8.self))) }
            literal = []
        }
        var i = 0
        while i < bytes.count {
            guard bytes[i] == UInt8(ascii: "%") else {
                literal.append(bytes[i])
                i += 1
                continue
            }
            guard i + 1 < bytes.count else { throw unknown("%") }
            let next = bytes[i + 1]
            if next == UInt8(ascii: "%") {
                literal.append(next)
                i += 2
                continue
            }
            flush()
            if next == UInt8(ascii: "s") {
                pieces.append(.epochSeconds)
                i += 2
            } else if next == UInt8(ascii: "f") {
                pieces.append(.fraction(9))
                i += 2
            } else if isDigit(next) {
                guard i + 2 < bytes.count, bytes[i + 2] == UInt8(ascii: "f"), next != UInt8(ascii: "0") else {
                    throw unknown(bytes[i..<min(i + 3, bytes.count)])
                }
                pieces.append(.fraction(Int(next - 48)))
                i += 3
            } else if next == UInt8(ascii: "E") {
                guard i + 3 < bytes.count, isDigit(bytes[i + 2]), bytes[i + 3] == UInt8(ascii: "S") else {
                    throw unknown(bytes[i..<min(i + 4, bytes.count)])
                }
                pieces.append(.calendar("%S"))
                let digits = Int(bytes[i + 2] - 48)
                if digits > 0 { pieces += [.literal("."), .fraction(digits)] }
                i += 4
            } else if next == UInt8(ascii: "Z") {
                literal += Array("UTC".utf8)
                i += 2
            } else if "aAbBcCdDeFgGhHIjklmMpPrRSTuUVwWxXyYz".utf8.contains(next) {
                pieces.append(.calendar("%" + String(decoding: [next], as: UTF8.self)))
                i += 2
            } else {
                throw unknown(bytes[i..<(i + 2)])
            }
        }
        flush()
        return pieces
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    private static func unknown(_ text: String) -> LogFormatError {
        LogFormatError(description: "START_TIME: \(quoted(text)) is no conversion that this build knows")
    }

    private static func unknown(_ bytes: ArraySlice<UInt8>) -> LogFormatError {
        unknown(String(decoding: bytes, as: UTF8.self))
    }
}
