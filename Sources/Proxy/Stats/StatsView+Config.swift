import ProxyConfig
import Stats

extension StatsView {
    /// What `stats_config` says.
    init(_ config: StatsConfig) {
        self.init()
        if !config.tags.isEmpty || !config.usesDefaultTags {
            let rules = config.tags.map { tag -> TagRules.Rule in
                switch tag {
                case .fixed(let name, let value): .fixed(name: name, value: value)
                case .expression(let name, let text): .expression(name: name, text: text)
                case .usual(let name): .usual(name: name)
                }
            }
            // Expressions were found sound when the configuration was read.
            tags = try? TagRules(rules, usesDefaults: config.usesDefaultTags)
        }
        switch config.matcher {
        case .all: break
        case .none: accepts = { _ in false }
        case .only(let names): accepts = Self.matches(names, true)
        case .allBut(let names): accepts = Self.matches(names, false)
        }
        if !config.buckets.isEmpty {
            let settings = config.buckets.map { (matcher: Self.matcher($0.name), bounds: $0.bounds) }
            nonisolated(unsafe) let all = settings
            bounds = { name in
                guard let found = all.first(where: { Self.holds($0.matcher, name) }), !found.bounds.isEmpty else {
                    return nil
                }
                return found.bounds
            }
        }
    }

    private static func matches(
        _ names: [StatsConfig.Name], _ wanted: Bool
    ) -> @Sendable (UnsafeBufferPointer<UInt8>) -> Bool {
        nonisolated(unsafe) let matchers = names.map(matcher)
        return { name in matchers.contains { holds($0, name) } == wanted }
    }

    private static func matcher(_ name: StatsConfig.Name) -> TextMatcher {
        TextMatcher(name.match, ignoresCase: name.ignoresCase)
    }

    private static func holds(_ matcher: TextMatcher, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        matcher.matches(name.baseAddress.map { Bytes($0, name.count) } ?? Bytes(""))
    }
}
