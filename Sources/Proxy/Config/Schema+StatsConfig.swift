/// `stats_config`.
extension MessageSchema {
    static let statsConfig = MessageSchema(
        "envoy.config.metrics.v3.StatsConfig",
        supported: "stats_tags use_all_default_tags stats_matcher histogram_bucket_settings")

    static let tagSpecifier = MessageSchema(
        "envoy.config.metrics.v3.TagSpecifier", supported: "tag_name regex fixed_value", oneofs: ["regex fixed_value"])

    static let statsMatcher = MessageSchema(
        "envoy.config.metrics.v3.StatsMatcher", supported: "reject_all exclusion_list inclusion_list",
        oneofs: ["reject_all exclusion_list inclusion_list"])

    static let listStringMatcher = MessageSchema("envoy.type.matcher.v3.ListStringMatcher", supported: "patterns")

    static let histogramBucketSettings = MessageSchema(
        "envoy.config.metrics.v3.HistogramBucketSettings", supported: "match buckets", ignored: "bins")
}
