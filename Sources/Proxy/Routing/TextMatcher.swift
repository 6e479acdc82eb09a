import Glibc
import ProxyConfig

/// A compiled `TextMatch`: plain data that lives as long as the process.
struct TextMatcher: BitwiseCopyable {
    private enum Kind: UInt8, BitwiseCopyable { case present, absent, exact, prefix, suffix, contains, regex, range }
    private var kind = Kind.present
    private var text = Bytes("")
    private var ignoresCase = false
    private var regex: Regex?
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
        case .regex(let value): (kind, regex) = (.regex, Regex(value))
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
        case .regex: return regex?.matches(value) ?? false
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
