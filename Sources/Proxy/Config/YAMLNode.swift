/// One value of the text, with the place where it starts: what the schema is checked against.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
    }
    var content: Content
    var location: SourceLocation

    /// `null`, `~` or nothing at all: for protobuf's JSON form the field is not given.
    var isNull: Bool {
        if case .scalar(let scalar) = content { return scalar.kind == .null }
        return false
    }

    /// `[]`, `{}`, `""`, `false` or `0`: what a field without presence holds when it is not given.
    var isDefault: Bool {
        switch content {
        case .sequence(let items): return items.isEmpty
        case .mapping(let entries): return entries.isEmpty
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: return true
            case .bool: return scalar.text == "false"
            case .number: return scalar.text == "0"
            case .string: return scalar.text.isEmpty
            }
        }
    }

    /// How a message names the kind of the value: `a list`, `the number 5`.
    var kindText: String {
        switch content {
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: return "null"
            case .bool: return "the boolean \(scalar.text)"
            case .number: return "the number \(shown(scalar.text))"
            case .string: return quoted(scalar.text)
            }
        }
    }
}

/// One `key: value` of a mapping.
struct YAMLEntry: Sendable {
    var key: String
    var keyLocation: SourceLocation
    var value: YAMLNode
}

/// A scalar and what it is: the core rules of YAML as Envoy applies them, quotes always making a string.
struct YAMLScalar: Sendable {
    enum Kind: Sendable { case null, bool, number, string }
    /// Of a boolean `true` or `false`, whichever word stands there.
    var text: String
    var kind: Kind

    /// `isPlain`: written without quotes, so that its form decides.
    init(text: String, isPlain: Bool) {
        var text = text
        kind = isPlain ? text.withUTF8 { Self.resolve($0) } : .string
        self.text = text
        if kind == .bool { self.text = Self.isTrue(text) ? "true" : "false" }
    }

    init(_ bytes: UnsafeBufferPointer<UInt8>, isPlain: Bool) {
        text = String(decoding: bytes, as: UTF8.self)
        kind = isPlain ? Self.resolve(bytes) : .string
        if kind == .bool { text = Self.isTrue(text) ? "true" : "false" }
    }

    private static func resolve(_ bytes: UnsafeBufferPointer<UInt8>) -> Kind {
        guard let first = bytes.first else { return .null }
        switch first {
        case UInt8(ascii: "~"): return bytes.count == 1 ? .null : .string
        case UInt8(ascii: "n"): return bytes.elementsEqual("null".utf8) ? .null : word(bytes)
        case UInt8(ascii: "N"):
            return bytes.elementsEqual("Null".utf8) || bytes.elementsEqual("NULL".utf8) ? .null : word(bytes)
        case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "y"),
            UInt8(ascii: "Y"), UInt8(ascii: "o"), UInt8(ascii: "O"):
            return word(bytes)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
            return isNumber(bytes[...]) ? .number : .string
        default: return .string
        }
    }

    private static let words: [(isTrue: Bool, text: StaticString)] = [
        (true, "true"), (false, "false"), (true, "yes"), (false, "no"), (true, "on"), (false, "off"), (true, "y"),
        (false, "n"),
    ]

    /// Booleans of YAML 1.1, in lower case, in capitals or with a capital, as yaml-cpp has them.
    private static func word(_ bytes: UnsafeBufferPointer<UInt8>) -> Kind {
        guard bytes.count <= 5, let first = bytes.first else { return .string }
        let rest = bytes.dropFirst()
        let isLower = rest.allSatisfy { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
        let isUpper =
            first < UInt8(ascii: "a") && rest.allSatisfy { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        guard isLower || isUpper else { return .string }
        let isWord = words.contains { word in
            word.text.utf8CodeUnitCount == bytes.count
                && bytes.indices.allSatisfy { bytes[$0] | 0x20 == word.text.utf8Start[$0] }
        }
        return isWord ? .bool : .string
    }

    private static func isTrue(_ text: String) -> Bool { ["true", "yes", "on", "y"].contains(text.lowercased()) }

    /// Decimal, hexadecimal and floating forms, and `.inf` and `.nan`. An IP address or a duration is none of them.
    private static func isNumber(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var rest = bytes
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
        guard let first = rest.first else { return false }
        if rest.count > 2, first == UInt8(ascii: "0"), rest[rest.startIndex + 1] == UInt8(ascii: "x") {
            return rest.dropFirst(2).allSatisfy(isHexDigit)
        }
        if rest.count == 4, first == UInt8(ascii: ".") {
            let lower = rest.map { $0 | 0x20 }
            let word = lower.dropFirst()
            if word.elementsEqual("inf".utf8) || word.elementsEqual("nan".utf8) { return true }
        }
        let integral = rest.prefix(while: isDigit)
        rest = rest.dropFirst(integral.count)
        var digits = integral.count
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            digits += fraction.count
            rest = rest.dropFirst(fraction.count + 1)
        }
        guard digits > 0 else { return false }
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest.removeFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
            let exponent = rest.prefix(while: isDigit)
            guard !exponent.isEmpty else { return false }
            rest = rest.dropFirst(exponent.count)
        }
        return rest.isEmpty
    }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

private func isHexDigit(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return isDigit(byte) || (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "f"))
}

/// The user's text as a message may print it: one line, no control characters, not endless.
func shown(_ text: String) -> String {
    let longest = 100
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == longest { return result + "…" }
        count += 1
        switch scalar.value {
        case 0x0A: result += "\\n"
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

func quoted(_ text: String) -> String { "\"" + shown(text) + "\"" }
