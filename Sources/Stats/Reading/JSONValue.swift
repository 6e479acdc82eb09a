/// JSON as it is read back from a saved snapshot (RFC 8259). Numbers stay text: counters have 64 bits, a Double has 53.
indirect enum JSONValue: Equatable {
    case null, bool(Bool), number(String), string(String), array([JSONValue]), object([String: JSONValue])

    struct Invalid: Error, CustomStringConvertible {
        var description: String
    }

    init(_ bytes: [UInt8]) throws(Invalid) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }

    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var unsigned: UInt64? {
        guard case .number(let text) = self else { return nil }
        return UInt64(text)
    }

    var array: [JSONValue]? {
        guard case .array(let items) = self else { return nil }
        return items
    }
}

/// Reads JSON by hand: without Foundation there is nothing that does.
private struct JSONParser {
    /// A file is not trusted to nest only as deep as the stack is.
    private static let deepest = 32

    var bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONValue.Invalid) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw invalid("something follows the value") }
        return value
    }

    private func invalid(_ text: String) -> JSONValue.Invalid {
        JSONValue.Invalid(description: "not JSON at byte \(at): \(text)")
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ wanted: UInt8) -> Bool {
        skipSpace()
        guard byte == wanted else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ wanted: UInt8) throws(JSONValue.Invalid) {
        guard take(wanted) else { throw invalid("\(Character(UnicodeScalar(wanted))) expected") }
    }

    private mutating func value(depth: Int) throws(JSONValue.Invalid) -> JSONValue {
        guard depth < Self.deepest else { throw invalid("nested too deeply") }
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONValue.Invalid) -> JSONValue {
        guard bytes[at...].starts(with: text.utf8) else { throw invalid("a value expected") }
        at += text.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(JSONValue.Invalid) -> JSONValue {
        at += 1
        var members: [String: JSONValue] = [:]
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard byte == UInt8(ascii: "\"") else { throw invalid("a name expected") }
            let name = try string()
            try expect(UInt8(ascii: ":"))
            members[name] = try value(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONValue.Invalid) -> JSONValue {
        at += 1
        var items: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(items) }
        repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return .array(items)
    }

    private mutating func number() throws(JSONValue.Invalid) -> JSONValue {
        let start = at
        while let byte, byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || "+-.eE".utf8.contains(byte) {
            at += 1
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard Double(text) != nil else {
            at = start
            throw invalid("a value expected")
        }
        return .number(text)
    }

    private mutating func string() throws(JSONValue.Invalid) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += Array(String(try escaped()).utf8)
            case 0..<0x20: throw invalid("a control character in a string")
            default: text.append(byte)
            }
        }
        throw invalid("a string without an end")
    }

    private mutating func escaped() throws(JSONValue.Invalid) -> Unicode.Scalar {
        guard let byte else { throw invalid("a string without an end") }
        at += 1
        switch byte {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "u"):
            let unit = try hexadecimal()
            guard unit >= 0xd800, unit < 0xdc00 else { return Unicode.Scalar(unit) ?? "\u{fffd}" }
            // The first half of a pair.
            guard bytes[at...].starts(with: "\\u".utf8) else { return "\u{fffd}" }
            at += 2
            let low = try hexadecimal()
            guard low >= 0xdc00, low < 0xe000 else { return "\u{fffd}" }
            return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) ?? "\u{fffd}"
        default: throw invalid("an escape that JSON does not have")
        }
    }

    private mutating func hexadecimal() throws(JSONValue.Invalid) -> UInt32 {
        guard at + 4 <= bytes.count else { throw invalid("a string without an end") }
        let digits = String(decoding: bytes[at..<at + 4], as: UTF8.self)
        guard digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt32(digits, radix: 16)
        else { throw invalid("four hexadecimal digits expected") }
        at += 4
        return value
    }
}
