/// `stats_config`.
public struct StatsConfig: Sendable {
    /// `StringMatcher`, of a stat's name.
    public struct Name: Sendable, Hashable {
        public var match: TextMatch
        public var ignoresCase = false
        public init(_ match: TextMatch) { self.match = match }
    }
    /// One of `stats_tags`.
    public enum Tag: Sendable, Hashable {
        case fixed(name: String, value: String)
        case expression(name: String, text: String)
        /// One that Envoy knows by its name.
        case usual(name: String)
    }
    /// `stats_matcher`.
    public enum Matcher: Sendable, Hashable {
        case all
        /// `reject_all`.
        case none
        case only([Name])
        case allBut([Name])
    }
    /// One of `histogram_bucket_settings`: of those that match the first counts.
    public struct Buckets: Sendable, Hashable {
        public var name: Name
        /// Ascending; empty: the default ones.
        public var bounds: [Double]
        public init(name: Name, bounds: [Double]) {
            self.name = name
            self.bounds = bounds
        }
    }

    /// Envoy's tags that are found without an expression: those of `TagRules` in `Stats`, which knows how.
    public static let usualTags = [
        "envoy.response_code", "envoy.response_code_class", "envoy.cluster_name", "envoy.http_conn_manager_prefix",
        "envoy.listener_address", "envoy.virtual_host", "envoy.worker_id", "envoy.tcp_prefix", "envoy.virtual_cluster",
        "envoy.route",
    ]

    public var tags: [Tag] = []
    /// `use_all_default_tags`.
    public var usesDefaultTags = true
    public var matcher = Matcher.all
    public var buckets: [Buckets] = []
    public init() {}
}
