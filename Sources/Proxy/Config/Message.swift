/// A mapping that has been checked against its message: no unknown or unsupported field is left in it.
struct Message {
    let value: Value
    private let schema: MessageSchema
    private let entries: [YAMLEntry]
    /// The fields that were given, each once, in the order of the text.
    private let given: [Given]

    /// A field with a value.
    private struct Given: BitwiseCopyable {
        /// In the schema.
        let field: Int32
        /// In the mapping.
        let entry: Int32
        /// Whether the decoder may have it.
        var isSupported: Bool
    }

    var location: SourceLocation { value.location }
    var path: String { value.path }

    /// A field that was given; `null` is not given.
    subscript(_ field: String) -> Value? {
        guard let one = find(field), one.isSupported else { return nil }
        return value.member(entries[Int(one.entry)].key, entries[Int(one.entry)].value)
    }

    /// Whether the field was given, also if the build does not support it.
    func has(_ field: String) -> Bool { find(field) != nil }

    private func find(_ field: String) -> Given? {
        let length = field.utf8.count
        for i in given.indices {
            let position = Int(given[i].field)
            if schema.traits[position].nameLength == length, schema.fields[position].name == field { return given[i] }
        }
        return nil
    }

    func error(_ message: String) { value.error(message) }

    func require(_ field: String) -> Value? {
        if let given = self[field] { return given }
        error("required field \(quoted(field)) is missing")
        return nil
    }

    /// The member of a oneof that was given. `refused`: its members that the build does not support; one of these has
    /// been reported already.
    func requireOne(of members: [String], else refused: [String] = []) -> Value? {
        for member in members {
            if let given = self[member] { return given }
        }
        if !refused.contains(where: has) {
            let list = members.joined(separator: ", ")
            error(members.count > 1 ? "one of \(list) is required" : "required field \(quoted(list)) is missing")
        }
        return nil
    }

    /// `isAny`: it stands in an `Any`, so that `@type` is among its fields.
    init(value: Value, schema: MessageSchema, entries: [YAMLEntry], isAny: Bool = false) {
        self.value = value
        self.schema = schema
        self.entries = entries
        var given: [Given] = []
        given.reserveCapacity(entries.count)
        var oneofs: UInt64 = 0
        var hasRivals = false
        for i in entries.indices {
            if isAny, entries[i].key == "@type" { continue }
            guard let position = schema.position(entries[i].key) else {
                let entry = entries[i]
                let suggestion = Suggestion.text(for: entry.key, among: schema.fieldNames)
                value.findings.error(
                    entry.keyLocation, value.child(entry.key), "unknown field \(quoted(entry.key))\(suggestion)")
                continue
            }
            if let known = given.first(where: { $0.field == Int32(position) }) {
                let (entry, other) = (entries[i], entries[Int(known.entry)])
                value.findings.error(
                    entry.keyLocation, value.child(entry.key),
                    "field given twice, already as \(quoted(other.key)) in line \(other.keyLocation.line)")
                continue
            }
            if entries[i].value.isNull { continue }
            let traits = schema.traits[position]
            hasRivals = hasRivals || oneofs & traits.oneofs != 0
            oneofs |= traits.oneofs
            var one = Given(field: Int32(position), entry: Int32(i), isSupported: traits.isSupported)
            if !one.isSupported { one.isSupported = Self.check(value, entries[i], schema.fields[position]) }
            given.append(one)
        }
        self.given = given
        if hasRivals { reportRivals() }
    }

    /// Several members of a oneof are given.
    private func reportRivals() {
        for members in schema.oneofs {
            let names = members.filter(has)
            let places = given.filter { names.contains(schema.fields[Int($0.field)].name) }.map {
                entries[Int($0.entry)].keyLocation
            }
            // The message stands at the last of them, because the first alone would have been right.
            if names.count > 1, let last = places.max(by: { ($0.line, $0.column) < ($1.line, $1.column) }) {
                value.findings.error(last, value.path, "only one of \(names.joined(separator: ", ")) may be given")
            }
        }
    }

    /// Whether the decoder may have the field; reports it otherwise, unless it is harmless.
    private static func check(_ message: Value, _ entry: YAMLEntry, _ field: MessageSchema.Field) -> Bool {
        switch field.rule {
        case .supported: return true
        case .ignored: return false
        case .refusedUnlessDefault where entry.value.isDefault: return false
        case .fixed(let values):
            if case .scalar(let scalar) = entry.value.content {
                let text = scalar.text
                if values.contains(where: { $0 == text || $0 == text.uppercased() }) { return false }
            }
            let list = values.filter { !$0.isEmpty }.joined(separator: ", ")
            message.member(entry.key, entry.value).error(
                "\(entry.value.kindText) is not supported by this build; supported: \(list)")
            return false
        case .refused, .refusedUnlessDefault:
            message.findings.error(
                entry.keyLocation, message.child(entry.key),
                "\(quoted(entry.key)) is an Envoy field that this build does not support\(field.hint)")
            return false
        }
    }
}

extension Value {
    /// The value as a message of this kind.
    func message(_ schema: MessageSchema) -> Message? {
        guard case .mapping(let entries) = node.content else {
            error("expected a mapping, got \(node.kindText)")
            return nil
        }
        findings.forms?.note(node, .message(schema))
        return Message(value: self, schema: schema, entries: entries)
    }

    /// The members of a repeated message field.
    func messages(_ schema: MessageSchema) -> [Message] { list().compactMap { $0.message(schema) } }

    /// `google.protobuf.Any`: a message of one of these kinds, which `@type` names.
    func extensionMessage(_ schemas: [MessageSchema]) -> (schema: String, message: Message)? {
        guard case .mapping(let entries) = node.content else {
            error("expected a mapping, got \(node.kindText)")
            return nil
        }
        let expected = schemas.map { "type.googleapis.com/" + $0.name }.joined(separator: " or ")
        guard let entry = entries.first(where: { $0.key == "@type" }), !entry.value.isNull else {
            error("\"@type\" is missing, expected \(expected)")
            return nil
        }
        let type = member("@type", entry.value)
        guard let text = type.string() else { return nil }
        let name = text.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init)
        guard text.contains("/"), let schema = schemas.first(where: { $0.name == name }) else {
            let old = text.contains(".v2.") ? " is of Envoy's v2 API" : " is not supported by this build"
            type.error("\(quoted(text))\(old); expected \(expected)")
            return nil
        }
        findings.forms?.note(node, .message(schema))
        return (schema.name, Message(value: self, schema: schema, entries: entries, isAny: true))
    }
}
