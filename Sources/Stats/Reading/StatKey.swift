/// What tells stats apart: a counter and a gauge may share a name.
public struct StatKey: Hashable, Sendable {
    public var name: String
    public var kind: StatKind

    public init(name: String, kind: StatKind) {
        self.name = name
        self.kind = kind
    }
}

extension StatValue {
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
