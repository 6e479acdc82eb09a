/// A mapping that has been checked against its message: no unknown or unsupported field is left in it.
struct Message {
    let value: Value
    private let fields: [String: Value]
    /// Names of all fields with a value, also of those that `fields` is not to have.
    private let given: Set<String>

    var location: SourceLocation { value.location }
    var path: String { value.path }

    /// A field that was given; `null` is not given.
    subscript(_ field: String) -> Value? { fields[field] }

    /// Whether the field was given, also if the build does not support it.
    func has(_ field: String) -> Bool { given.contains(field) }

    func error(_ message: String) { value.error(message) }

    func require(_ field: String) -> Value? {
        if let given = fields[field] { return given }
        error("required field \(quoted(field)) is missing")
        return nil
    }

    /// The member of a oneof that was given. `refused`: its members that the build does not support; one of these has
    /// been reported already.
    func requireOne(of members: [String], else refused: [String] = []) -> Value? {
        for member in members {
            if let given = fields[member] { return given }
        }
        if given.isDisjoint(with: refused) {
            let list = members.joined(separator: ", ")
            error(members.count > 1 ? "one of \(list) is required" : "required field \(quoted(list)) is missing")
        }
        return nil
    }

    init(value: Value, schema: MessageSchema, entries: [YAMLEntry]) {
        self.value = value
        var fields: [String: Value] = [:]
        var firstKeys: [String: YAMLEntry] = [:]
        for entry in entries {
            if entry.key == "@type" && schema.isExtension { continue }
            let path = value.child(entry.key)
            guard let name = schema.canonicalName(entry.key), let rule = schema.rule(name) else {
                let suggestion = Suggestion.text(for: entry.key, among: schema.fieldNames)
                value.findings.error(
                    entry.keyLocation, path, "unknown field \(quoted(entry.key))\(suggestion)")
                continue
            }
            if let other = firstKeys[name] {
                value.findings.error(
                    entry.keyLocation, path,
                    "field given twice, already as \(quoted(other.key)) in line \(other.keyLocation.line)")
                continue
            }
            if entry.value.isNull { continue }
            firstKeys[name] = entry
            let field = Value(node: entry.value, path: path, findings: value.findings)
            if Self.check(field, entry, rule, hint: schema.hint(name)) { fields[name] = field }
        }
        self.fields = fields
        self.given = Set(firstKeys.keys)
        for members in schema.oneofs {
            let given = members.filter { firstKeys[$0] != nil }
            let places = given.compactMap { firstKeys[$0]?.keyLocation }
            // The message stands at the last of them, because the first alone would have been right.
            if given.count > 1, let last = places.max(by: { ($0.line, $0.column) < ($1.line, $1.column) }) {
                value.findings.error(
                    last, value.path, "only one of \(given.joined(separator: ", ")) may be given")
            }
        }
    }

    /// Whether the decoder may have the field; reports it otherwise, unless it is harmless.
    private static func check(
        _ field: Value, _ entry: YAMLEntry, _ rule: MessageSchema.Rule, hint: String
    ) -> Bool {
        switch rule {
        case .supported: return true
        case .ignored: return false
        case .refusedUnlessDefault where field.node.isDefault: return false
        case .fixed(let values):
            if case .scalar(let scalar) = field.node.content {
                let text = scalar.text
                if values.contains(where: { $0 == text || $0 == text.uppercased() }) { return false }
            }
            let list = values.filter { !$0.isEmpty }.joined(separator: ", ")
            field.error("\(field.node.kindText) is not supported by this build; supported: \(list)")
            return false
        case .refused, .refusedUnlessDefault:
            field.findings.error(
                entry.keyLocation, field.path,
                "\(quoted(entry.key)) is an Envoy field that this build does not support\(hint)")
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
        let type = Value(node: entry.value, path: child("@type"), findings: findings)
        guard let text = type.string() else { return nil }
        let name = text.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init)
        guard text.contains("/"), let schema = schemas.first(where: { $0.name == name }) else {
            let old = text.contains(".v2.") ? " is of Envoy's v2 API" : " is not supported by this build"
            type.error("\(quoted(text))\(old); expected \(expected)")
            return nil
        }
        return (schema.name, Message(value: self, schema: schema, entries: entries))
    }
}
