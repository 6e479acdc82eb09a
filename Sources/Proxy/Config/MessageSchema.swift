/// What the loader knows of one Envoy v3 message: all its field names, and what becomes of each.
struct MessageSchema: Sendable {
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
    private let rules: [String: Rule]
    /// lowerCamelCase to snake_case: protobuf's JSON form allows both.
    private let jsonNames: [String: String]
    /// What to do instead, for fields that are refused.
    private let hints: [String: String]
    /// Members of each oneof, in the order of the message.
    let oneofs: [[String]]
    /// An `Any`'s message: `@type` stands among its fields.
    let isExtension: Bool

    /// The lists are names separated by blanks.
    init(
        _ name: String, isExtension: Bool = false, supported: String = "", refused: String = "",
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
        self.rules = rules
        self.jsonNames = Dictionary(
            rules.keys.map { (Self.jsonName($0), $0) }, uniquingKeysWith: { first, _ in first })
        self.hints = hints
        self.oneofs = oneofs.map { $0.split(separator: " ").map(String.init) }
        self.isExtension = isExtension
    }

    /// The field's snake_case name for either spelling; nil: no such field.
    func canonicalName(_ key: String) -> String? { rules[key] != nil ? key : jsonNames[key] }

    func rule(_ field: String) -> Rule? { rules[field] }

    func hint(_ field: String) -> String { hints[field].map { "; \($0)" } ?? "" }

    var fieldNames: some Sequence<String> { rules.keys }

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
