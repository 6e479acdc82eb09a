/// Clusters and their endpoints.
extension MessageSchema {
    private static let useProtocolOptions =
        "deprecated by Envoy, use typed_extension_protocol_options with HttpProtocolOptions"

    static let cluster = MessageSchema(
        "envoy.config.cluster.v3.Cluster",
        supported: """
            name alt_stat_name type connect_timeout per_connection_buffer_limit_bytes load_assignment \
            circuit_breakers typed_extension_protocol_options dns_refresh_rate dns_failure_refresh_rate \
            respect_dns_ttl dns_lookup_family transport_socket health_checks outlier_detection common_lb_config \
            ignore_health_on_host_removal close_connections_on_host_health_failure lb_policy \
            least_request_lb_config ring_hash_lb_config maglev_lb_config upstream_connection_options \
            upstream_bind_config round_robin_lb_config eds_cluster_config original_dst_lb_config cleanup_interval \
            preconnect_policy
            """,
        refused: """
            transport_socket_matcher cluster_type max_requests_per_connection \
            upstream_http_protocol_options common_http_protocol_options http_protocol_options \
            http2_protocol_options dns_resolution_config typed_dns_resolver_config \
            load_balancing_policy lrs_server upstream_config tls_context \
            hosts
            """,
        unlessDefault: """
            transport_socket_matches dns_resolvers use_tcp_for_dns_lookups lb_subset_config \
            filters lrs_report_endpoint_metrics \
            track_timeout_budgets track_cluster_stats connection_pool_per_downstream_connection
            """,
        fixed: [
            "protocol_selection": ["USE_CONFIGURED_PROTOCOL"],
            "wait_for_warm_on_init": ["true"],
            "dns_jitter": ["0s"],
        ],
        ignored: "metadata",
        hints: [
            "max_requests_per_connection": useProtocolOptions,
            "upstream_http_protocol_options": useProtocolOptions,
            "common_http_protocol_options": useProtocolOptions,
            "http_protocol_options": useProtocolOptions,
            "hosts": "a field of the v2 API, replaced by load_assignment",
        ],
        oneofs: [
            "type cluster_type",
            """
            ring_hash_lb_config maglev_lb_config original_dst_lb_config least_request_lb_config \
            round_robin_lb_config
            """,
        ])

    static let originalDst = MessageSchema(
        "envoy.config.cluster.v3.Cluster.OriginalDstLbConfig",
        supported: "use_http_header http_header_name upstream_port_override", refused: "metadata_key",
        hints: ["metadata_key": "there is no dynamic metadata in this build"])

    static let refreshRate = MessageSchema(
        "envoy.config.cluster.v3.Cluster.RefreshRate", supported: "base_interval max_interval")

    static let circuitBreakers = MessageSchema(
        "envoy.config.cluster.v3.CircuitBreakers", supported: "thresholds", unlessDefault: "per_host_thresholds")

    static let thresholds = MessageSchema(
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
        supported: """
            priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining
            """,
        refused: "max_connection_pools")

    static let loadAssignment = MessageSchema(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        supported: "cluster_name endpoints policy", unlessDefault: "named_endpoints")

    static let loadPolicy = MessageSchema(
        "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy", supported: "overprovisioning_factor",
        unlessDefault: "drop_overloads weighted_priority_health",
        // Of endpoints that a management server gives.
        ignored: "endpoint_stale_after")

    static let localityEndpoints = MessageSchema(
        "envoy.config.endpoint.v3.LocalityLbEndpoints",
        supported: "lb_endpoints priority locality load_balancing_weight",
        refused: "load_balancer_endpoints leds_cluster_locality_config",
        ignored: "metadata proximity",
        oneofs: ["load_balancer_endpoints leds_cluster_locality_config"])

    static let lbEndpoint = MessageSchema(
        "envoy.config.endpoint.v3.LbEndpoint",
        supported: "endpoint load_balancing_weight health_status metadata", refused: "endpoint_name",
        oneofs: ["endpoint endpoint_name"])

    static let endpoint = MessageSchema(
        "envoy.config.endpoint.v3.Endpoint",
        supported: "address hostname health_check_config", unlessDefault: "additional_addresses")

    static let upstreamOptions = MessageSchema(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        supported: "common_http_protocol_options explicit_http_config",
        refused: "use_downstream_protocol_config auto_config header_validation_config",
        unlessDefault: """
            upstream_http_protocol_options http_filters outlier_detection request_mirror_policies hash_policy \
            retry_policy
            """,
        oneofs: ["explicit_http_config use_downstream_protocol_config auto_config"])

    static let explicitHTTPConfig = MessageSchema(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
        supported: "http_protocol_options", refused: "http2_protocol_options http3_protocol_options",
        oneofs: ["http_protocol_options http2_protocol_options http3_protocol_options"])

    /// `common_http_protocol_options` as the upstream reads it.
    static let upstreamHTTPOptions = MessageSchema(
        "envoy.config.core.v3.HttpProtocolOptions",
        supported: "idle_timeout max_requests_per_connection max_stream_duration",
        refused: "max_connection_duration max_headers_count max_response_headers_kb",
        ignored: "headers_with_underscores_action")

    static let upstreamHTTP1Options = MessageSchema(
        "envoy.config.core.v3.Http1ProtocolOptions",
        supported: "header_key_format",
        unlessDefault: """
            accept_http_10 default_host_for_http_10 enable_trailers allow_chunked_length \
            override_stream_error_on_invalid_http_message send_fully_qualified_url allow_custom_methods \
            ignore_http_11_upgrade
            """,
        ignored: "allow_absolute_url use_balsa_parser")
}
