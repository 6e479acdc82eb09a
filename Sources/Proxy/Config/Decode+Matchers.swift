/// What requests are chosen by.
extension Decoder {
    func headerConditions(_ value: Value?) -> [HeaderCondition] {
        value?.messages(.headerMatcher).compactMap { headerCondition($0) } ?? []
    }

    func headerCondition(_ message: Message) -> HeaderCondition? {
        guard let value = message.require("name"), let name = value.nonEmptyString() else { return nil }
        guard LogFormatParser.isHeaderName(name) else {
            value.error("\(quoted(name)) is not the name of a header")
            return nil
        }
        var condition = HeaderCondition(name: name.lowercased(), match: .present(true))
        if let match = message["string_match"] {
            guard let matcher = match.message(.stringMatcher), let found = textMatch(matcher, "") else { return nil }
            condition.match = found
            condition.ignoresCase = matcher["ignore_case"]?.bool() ?? false
        } else if message.has("present_match") || message.has("range_match") {
            guard let found = presence(message) ?? range(message) else { return nil }
            condition.match = found
        } else if let found = textMatch(message, "_match", isRequired: false) {
            condition.match = found
        } else if Self.oldMatches.contains(where: message.has) {
            return nil
        }
        condition.isInverted = message["invert_match"]?.bool() ?? false
        condition.missingIsEmpty = message["treat_missing_header_as_empty"]?.bool() ?? false
        return condition
    }

    private static let oldMatches = [
        "exact_match", "prefix_match", "suffix_match", "contains_match", "safe_regex_match",
    ]

    func queryConditions(_ value: Value?) -> [QueryCondition] {
        value?.messages(.queryMatcher).compactMap { message in
            guard let name = message.require("name")?.nonEmptyString() else { return nil }
            if name.utf8.count > 1024 { message["name"]?.error("longer than 1024 bytes") }
            var condition = QueryCondition(name: name, match: .present(true))
            if let match = message["string_match"] {
                guard let matcher = match.message(.stringMatcher), let found = textMatch(matcher, "") else {
                    return nil
                }
                condition.match = found
                condition.ignoresCase = matcher["ignore_case"]?.bool() ?? false
            } else if message.has("present_match") {
                guard let found = presence(message) else { return nil }
                condition.match = found
            }
            return condition
        } ?? []
    }

    private func presence(_ message: Message) -> TextMatch? { message["present_match"]?.bool().map { .present($0) } }

    private func range(_ message: Message) -> TextMatch? {
        guard let value = message["range_match"], let range = value.message(.int64Range) else { return nil }
        guard let start = range["start"].map({ $0.wholeNumber() }) ?? 0,
            let end = range["end"].map({ $0.wholeNumber() }) ?? 0
        else { return nil }
        // Envoy takes one that holds nothing; it is no range here.
        guard start <= end else {
            value.error("from \(start) to before \(end) is no range")
            return nil
        }
        return .range(start..<end)
    }

    /// The one of several ways to compare a text that was given.
    func textMatch(_ message: Message, _ suffix: String, isRequired: Bool = true) -> TextMatch? {
        if let value = message["exact" + suffix] { return value.string().map { .exact($0) } }
        if let value = message["prefix" + suffix] { return value.nonEmptyString().map { .prefix($0) } }
        if let value = message["suffix" + suffix] { return value.nonEmptyString().map { .suffix($0) } }
        if let value = message["contains" + suffix] { return value.nonEmptyString().map { .contains($0) } }
        if let value = message["safe_regex" + suffix] { return regex(value).map { .regex($0) } }
        if isRequired {
            _ = message.requireOne(of: ["exact", "prefix", "suffix", "contains", "safe_regex"], else: ["custom"])
        }
        return nil
    }

    /// `RegexMatcher`: an expression that RE2 takes.
    func regex(_ value: Value) -> String? {
        guard let regex = value.message(.regexMatcher)?.require("regex"), let text = regex.nonEmptyString() else {
            return nil
        }
        if let problem = checkRegex(text) {
            regex.error("bad regular expression \(quoted(text)): \(problem)")
            return nil
        }
        return text
    }

    /// `RegexMatchAndSubstitute`.
    func regexRewrite(_ value: Value) -> RegexRewrite? {
        guard let message = value.message(.regexRewrite),
            let pattern = message.require("pattern").flatMap({ regex($0) })
        else { return nil }
        let substitution = message["substitution"]
        guard let text = substitution.map({ $0.string() }) ?? "" else { return nil }
        if let problem = checkRegex(pattern, substitution: text) {
            (substitution ?? message.value).error("bad substitution \(quoted(text)): \(problem)")
            return nil
        }
        return RegexRewrite(pattern: pattern, substitution: text)
    }
}
