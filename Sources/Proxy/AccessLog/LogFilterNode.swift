import ProxyConfig

/// What filters and lines know of a request or connection when it ends, beside its `LogEntry`.
struct LogFacts: BitwiseCopyable {
    var endNs: UInt64 = 0
    /// 0: there was none.
    var status: UInt16 = 0
    var isHTTP = true
    var isHTTP10 = false
    /// When the whole request had come, 0: it had not.
    var requestEndNs: UInt64 = 0
    /// When the last of the response went out, 0: it did not.
    var responseEndNs: UInt64 = 0
    var remote = PeerAddress()
    /// Who is at the other end of the socket, which need not be the client.
    var direct = PeerAddress()
    var connectionID: UInt64 = 0
    /// Of somebody who checks this proxy's health.
    var isHealthCheck = false
    /// Why there is a line; of an answer that is just being made: `notSet`.
    var type = LogType.notSet
    /// For filters that pass a share.
    var random: UInt64 = 0
    /// Of an answer of our own that is just being made.
    var body = Bytes("")
}

/// A compiled filter, plain data that lives as long as the process.
struct LogFilterNode: BitwiseCopyable {
    private enum Kind: UInt8, BitwiseCopyable {
        case always, notHealthCheck, status, duration, flags, header, types, share, all, any
    }
    private var kind: Kind
    private var operation = LogComparison.Operation.equal
    private var number: RuntimeNumber?
    private var value: UInt64 = 0
    private var rule: HeaderRule?
    private var name: Int32 = -1
    private var children: UnsafeMutablePointer<LogFilterNode>?
    private var childCount = 0

    init(_ filter: LogFilter, names: inout LogNames) {
        switch filter {
        case .always: kind = .always
        case .notHealthCheck: kind = .notHealthCheck
        case .status(let comparison):
            kind = .status
            operation = comparison.operation
            number = names.shares.makeNumber(UInt64(comparison.value), key: comparison.key)
        case .duration(let comparison):
            kind = .duration
            operation = comparison.operation
            number = names.shares.makeNumber(UInt64(comparison.value), key: comparison.key)
        case .flags(let flags):
            kind = .flags
            value = flags.isEmpty ? .max : flags.reduce(0) { $0 | LogFlags($1).rawValue }
        case .header(let condition):
            kind = .header
            name = names.position(.request, condition.name)
            rule = HeaderRule(condition)
        case .types(let types, let excludes):
            kind = .types
            value = UInt64(excludes ? ~types.rawValue : types.rawValue)
        case .runtime(let share):
            kind = .share
            number = names.shares.makeNumber(UInt64(share.percent.numerator), key: share.key)
            value = UInt64(share.percent.denominator)
            if !share.isIndependent { name = names.position(.request, "x-request-id") }
        case .all(let filters):
            kind = .all
            setChildren(filters, &names)
        case .any(let filters):
            kind = .any
            setChildren(filters, &names)
        }
    }

    private mutating func setChildren(_ filters: [LogFilter], _ names: inout LogNames) {
        let nodes = filters.map { LogFilterNode($0, names: &names) }
        children = .kept(capacity: max(nodes.count, 1))
        children?.initialize(from: nodes, count: nodes.count)
        childCount = nodes.count
    }

    /// Whether there is to be a line.
    func passes(_ entry: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) -> Bool {
        switch kind {
        case .always: return true
        case .notHealthCheck: return !facts.isHealthCheck
        case .status: return compare(UInt64(facts.status))
        case .duration:
            let start = entry.pointee.startNs
            return compare(facts.endNs > start ? (facts.endNs &- start) / 1_000_000 : 0)
        case .flags: return entry.pointee.flags.rawValue & value != 0
        case .header: return rule?.holds(entry.pointee.values.get(Int(name))) ?? false
        case .types: return value & 1 << UInt64(facts.type.rawValue) != 0
        case .share:
            let id = name >= 0 ? entry.pointee.values.get(Int(name)).flatMap(Self.number) : nil
            return (id ?? facts.random) % max(value, 1) < min(number?.value ?? 0, value)
        case .all:
            for i in 0..<childCount where !(children.unsafelyUnwrapped + i).pointee.passes(entry, facts) {
                return false
            }
            return true
        case .any:
            for i in 0..<childCount where (children.unsafelyUnwrapped + i).pointee.passes(entry, facts) { return true }
            return false
        }
    }

    /// What Envoy takes a request's id for: the number that a UUID begins with.
    private static func number(_ id: Bytes) -> UInt64? {
        if id.count < 36 { return nil }
        var number: UInt64 = 0
        for i in 0..<8 {
            switch id.start[i] {
            case let c where c >= UInt8(ascii: "0") && c <= UInt8(ascii: "9"): number = number << 4 | UInt64(c &- 48)
            case let c where c | 32 >= UInt8(ascii: "a") && c | 32 <= UInt8(ascii: "f"):
                number = number << 4 | UInt64((c | 32) &- 87)
            default: return nil
            }
        }
        return number
    }

    private func compare(_ found: UInt64) -> Bool {
        let value = number?.value ?? 0
        return switch operation {
        case .equal: found == value
        case .atLeast: found >= value
        case .atMost: found <= value
        case .notEqual: found != value
        }
    }
}
