/// What the decoder has taken values for, by their places in the text: names in either spelling, enums as numbers and durations
/// in all their forms are told apart only by who reads them.
final class ValueForms {
    enum Form {
        case message(MessageSchema)
        case bool(Bool)
        /// Of 32 bits.
        case number(Int64)
        /// Of 64 bits: protobuf's JSON form is a string.
        case long(Int64)
        case duration(ProtoDuration)
        /// The name of an enum's value.
        case choice(String)
        /// `google.protobuf.Struct`.
        case free
    }

    private var known: [SourceLocation: Form] = [:]

    func note(_ node: YAMLNode, _ form: Form) { known[node.location] = form }

    /// protobuf's JSON form of a value, with snake_case names in the order of the text.
    func json(_ node: YAMLNode) -> JSON {
        switch (known[node.location], node.content) {
        case (.message(let schema), .mapping(let entries)): message(schema, entries)
        case (.bool(let value), .scalar): .bool(value)
        case (.number(let number), .scalar): .raw(String(number))
        case (.long(let number), .scalar): .string(String(number))
        case (.duration(let value), .scalar): .string(value.text)
        case (.choice(let name), .scalar): .string(name)
        case (.free, _): free(node)
        case (_, .sequence(let items)): .array(items.map(json))
        case (_, .mapping(let entries)): .members(entries.map { JSON.Member(name: $0.key, value: json($0.value)) })
        case (_, .scalar(let scalar)):
            switch scalar.kind {
            case .null: .raw("null")
            case .bool: .bool(scalar.text == "true")
            case .number: number(scalar.text)
            case .string: .string(scalar.text)
            }
        }
    }

    private func message(_ schema: MessageSchema, _ entries: [YAMLEntry]) -> JSON {
        var members: [JSON.Member] = []
        for entry in entries where !entry.value.isNull {
            if entry.key == "@type", case .scalar(let scalar) = entry.value.content {
                members.insert(.init(name: entry.key, value: .string(scalar.text)), at: 0)
                continue
            }
            guard let position = schema.position(entry.key) else { continue }
            let field = schema.fields[position]
            if case .refusedUnlessDefault = field.rule { continue }
            // Nobody reads it; wherever a field has this name it is of free form.
            let isFree = if case .ignored = field.rule { field.name == "metadata" } else { false }
            members.append(.init(name: field.name, value: isFree ? free(entry.value) : json(entry.value)))
        }
        return .members(members)
    }

    /// As Envoy reads texts of free form, see `YAMLNode.writeJSON`.
    private func free(_ node: YAMLNode) -> JSON {
        switch node.content {
        case .sequence(let items): return .array(items.map(free))
        case .mapping(let entries):
            return .members(entries.map { JSON.Member(name: $0.key, value: free($0.value)) })
        case .scalar:
            var text = ""
            node.writeJSON(&text)
            return .raw(text)
        }
    }

    /// Of a real number; those that JSON cannot write stay texts.
    private func number(_ text: String) -> JSON {
        if case .within(let whole) = WholeNumber.parse(text, isPlain: true) { return .raw(String(whole)) }
        guard let real = Double(text), real.isFinite else { return .string(text) }
        return .raw("\(real)")
    }
}

extension ProtoDuration {
    /// protobuf's JSON form: with no, three, six or nine digits behind the point.
    var text: String {
        var digits = String(nanoseconds)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.hasSuffix("000") { digits.removeLast(3) }
        return (isNegative ? "-" : "") + "\(seconds)" + (digits.isEmpty ? "" : ".\(digits)") + "s"
    }
}
