import CRE2
import Glibc
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
}

/// A compiled filter, plain data that lives as long as the process.
struct LogFilterNode: BitwiseCopyable {
    private enum Kind: UInt8, BitwiseCopyable { case always, status, duration, flags, header, all, any }
    private enum Match: UInt8, BitwiseCopyable { case present, exact, prefix, suffix, contains, regex }
    private var kind: Kind
    private var operation = LogComparison.Operation.equal
    private var number: RuntimeNumber?
    private var value: UInt64 = 0
    private var match = Match.present
    private var name: Int32 = -1
    private var text = Bytes("")
    private var regex: OpaquePointer?
    private var ignoresCase = false
    private var isInverted = false
    private var missingIsEmpty = false
    private var wantsPresent = true
    private var children: UnsafeMutablePointer<LogFilterNode>?
    private var childCount = 0

    init(_ filter: LogFilter, names: inout LogNames) {
        switch filter {
        case .always: kind = .always
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
            ignoresCase = condition.ignoresCase
            isInverted = condition.isInverted
            missingIsEmpty = condition.missingIsEmpty
            setMatch(condition.match)
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
        children = .allocate(capacity: max(nodes.count, 1))
        children?.initialize(from: nodes, count: nodes.count)
        childCount = nodes.count
    }

    private mutating func setMatch(_ wanted: HeaderCondition.Match) {
        func folded(_ value: String) -> Bytes { Bytes(ignoresCase ? value.lowercased() : value) }
        switch wanted {
        case .present(let isPresent): wantsPresent = isPresent
        case .exact(let value): (match, text) = (.exact, folded(value))
        case .prefix(let value): (match, text) = (.prefix, folded(value))
        case .suffix(let value): (match, text) = (.suffix, folded(value))
        case .contains(let value): (match, text) = (.contains, folded(value))
        case .regex(let value):
            match = .regex
            text = Bytes(value)
            var message = [CChar](repeating: 0, count: 2)
            // The loader has compiled it before.
            regex = text.start.withMemoryRebound(to: CChar.self, capacity: text.count) {
                cre2_compile($0, text.count, &message, message.count)
            }
        }
    }

    /// Whether there is to be a line.
    func passes(_ entry: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) -> Bool {
        switch kind {
        case .always: return true
        case .status: return compare(UInt64(facts.status))
        case .duration:
            let start = entry.pointee.startNs
            return compare(facts.endNs > start ? (facts.endNs &- start) / 1_000_000 : 0)
        case .flags: return entry.pointee.flags.rawValue & value != 0
        case .header: return matches(entry.pointee.values.get(Int(name)))
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

    private func compare(_ found: UInt64) -> Bool {
        let value = number?.value ?? 0
        return switch operation {
        case .equal: found == value
        case .atLeast: found >= value
        case .atMost: found <= value
        case .notEqual: found != value
        }
    }

    private func matches(_ found: Bytes?) -> Bool {
        if match == .present {
            let isPresent = found != nil || missingIsEmpty
            return (isPresent == wantsPresent) != isInverted
        }
        // As in Envoy nothing matches a header that is not there, inverted or not.
        guard let value = found ?? (missingIsEmpty ? Bytes("") : nil) else { return false }
        return compare(value) != isInverted
    }

    private func compare(_ value: Bytes) -> Bool {
        switch match {
        case .present: return true
        case .exact: return value.count == text.count && equal(value.start)
        case .prefix: return value.count >= text.count && equal(value.start)
        case .suffix: return value.count >= text.count && equal(value.start + (value.count - text.count))
        case .contains:
            guard value.count >= text.count else { return false }
            for i in 0...(value.count - text.count) where equal(value.start + i) { return true }
            return false
        case .regex:
            guard let regex else { return false }
            return value.start.withMemoryRebound(to: CChar.self, capacity: value.count) {
                cre2_matches_all(regex, $0, value.count) != 0
            }
        }
    }

    private func equal(_ start: UnsafePointer<UInt8>) -> Bool {
        ignoresCase ? foldedEqual(start, text.start, text.count) : memcmp(start, text.start, text.count) == 0
    }
}
