/// `stats_sinks`.
extension MessageSchema {
    static let statsSink = MessageSchema(
        "envoy.config.metrics.v3.StatsSink", supported: "name typed_config", refused: "config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"])

    static let statsdSink = MessageSchema(
        "envoy.config.metrics.v3.StatsdSink", supported: "address tcp_cluster_name prefix",
        oneofs: ["address tcp_cluster_name"])

    static let dogStatsdSink = MessageSchema(
        "envoy.config.metrics.v3.DogStatsdSink",
        supported: "address prefix max_bytes_per_datagram", oneofs: ["address"])
}
