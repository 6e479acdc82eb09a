import CRE2
import Glibc
import ProxyConfig

/// A compiled `TextMatch`: plain data that lives as long as the process.
struct TextMatcher: BitwiseCopyable {
    private enum Kind: UInt8, BitwiseCopyable { case present, absent, exact, prefix, suffix, contains, regex, range }
    private var kind = Kind.present
    private var text = Bytes("")
    private var ignoresCase = false
    private var regex: OpaquePointer?
    private var low: Int64 = 0
    /// Behind the last one.
    private var high: Int64 = 0

    /// - Parameter ignoresCase: A–Z are taken for a–z, in the text as in what is compared with it.
    init(_ match: TextMatch, ignoresCase: Bool = false) {
        self.ignoresCase = ignoresCase
        func folded(_ value: String) -> Bytes { ignoresCase ? Bytes(folding: value) : Bytes(keeping: value) }
        switch match {
        case .present(let isPresent): kind = isPresent ? .present : .absent
        case .exact(let value): (kind, text) = (.exact, folded(value))
        case .prefix(let value): (kind, text) = (.prefix, folded(value))
        case .suffix(let value): (kind, text) = (.suffix, folded(value))
        case .contains(let value): (kind, text) = (.contains, folded(value))
        case .range(let range): (kind, low, high) = (.range, range.lowerBound, range.upperBound)
        case .regex(let value): (kind, text, regex) = (.regex, Bytes(keeping: value), Regex.compile(value))
        }
    }

    /// Whether it asks for no more than whether there is something.
    var isPresence: Bool { kind == .present || kind == .absent }

    /// - Parameter value: nil: it is not there.
    func matches(_ value: Bytes?) -> Bool {
        guard let value else { return kind == .absent }
        switch kind {
        case .present: return true
        case .absent: return false
        case .exact: return value.count == text.count && equal(value.start)
        case .prefix: return value.count >= text.count && equal(value.start)
        case .suffix: return value.count >= text.count && equal(value.start + (value.count - text.count))
        case .contains:
            guard value.count >= text.count else { return false }
            for i in 0...(value.count - text.count) where equal(value.start + i) { return true }
            return false
        case .range:
            guard let number = Self.wholeNumber(value) else { return false }
            return number >= low && number < high
        case .regex: return regex.map { Regex.matches($0, value) } ?? false
        }
    }

    private func equal(_ start: UnsafePointer<UInt8>) -> Bool {
        ignoresCase ? foldedEqual(start, text.start, text.count) : memcmp(start, text.start, text.count) == 0
    }

    /// A decimal number as Envoy reads it: a sign, digits, nothing else; 64 bits.
    private static func wholeNumber(_ value: Bytes) -> Int64? {
        var at = 0
        let isNegative = value.count > 0 && value.start[0] == UInt8(ascii: "-")
        if isNegative || (value.count > 0 && value.start[0] == UInt8(ascii: "+")) { at = 1 }
        guard at < value.count else { return nil }
        var number: Int64 = 0
        while at < value.count {
            let digit = value.start[at] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (next, isTooLargeNow) =
                isNegative
                ? tens.subtractingReportingOverflow(Int64(digit)) : tens.addingReportingOverflow(Int64(digit))
            if isTooLarge || isTooLargeNow { return nil }
            number = next
            at += 1
        }
        return number
    }
}

/// A compiled `HeaderCondition` without the header's name.
struct HeaderRule: BitwiseCopyable {
    private let match: TextMatcher
    private let isInverted: Bool
    private let missingIsEmpty: Bool

    init(_ condition: HeaderCondition) {
        match = TextMatcher(condition.match, ignoresCase: condition.ignoresCase)
        isInverted = condition.isInverted
        missingIsEmpty = condition.missingIsEmpty
    }

    /// - Parameter found: the header's value; nil: it is not there.
    func holds(_ found: Bytes?) -> Bool {
        let value = found ?? (missingIsEmpty ? Bytes("") : nil)
        // As in Envoy nothing matches a header that is not there, inverted or not.
        if value == nil, !match.isPresence { return false }
        return match.matches(value) != isInverted
    }

    /// The same of a request's fields: of several with one name it is enough that one matches.
    func holds(_ request: RoutedRequest, _ name: Bytes) -> Bool {
        guard var i = request.field(name) else { return holds(nil) }
        while true {
            if match.matches(request.value(i)) { return !isInverted }
            guard let next = request.field(name, after: i) else { return isInverted }
            i = next
        }
    }
}

/// RE2 with bytes: expressions are never freed, as snapshots live as long as their process.
enum Regex {
    /// The loader has compiled it before: nil only without memory.
    static func compile(_ text: String) -> OpaquePointer? {
        let text = Bytes(keeping: text)
        var message = [CChar](repeating: 0, count: 2)
        return text.start.withMemoryRebound(to: CChar.self, capacity: text.count) {
            cre2_compile($0, text.count, &message, message.count)
        }
    }

    /// The whole text.
    static func matches(_ regex: OpaquePointer, _ text: Bytes) -> Bool {
        text.start.withMemoryRebound(to: CChar.self, capacity: text.count) {
            cre2_matches_all(regex, $0, text.count) != 0
        }
    }
}
