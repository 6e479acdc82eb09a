/// Route configurations.
extension MessageSchema {
    static let routeConfiguration = MessageSchema(
        "envoy.config.route.v3.RouteConfiguration",
        supported: """
            name virtual_hosts max_direct_response_body_size_bytes request_headers_to_add request_headers_to_remove \
            response_headers_to_add response_headers_to_remove most_specific_header_mutations_wins \
            typed_per_filter_config validate_clusters request_mirror_policies
            """,
        refused: "vhds",
        unlessDefault: """
            internal_only_headers cluster_specifier_plugins \
            ignore_port_in_host_matching vhost_header ignore_path_parameters_in_path_matching
            """,
        ignored: "metadata")

    static let virtualHost = MessageSchema(
        "envoy.config.route.v3.VirtualHost",
        supported: """
            name domains routes retry_policy request_headers_to_add request_headers_to_remove response_headers_to_add \
            response_headers_to_remove typed_per_filter_config include_request_attempt_count \
            include_attempt_count_in_response require_tls request_mirror_policies per_request_buffer_limit_bytes \
            request_body_buffer_limit virtual_clusters
            """,
        refused: "matcher retry_policy_typed_config",
        unlessDefault: """
            rate_limits cors hedge_policy include_is_timeout_retry_header
            """,
        ignored: "metadata")

    static let route = MessageSchema(
        "envoy.config.route.v3.Route",
        supported: """
            name match route direct_response redirect request_headers_to_add request_headers_to_remove \
            response_headers_to_add response_headers_to_remove typed_per_filter_config \
            per_request_buffer_limit_bytes request_body_buffer_limit stat_prefix
            """,
        refused: "filter_action non_forwarding_action decorator tracing",
        ignored: "metadata",
        oneofs: ["route redirect direct_response filter_action non_forwarding_action"])

    static let virtualCluster = MessageSchema(
        "envoy.config.route.v3.VirtualCluster", supported: "name headers")

    static let routeMatch = MessageSchema(
        "envoy.config.route.v3.RouteMatch",
        supported: """
            prefix path path_separated_prefix safe_regex connect_matcher case_sensitive runtime_fraction headers \
            query_parameters
            """,
        refused: "path_match_policy grpc tls_context regex",
        unlessDefault: "dynamic_metadata filter_state",
        hints: ["regex": "a field of the v2 API"],
        oneofs: ["prefix path safe_regex connect_matcher path_separated_prefix path_match_policy"])

    static let routeAction = MessageSchema(
        "envoy.config.route.v3.RouteAction",
        supported: """
            cluster cluster_header weighted_clusters prefix_rewrite regex_rewrite host_rewrite_literal \
            host_rewrite_header host_rewrite_path_regex auto_host_rewrite append_x_forwarded_host timeout idle_timeout \
            upgrade_configs retry_policy cluster_not_found_response_code hash_policy priority \
            request_mirror_policies internal_redirect_policy internal_redirect_action max_internal_redirects \
            max_stream_duration
            """,
        refused: """
            cluster_specifier_plugin inline_cluster_specifier_plugin path_rewrite_policy path_rewrite host_rewrite \
            flush_timeout early_data_policy retry_policy_typed_config max_grpc_timeout grpc_timeout_offset
            """,
        unlessDefault: """
            metadata_match rate_limits cors hedge_policy
            """,
        ignored: "include_vh_rate_limits",
        hints: ["host_rewrite": "a field of the v2 API, replaced by host_rewrite_literal"],
        oneofs: [
            "cluster cluster_header weighted_clusters cluster_specifier_plugin inline_cluster_specifier_plugin",
            "host_rewrite_literal auto_host_rewrite host_rewrite_header host_rewrite_path_regex host_rewrite",
            "prefix_rewrite regex_rewrite path_rewrite_policy path_rewrite",
        ])

    static let maxStreamDuration = MessageSchema(
        "envoy.config.route.v3.RouteAction.MaxStreamDuration",
        supported: "max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset")

    static let routeUpgrade = MessageSchema(
        "envoy.config.route.v3.RouteAction.UpgradeConfig",
        supported: "upgrade_type enabled connect_config")

    static let connectConfig = MessageSchema(
        "envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig",
        unlessDefault: "proxy_protocol_config allow_post")

    static let connectMatcher = MessageSchema("envoy.config.route.v3.RouteMatch.ConnectMatcher")

    static let directResponse = MessageSchema(
        "envoy.config.route.v3.DirectResponseAction", supported: "status body", refused: "body_format")

    static let redirect = MessageSchema(
        "envoy.config.route.v3.RedirectAction",
        supported: """
            https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite \
            response_code strip_query
            """,
        oneofs: ["https_redirect scheme_redirect", "path_redirect prefix_rewrite regex_rewrite"])

    static let weightedCluster = MessageSchema(
        "envoy.config.route.v3.WeightedCluster", supported: "clusters total_weight runtime_key_prefix",
        refused: "header_name use_hash_policy", oneofs: ["header_name use_hash_policy"])

    static let clusterWeight = MessageSchema(
        "envoy.config.route.v3.WeightedCluster.ClusterWeight", supported: "name weight", refused: "cluster_header",
        unlessDefault: """
            metadata_match request_headers_to_add request_headers_to_remove response_headers_to_add \
            response_headers_to_remove typed_per_filter_config host_rewrite_literal
            """)
}
