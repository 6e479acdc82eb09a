/// What tells stats apart: a counter and a gauge may share a name.
public struct StatKey: Hashable, Sendable {
    /// The stat's name.
    public var name: String
    /// What it is.
    public var kind: StatKind

    /// The key of a stat that may exist or not.
    public init(name: String, kind: StatKind) {
        self.name = name
        self.kind = kind
    }
}

extension StatValue {
    /// What tells it from others.
    public var key: StatKey { StatKey(name: name, kind: kind) }

    /// What a counter, a gauge or a histogram (its values recorded) comes to as one number; nil for text.
    public var number: UInt64? {
        switch kind {
        case .counter, .gauge: value
        case .histogram: histogram?.count ?? 0
        case .text: nil
        }
    }
}
