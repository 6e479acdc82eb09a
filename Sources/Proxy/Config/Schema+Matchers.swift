/// What requests are chosen by: in routes, and in filters of access logs.
extension MessageSchema {
    static let headerMatcher = MessageSchema(
        "envoy.config.route.v3.HeaderMatcher",
        supported: """
            name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match \
            string_match invert_match treat_missing_header_as_empty
            """,
        oneofs: [
            """
            exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match \
            string_match
            """
        ])

    static let queryMatcher = MessageSchema(
        "envoy.config.route.v3.QueryParameterMatcher", supported: "name string_match present_match",
        oneofs: ["string_match present_match"])

    static let stringMatcher = MessageSchema(
        "envoy.type.matcher.v3.StringMatcher",
        supported: "exact prefix suffix contains safe_regex ignore_case", refused: "custom",
        oneofs: ["exact prefix suffix contains safe_regex custom"])

    static let regexMatcher = MessageSchema(
        "envoy.type.matcher.v3.RegexMatcher", supported: "regex", ignored: "google_re2")

    static let regexRewrite = MessageSchema(
        "envoy.type.matcher.v3.RegexMatchAndSubstitute", supported: "pattern substitution")
}
