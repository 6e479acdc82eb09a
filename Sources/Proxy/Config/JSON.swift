/// A JSON value that is written as Envoy writes its admin messages: pretty, one space a level, keys in the order given.
public enum JSON: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var name: String
        public var value: JSON
        public init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }
    case string(String)
    case number(UInt64)
    /// What is JSON already: numbers of other kinds, `null`, free-form objects.
    case raw(String)
    case bool(Bool)
    case array([JSON])
    case members([Member])

    /// An object with its members in this order.
    public static func object(_ members: KeyValuePairs<String, JSON>) -> JSON {
        .members(members.map { Member(name: $0.key, value: $0.value) })
    }

    /// With the line feed at the end that Envoy's have.
    public var text: String {
        var output: [UInt8] = []
        write(&output, indent: 0)
        output.append(UInt8(ascii: "\n"))
        return String(decoding: output, as: UTF8.self)
    }

    /// A member of an object; nil: it has none of that name, or is none.
    public subscript(_ name: String) -> JSON? {
        guard case .members(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// What a string says; nil: it is none.
    public var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    private func write(_ output: inout [UInt8], indent: Int) {
        switch self {
        case .string(let text): Self.quote(text, &output)
        case .number(let number): output.append(contentsOf: String(number).utf8)
        case .raw(let text): output.append(contentsOf: text.utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .array(let items):
            Self.list(items, "[", "]", &output, indent) { $0.write(&$1, indent: indent + 1) }
        case .members(let members):
            Self.list(members, "{", "}", &output, indent) { member, output in
                Self.quote(member.name, &output)
                output.append(contentsOf: ": ".utf8)
                member.value.write(&output, indent: indent + 1)
            }
        }
    }

    private static func list<Item>(
        _ items: [Item], _ open: String, _ close: String, _ output: inout [UInt8], _ indent: Int,
        _ write: (Item, inout [UInt8]) -> Void
    ) {
        output.append(contentsOf: open.utf8)
        for (i, item) in items.enumerated() {
            newLine(&output, indent + 1, comma: i > 0)
            write(item, &output)
        }
        if !items.isEmpty { newLine(&output, indent, comma: false) }
        output.append(contentsOf: close.utf8)
    }

    private static func newLine(_ output: inout [UInt8], _ indent: Int, comma: Bool) {
        if comma { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "\n"))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }

    /// A string (RFC 8259 §7). DEL and C1 are escaped as well: JSON lets them through, terminals act on them.
    private static func quote(_ text: String, _ output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output.append(contentsOf: "\\\"".utf8)
            case "\\": output.append(contentsOf: "\\\\".utf8)
            case "\n": output.append(contentsOf: "\\n".utf8)
            case "\r": output.append(contentsOf: "\\r".utf8)
            case "\t": output.append(contentsOf: "\\t".utf8)
            case "\0"..<" ", "\u{7f}"..<"\u{a0}":
                let digits = String(scalar.value, radix: 16)
                output.append(contentsOf: "\\u00\(digits.count < 2 ? "0" : "")\(digits)".utf8)
            default: output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
