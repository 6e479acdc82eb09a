import ProxyConfig

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
