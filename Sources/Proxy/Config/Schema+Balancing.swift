/// Load balancing: of clusters, and by what requests are told apart.
extension MessageSchema {
    static let leastRequestConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
        supported: "choice_count active_request_bias slow_start_config")

    static let roundRobinConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.RoundRobinLbConfig", supported: "slow_start_config")

    static let slowStartConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.SlowStartConfig", supported: "slow_start_window aggression min_weight_percent")

    static let runtimeDouble = MessageSchema(
        "envoy.config.core.v3.RuntimeDouble", supported: "default_value runtime_key")

    static let ringHashConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
        supported: "minimum_ring_size maximum_ring_size hash_function")

    static let maglevConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.MaglevLbConfig", supported: "table_size")

    static let consistentHashing = MessageSchema(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig",
        supported: "use_hostname_for_hashing", refused: "hash_balance_factor")

    /// Of an endpoint: only `envoy.lb` and its `hash_key` are looked at.
    static let endpointMetadata = MessageSchema(
        "envoy.config.core.v3.Metadata", supported: "filter_metadata", ignored: "typed_filter_metadata")

    static let hashPolicy = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy",
        supported: "header cookie connection_properties query_parameter terminal", refused: "filter_state",
        oneofs: ["header cookie connection_properties query_parameter filter_state"])

    static let hashHeader = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy.Header", supported: "header_name", refused: "regex_rewrite")

    static let hashCookie = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy.Cookie", supported: "name ttl path attributes")

    static let hashCookieAttribute = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute", supported: "name value")

    static let hashConnection = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties", supported: "source_ip")

    static let hashQuery = MessageSchema(
        "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter", supported: "name")

    /// `hash_policy` of a TCP proxy.
    static let connectionHash = MessageSchema(
        "envoy.type.v3.HashPolicy", supported: "source_ip", refused: "filter_state",
        oneofs: ["source_ip filter_state"])

    static let connectionHashSource = MessageSchema("envoy.type.v3.HashPolicy.SourceIp")
}
