/// `stats_config`.
extension Decoder {
    func statsConfig(_ message: Message) -> StatsConfig {
        var result = StatsConfig()
        result.usesDefaultTags = message["use_all_default_tags"]?.bool() ?? true
        if let value = message["stats_tags"], value.list().count > Self.mostTags {
            value.error("more than \(Self.mostTags) tags")
        }
        for tag in message["stats_tags"]?.messages(.tagSpecifier) ?? [] {
            if let tag = statsTag(tag) { result.tags.append(tag) }
        }
        if let matcher = message["stats_matcher"]?.message(.statsMatcher) { result.matcher = statsMatcher(matcher) }
        for settings in message["histogram_bucket_settings"]?.messages(.histogramBucketSettings) ?? [] {
            if let buckets = statsBuckets(settings) { result.buckets.append(buckets) }
        }
        return result
    }

    /// Each is looked for in each name.
    private static let mostTags = 256

    private func statsTag(_ message: Message) -> StatsConfig.Tag? {
        guard let value = message.require("tag_name"), let name = value.nonEmptyString() else { return nil }
        guard let first = name.utf8.first, first >= UInt8(ascii: "A") else {
            value.error("\(quoted(name)) is not the name of a label: it must begin with a letter or _")
            return nil
        }
        if name == "le" || name == "quantile" {
            value.error("\(quoted(name)) is what Prometheus calls the buckets of histograms")
            return nil
        }
        if let fixed = message["fixed_value"] { return fixed.string().map { .fixed(name: name, value: $0) } }
        if let expression = message["regex"], let text = expression.string(), !text.isEmpty {
            if let problem = checkRegex(text) {
                expression.error("bad regular expression \(quoted(text)): \(problem)")
                return nil
            }
            return .expression(name: name, text: text)
        }
        if StatsConfig.usualTags.contains(name) { return .usual(name: name) }
        value.error(
            "\(quoted(name)) needs a regex or a fixed_value: this build finds by themselves only "
                + StatsConfig.usualTags.joined(separator: ", "))
        return nil
    }

    private func statsMatcher(_ message: Message) -> StatsConfig.Matcher {
        if let value = message["reject_all"] { return value.bool() == true ? .none : .all }
        if let value = message["exclusion_list"] { return .allBut(statNames(value)) }
        if let value = message["inclusion_list"] { return .only(statNames(value)) }
        _ = message.requireOne(of: ["reject_all", "exclusion_list", "inclusion_list"])
        return .all
    }

    private func statNames(_ value: Value) -> [StatsConfig.Name] {
        guard let patterns = value.message(.listStringMatcher)?.require("patterns") else { return [] }
        if patterns.list().isEmpty { patterns.error("must have at least one pattern") }
        return patterns.messages(.stringMatcher).compactMap { statName($0) }
    }

    private func statName(_ message: Message) -> StatsConfig.Name? {
        guard let match = textMatch(message, "") else { return nil }
        var name = StatsConfig.Name(match)
        name.ignoresCase = message["ignore_case"]?.bool() ?? false
        return name
    }

    private func statsBuckets(_ message: Message) -> StatsConfig.Buckets? {
        guard let match = message.require("match")?.message(.stringMatcher), let name = statName(match) else {
            return nil
        }
        var bounds: [Double] = []
        for item in message["buckets"]?.list() ?? [] {
            guard let bound = item.double() else { return nil }
            guard bound > 0, bound.isFinite else {
                item.error("must be greater than 0")
                return nil
            }
            guard !bounds.contains(bound) else {
                item.error("is there twice")
                return nil
            }
            bounds.append(bound)
        }
        return StatsConfig.Buckets(name: name, bounds: bounds.sorted())
    }
}
