/// Texts of free form (`google.protobuf.Struct`) as JSON: what Envoy makes of YAML, in the order of the text.
extension YAMLNode {
    /// Whole numbers beyond this are texts, as are all that are not whole.
    private static let largestNumber: Int64 = 1 << 53

    func writeJSON(_ output: inout String) {
        switch content {
        case .sequence(let items):
            output += "["
            for (i, item) in items.enumerated() {
                if i > 0 { output += "," }
                item.writeJSON(&output)
            }
            output += "]"
        case .mapping(let entries):
            output += "{"
            for (i, entry) in entries.enumerated() {
                if i > 0 { output += "," }
                Self.quote(entry.key, &output)
                output += ":"
                entry.value.writeJSON(&output)
            }
            output += "}"
        case .scalar(let scalar):
            switch scalar.kind {
            case .null: output += "null"
            case .bool: output += scalar.text
            case .number: Self.number(scalar.text, &output)
            case .string: Self.quote(scalar.text, &output)
            }
        }
    }

    /// Of a plain scalar: decimal, hexadecimal or, with a zero in front, octal; nil: a text.
    static func freeNumber(_ text: String) -> Int64? {
        var digits = Substring(text)
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        var base = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            base = 16
            digits.removeFirst(2)
        } else if digits.hasPrefix("0"), digits.count > 1 {
            base = 8
            digits.removeFirst()
        }
        guard digits.utf8.first.map({ $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }) == true,
            let number = Int64(digits, radix: base), number <= largestNumber
        else { return nil }
        return isNegative ? -number : number
    }

    private static func number(_ text: String, _ output: inout String) {
        if let number = freeNumber(text) {
            output += String(number)
        } else {
            quote(text, &output)
        }
    }

    private static func quote(_ text: String, _ output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{8}": output += "\\b"
            case "\u{C}": output += "\\f"
            case "\0"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}

extension Decoder {
    /// `metadata` of an endpoint: `Endpoint.metadata`.
    func metadata(_ member: Message) -> String {
        guard let metadata = member["metadata"]?.message(.endpointMetadata) else { return "" }
        var text = "{"
        for (filter, _, value) in metadata["filter_metadata"]?.map() ?? [] {
            guard case .mapping = value.node.content else {
                value.error("expected a mapping, got \(value.node.kindText)")
                continue
            }
            findings.forms?.note(value.node, .free)
            if text.utf8.count > 1 { text += "," }
            YAMLNode(content: .scalar(YAMLScalar(text: filter, isPlain: false)), location: value.location).writeJSON(
                &text)
            text += ":"
            value.node.writeJSON(&text)
        }
        return text + "}"
    }
}
