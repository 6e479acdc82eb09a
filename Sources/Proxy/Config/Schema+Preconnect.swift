/// Connections that are made ahead.
extension MessageSchema {
    static let preconnectPolicy = MessageSchema(
        "envoy.config.cluster.v3.Cluster.PreconnectPolicy",
        supported: "per_upstream_preconnect_ratio predictive_preconnect_ratio")
}
