/// What the loader knows of one Envoy v3 message: all its field names, and what becomes of each.
final class MessageSchema: Sendable {
    enum Rule: Sendable {
        /// The decoder reads it.
        case supported
        /// An error whenever it is given.
        case refused
        /// An error unless it holds what it would be without being given (`[]`, `{}`, `""`, `false`, `0`).
        case refusedUnlessDefault
        /// Only these values, because they ask for what the build does anyway.
        case fixed([String])
        /// Any value is accepted: in this build it has nothing to act on.
        case ignored
    }

    /// Envoy's full name of the message, as `@type` gives it after the slash.
    let name: String
    /// One of its fields.
    struct Field: Sendable {
        /// In snake_case.
        let name: String
        let rule: Rule
        /// What to do instead, of a field that is refused; else empty.
        let hint: String
    }
    let fields: [Field]
    /// What a message looks at of each field, by position.
    let traits: [Traits]
    /// Members of each oneof, in the order of the message.
    let oneofs: [[String]]
    /// Positions in `fields`, by snake_case and lowerCamelCase names: protobuf's JSON form allows both. Hashed by a few of
    /// their bytes, at most a quarter full; -1: empty.
    private let table: [(key: String, field: Int)]

    /// Of a field, without references.
    struct Traits: BitwiseCopyable {
        /// Bytes of its name.
        let nameLength: Int
        let isSupported: Bool
        /// The oneofs that it is a member of, a bit each.
        let oneofs: UInt64
    }

    /// The lists are names separated by blanks.
    init(
        _ name: String, supported: String = "", refused: String = "",
        unlessDefault: String = "", fixed: [String: [String]] = [:], ignored: String = "",
        hints: [String: String] = [:], oneofs: [String] = []
    ) {
        var rules: [String: Rule] = [:]
        func add(_ names: String, _ rule: Rule) {
            for name in names.split(separator: " ") { rules[String(name)] = rule }
        }
        add(supported, .supported)
        add(refused, .refused)
        add(unlessDefault, .refusedUnlessDefault)
        add(ignored, .ignored)
        for (field, values) in fixed { rules[field] = .fixed(values) }
        self.name = name
        self.oneofs = oneofs.map { $0.split(separator: " ").map(String.init) }
        let members = self.oneofs
        fields = rules.sorted { $0.key < $1.key }.map { name, rule in
            Field(name: name, rule: rule, hint: hints[name].map { "; \($0)" } ?? "")
        }
        traits = fields.map { field in
            var oneofs: UInt64 = 0
            for (i, members) in members.enumerated() where members.contains(field.name) { oneofs |= 1 << UInt64(i) }
            let isSupported = if case .supported = field.rule { true } else { false }
            return Traits(nameLength: field.name.utf8.count, isSupported: isSupported, oneofs: oneofs)
        }
        table = Self.table(fields)
    }

    private static func table(_ fields: [Field]) -> [(key: String, field: Int)] {
        var size = 16
        while size < 8 * fields.count { size *= 2 }
        var table = [(key: String, field: Int)](repeating: ("", -1), count: size)
        func add(_ key: String, _ field: Int) {
            var at = hash(key) & (size - 1)
            while table[at].field >= 0, table[at].key != key { at = (at + 1) & (size - 1) }
            if table[at].field < 0 { table[at] = (key, field) }
        }
        for (i, field) in fields.enumerated() { add(field.name, i) }
        for (i, field) in fields.enumerated() { add(jsonName(field.name), i) }
        return table
    }

    private static func hash(_ key: String) -> Int {
        key.utf8.withContiguousStorageIfAvailable { bytes in
            guard let first = bytes.first, let last = bytes.last else { return 0 }
            let (third, half) = (bytes[bytes.count / 3], bytes[bytes.count / 2])
            return bytes.count &* 33 &+ Int(first) &* 7 &+ Int(last) &* 13 &+ Int(third) &* 29 &+ Int(half) &* 61
        } ?? 0
    }

    /// The position of a field, for either spelling; nil: no such field.
    func position(_ key: String) -> Int? {
        let mask = table.count - 1
        var at = Self.hash(key) & mask
        while table[at].field >= 0 {
            if table[at].key == key { return table[at].field }
            at = (at + 1) & mask
        }
        return nil
    }

    /// The field's snake_case name for either spelling; nil: no such field.
    func canonicalName(_ key: String) -> String? { position(key).map { fields[$0].name } }

    func rule(_ field: String) -> Rule? { position(field).map { fields[$0].rule } }

    func hint(_ field: String) -> String { position(field).map { fields[$0].hint } ?? "" }

    var fieldNames: some Sequence<String> { fields.lazy.map(\.name) }

    /// protobuf's `json_name`: underscores go, the letter after each becomes a capital.
    static func jsonName(_ field: String) -> String {
        var result = ""
        var capital = false
        for character in field {
            if character == "_" {
                capital = true
            } else {
                result += capital ? character.uppercased() : String(character)
                capital = false
            }
        }
        return result
    }
}
