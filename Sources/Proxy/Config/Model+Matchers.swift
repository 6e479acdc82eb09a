/// How a text has to be (`StringMatcher`, and what a `HeaderMatcher` has beside it).
public enum TextMatch: Sendable, Hashable {
    /// Whether it is there.
    case present(Bool)
    case exact(String)
    case prefix(String)
    case suffix(String)
    case contains(String)
    /// RE2, of the whole value.
    case regex(String)
    /// A whole number of this range.
    case range(Range<Int64>)
}

/// `HeaderMatcher`, on a header of the request.
public struct HeaderCondition: Sendable, Hashable {
    /// In lower case; a pseudo-header begins with a colon.
    public var name: String
    public var match: TextMatch
    public var ignoresCase = false
    /// `invert_match`.
    public var isInverted = false
    /// `treat_missing_header_as_empty`.
    public var missingIsEmpty = false
    public init(name: String, match: TextMatch) {
        self.name = name
        self.match = match
    }
}

/// `QueryParameterMatcher`.
public struct QueryCondition: Sendable, Hashable {
    public var name: String
    public var match: TextMatch
    public var ignoresCase = false
    public init(name: String, match: TextMatch) {
        self.name = name
        self.match = match
    }
}

/// `RegexMatchAndSubstitute`: every match of an expression is replaced.
public struct RegexRewrite: Sendable, Hashable {
    /// RE2.
    public var pattern: String
    /// `\\1` is what the first group matched.
    public var substitution: String
    public init(pattern: String, substitution: String) {
        self.pattern = pattern
        self.substitution = substitution
    }
}
