/// A node with its path: what the decoders read from. Reading reports its own errors and gives nil for a bad value.
struct Value {
    let node: YAMLNode
    let place: ValuePath
    let findings: Findings

    /// `static_resources.listeners[0].name`
    var path: String { place.text }
    var location: SourceLocation { node.location }

    func error(_ message: String) { findings.error(location, path, message) }

    func warn(_ message: String) { findings.warn(location, path, message) }

    /// The path of a field.
    func child(_ key: String) -> String { ValuePath(.field(key), of: place).text }

    /// A field.
    func member(_ key: String, _ node: YAMLNode) -> Value {
        Value(node: node, place: ValuePath(.field(key), of: place), findings: findings)
    }

    /// A protobuf string: Envoy takes no number or boolean for one, quotes are needed.
    func string() -> String? {
        if case .scalar(let scalar) = node.content, scalar.kind == .string { return scalar.text }
        let isScalar = if case .scalar = node.content { !node.isNull } else { false }
        error("expected a string, got \(node.kindText)\(isScalar ? "; put it in quotes" : "")")
        return nil
    }

    /// A string that says something; empty is as good as not given.
    func nonEmptyString() -> String? {
        guard let text = string() else { return nil }
        if text.isEmpty { error("must not be empty") }
        return text.isEmpty ? nil : text
    }

    /// Texts too, as Envoy takes them from its JSON (`absl::SimpleAtob`).
    func bool() -> Bool? {
        let value = boolean()
        if let value { findings.forms?.note(node, .bool(value)) }
        return value
    }

    private func boolean() -> Bool? {
        if case .scalar(let scalar) = node.content, scalar.kind == .bool || scalar.kind == .string {
            switch scalar.text.lowercased() {
            case "true", "t", "yes", "y", "1": return true
            case "false", "f", "no", "n", "0": return false
            default: break
            }
        }
        error("expected true or false, got \(node.kindText)")
        return nil
    }

    /// Of uint32, UInt32Value, uint64: a number or, as protobuf's JSON form allows, a string of digits.
    func number(_ range: ClosedRange<UInt32> = 0...UInt32.max) -> UInt32? {
        guard
            let number = wholeNumber(
                within: Int64(range.lowerBound)...Int64(range.upperBound),
                "(\(range.lowerBound) to \(range.upperBound))")
        else { return nil }
        return UInt32(number)
    }

    /// Of uint64, up to what an int64 holds.
    func longNumber() -> UInt64? { wholeNumber(within: 0 ... .max, "(from 0)", isLong: true).map { UInt64($0) } }

    /// Of int64.
    func wholeNumber() -> Int64? { wholeNumber(within: .min ... .max, "(64 bits)", isLong: true) }

