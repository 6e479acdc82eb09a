import Testing

@testable import ProxyConfig

/// `stats_config` of the bootstrap.
@Suite struct StatsConfigTests {
    private static func text(_ config: String) -> String { Sample.bootstrap(rest: "stats_config: {\(config)}") }

    @Test func nothing() throws {
        let config = try load(Sample.bootstrap(rest: "")).bootstrap.statsConfig
        #expect(config.tags.isEmpty && config.usesDefaultTags && config.matcher == .all && config.buckets.isEmpty)
    }

    @Test func all() throws {
        let config = try load(
            Self.text(
                "use_all_default_tags: false, stats_tags: [{tag_name: a, fixed_value: b}, {tag_name: c, regex: '(d)'}, "
                    + "{tag_name: envoy.route}, {tag_name: envoy.cluster_name, fixed_value: ''}], "
                    + "histogram_bucket_settings: [{match: {prefix: x}, buckets: [5, 0.5, 1], bins: 100}, {match: {exact: z}}]"
            )
        ).bootstrap.statsConfig
        #expect(!config.usesDefaultTags)
        #expect(
            config.tags == [
                .fixed(name: "a", value: "b"), .expression(name: "c", text: "(d)"), .usual(name: "envoy.route"),
                .fixed(name: "envoy.cluster_name", value: ""),
            ])
        #expect(config.buckets.map(\.bounds) == [[0.5, 1, 5], []])
        #expect(config.buckets[0].name == StatsConfig.Name(.prefix("x")))
    }

    @Test func matchers() throws {
        func matcher(_ text: String) throws -> StatsConfig.Matcher {
            try load(Self.text("stats_matcher: {\(text)}")).bootstrap.statsConfig.matcher
        }
        #expect(try matcher("reject_all: true") == .none)
        #expect(try matcher("reject_all: false") == .all)
        var folded = StatsConfig.Name(.contains("x"))
        folded.ignoresCase = true
        #expect(
            try matcher("inclusion_list: {patterns: [{suffix: a}, {contains: x, ignore_case: true}]}")
                == .only([StatsConfig.Name(.suffix("a")), folded]))
        #expect(
            try matcher("exclusion_list: {patterns: [{safe_regex: {regex: 'a.*'}}]}")
                == .allBut([StatsConfig.Name(.regex("a.*"))]))
    }

    @Test(arguments: [
        ("stats_tags: [{fixed_value: x}]", "required field \"tag_name\" is missing"),
        ("stats_tags: [{tag_name: a}]", "\"a\" needs a regex or a fixed_value"),
        ("stats_tags: [{tag_name: a, regex: ''}]", "\"a\" needs a regex or a fixed_value"),
        ("stats_tags: [{tag_name: a, regex: '('}]", "bad regular expression"),
        ("stats_tags: [{tag_name: a, regex: 'a(?=b)'}]", "bad regular expression"),
        ("stats_tags: [{tag_name: 1a, fixed_value: x}]", "must begin with a letter or _"),
        ("stats_tags: [{tag_name: le, fixed_value: x}]", "the buckets of histograms"),
        ("stats_tags: [{tag_name: a, fixed_value: x, regex: '(b)'}]", "fixed_value"),
        ("stats_matcher: {}", "is required"),
        ("stats_matcher: {inclusion_list: {patterns: []}}", "must have at least one pattern"),
        ("stats_matcher: {inclusion_list: {}}", "required field \"patterns\" is missing"),
        ("histogram_bucket_settings: [{buckets: [1]}]", "required field \"match\" is missing"),
        ("histogram_bucket_settings: [{match: {prefix: a}, buckets: [0]}]", "must be greater than 0"),
        ("histogram_bucket_settings: [{match: {prefix: a}, buckets: [1, 1]}]", "is there twice"),
        ("histogram_bucket_settings: [{match: {prefix: a}, buckets: [x]}]", "expected a number"),
    ])
    func whatIsWrong(config: String, message: String) {
        let found = errors(Self.text(config))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
