/// A share of requests: `envoy.type.v3.FractionalPercent`.
public struct FractionalPercent: Sendable, Hashable {
    public var numerator: UInt32
    /// 100, 10 000 or 1 000 000.
    public var denominator: UInt32
    public init(_ numerator: UInt32, of denominator: UInt32 = 100) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// As JSON, in Envoy's names.
    var text: String {
        let name = denominator == 10_000 ? "TEN_THOUSAND" : denominator == 1_000_000 ? "MILLION" : "HUNDRED"
        return "{\"numerator\":\(numerator),\"denominator\":\"\(name)\"}"
    }
}

/// The value of a runtime key: a text, and what Envoy reads it as.
public struct RuntimeValue: Sendable, Hashable {
    /// As `/runtime` shows it.
    public var text: String
    /// Nil: it is no whole number from 0 on.
    public var number: UInt64?
    /// Given as a fraction; a plain number is a percentage, see `share`.
    public var fraction: FractionalPercent?

    init(text: String, number: UInt64? = nil, fraction: FractionalPercent? = nil) {
        self.text = text
        self.number = number
        self.fraction = fraction
    }

    /// Reads what stands in a file or was given to `/runtime_modify`: a number, a boolean, a text, or a fraction as JSON or
    /// YAML (`{numerator: 5, denominator: TEN_THOUSAND}`).
    public init(_ text: String) {
        self.text = text
        let trimmed = Self.trim(text)
        number = Self.whole(trimmed)
        guard number == nil, trimmed.contains("numerator") || trimmed.contains("denominator") else { return }
        let findings = Findings()
        guard let root = YAMLReader.read(name: "", text: Array(text.utf8), findings: findings),
            case .mapping = root.content
        else { return }
        let read = Value(node: root, place: .root, findings: findings).message(.fractionalPercent)?.fraction()
        if findings.errors.isEmpty { fraction = read }
    }

    /// The share it stands for, as Envoy's `featureEnabled` reads it: a fraction, or a percentage of which anything over
    /// 100 is all. Nil: it stands for none, and the default of whoever asks counts.
    public var share: FractionalPercent? {
        if let fraction { return fraction }
        return number.map { FractionalPercent(UInt32(min($0, 100))) }
    }

    /// What Envoy's `getBoolean` reads. Nil: it is no boolean.
    public var bool: Bool? {
        if let number { return number != 0 }
        switch Self.trim(text).lowercased() {
        case "true": return true
        case "false": return false
        default: return nil
        }
    }

    /// What Envoy's `getDouble` reads. Nil: it is no number.
    public var double: Double? { Double(Self.trim(text)) }

    private static func trim(_ text: String) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 32 || (9...13).contains($0) }
        let bytes = text.utf8.drop(while: isSpace)
        guard let end = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(bytes[...end]) ?? ""
    }

    private static func whole(_ text: String) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy(isDigit) else { return nil }
        return UInt64(text)
    }
}