    private func wholeNumber(
        within range: ClosedRange<Int64>, _ told: @autoclosure () -> String, isLong: Bool = false
    ) -> Int64? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .number || scalar.kind == .string,
            let value = WholeNumber.parse(scalar.text, isPlain: scalar.kind == .number)
        else {
            error("expected a whole number, got \(node.kindText)")
            return nil
        }
        guard case .within(let number) = value, range.contains(number) else {
            error("\(shown(scalar.text)) is out of range \(told())")
            return nil
        }
        findings.forms?.note(node, isLong ? .long(number) : .number(number))
        return number
    }

    /// Of `envoy.type.v3.Percent`, rounded to whole percent as Envoy does it.
    func percent() -> UInt32? { exactPercent().map { UInt32($0.rounded()) } }

    /// Of `envoy.type.v3.Percent`.
    func exactPercent() -> Double? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .number, let real = Double(scalar.text) else {
            error("expected a number of percent, got \(node.kindText)")
            return nil
        }
        guard real >= 0, real <= 100 else {
            error("\(shown(scalar.text)) is out of range (0 to 100)")
            return nil
        }
        return real
    }

    /// Milliseconds.
    func duration() -> UInt64? {
        guard let value = protoDuration() else { return nil }
        return value.milliseconds
    }

    /// Milliseconds, for fields whose 0 Envoy refuses.
    func positiveDuration() -> UInt64? {
        guard let value = protoDuration() else { return nil }
        if value.isZero {
            error("must be greater than 0s")
            return nil
        }
        return value.milliseconds
    }

    func protoDuration() -> ProtoDuration? {
        guard case .scalar(let scalar) = node.content, scalar.kind == .string else {
            error("expected a duration such as 0.25s, got \(node.kindText)")
            return nil
        }
        guard let value = ProtoDuration(scalar.text) else {
            error("bad duration \(quoted(scalar.text)), expected seconds such as 5s or 0.25s")
            return nil
        }
        if value.isNegative && !value.isZero {
            error("duration \(shown(scalar.text)) must not be negative")
            return nil
        }
        findings.forms?.note(node, .duration(value))
        return value
    }

    /// An enum's value by name or number. `known`: names of Envoy's that this build does not take.
    func choice<Choice>(_ supported: [(name: String, number: Int, value: Choice)], known: [String] = []) -> Choice? {
        var list: String { supported.map(\.name).joined(separator: ", ") }
        guard case .scalar(let scalar) = node.content, scalar.kind == .string || scalar.kind == .number else {
            error("expected one of \(list), got \(node.kindText)")
            return nil
        }
        for choice in supported where choice.name == scalar.text { return choice.value }
        let text = scalar.text.uppercased()
        for choice in supported where choice.name == text || String(choice.number) == text {
            findings.forms?.note(node, .choice(choice.name))
            return choice.value
        }
        if known.contains(text) {
            error("\(quoted(scalar.text)) is not supported by this build; supported: \(list)")
        } else {
            let suggestion = Suggestion.text(for: scalar.text, among: supported.map(\.name))
            error("unknown value \(quoted(scalar.text))\(suggestion); supported: \(list)")
        }
        return nil
    }

    /// The members of a repeated field.
    func list() -> [Value] {
        guard case .sequence(let items) = node.content else {
            error("expected a list, got \(node.kindText)")
            return []
        }
        return items.enumerated().map {
            Value(node: $0.element, place: ValuePath(.index($0.offset), of: place), findings: findings)
        }
    }

    /// The entries of a map field, whose keys are the user's.
    func map() -> [(key: String, keyLocation: SourceLocation, value: Value)] {
        guard case .mapping(let entries) = node.content else {
            error("expected a mapping, got \(node.kindText)")
            return []
        }
        return entries.map {
            let place = ValuePath(.key($0.key), of: place)
            return ($0.key, $0.keyLocation, Value(node: $0.value, place: place, findings: findings))
        }
    }
}

/// protobuf's JSON form of whole numbers: `1`, `1.0` and `1e3`, and hexadecimal as YAML has it.
enum WholeNumber: Equatable {
    case within(Int64)
    /// A whole number beyond 64 bits.
    case beyond

    static func parse(_ text: String, isPlain: Bool) -> WholeNumber? {
        if let small = small(text) { return .within(small) }
        if isPlain, text.hasPrefix("0x"), text.count > 2 {
            return Int64(text.dropFirst(2), radix: 16).map { .within($0) } ?? .beyond
        }
        var digits = Array(text.utf8)[...]
        if digits.first == UInt8(ascii: "-") || (isPlain && digits.first == UInt8(ascii: "+")) { digits.removeFirst() }
        guard let first = digits.first else { return nil }
        if digits.allSatisfy(isDigit) {
            // YAML 1.1 reads a leading zero as octal, YAML 1.2 does not: no guess is the better one.
            if first == UInt8(ascii: "0") && digits.count > 1 { return nil }
            return Int64(text).map { .within($0) } ?? .beyond
        }
        guard isDigit(first), !text.contains("x"), YAMLScalar(text: text, isPlain: true).kind == .number,
            let real = Double(text),
            real == real.rounded()
        else { return nil }
        return Int64(exactly: real).map { .within($0) } ?? .beyond
    }

    /// Nothing but a few digits, as nearly all of them are.
    private static func small(_ text: String) -> Int64? {
        let digits = text.utf8
        guard 1...9 ~= digits.count, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard isDigit(digit) else { return nil }
            number = 10 * number + Int64(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
