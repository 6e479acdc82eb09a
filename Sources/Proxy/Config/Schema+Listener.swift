/// Listeners and their filters.
extension MessageSchema {
    static let listener = MessageSchema(
        "envoy.config.listener.v3.Listener",
        supported: """
            name address stat_prefix filter_chains per_connection_buffer_limit_bytes enable_reuse_port \
            tcp_backlog_size listener_filters listener_filters_timeout continue_on_listener_filters_timeout \
            default_filter_chain bind_to_port use_original_dst access_log socket_options freebind transparent tcp_keepalive tcp_fast_open_queue_length
            """,
        refused: """
            fcds_config filter_chain_matcher deprecated_v1 \
            udp_listener_config api_listener connection_balance_config reuse_port \
            max_connections_to_accept_per_socket_event internal_listener
            """,
        unlessDefault: """
            additional_addresses enable_mptcp
            """,
        fixed: ["drain_type": ["DEFAULT"]],
        ignored: """
            metadata traffic_direction ignore_global_conn_limit bypass_overload_manager
            """,
        hints: [
            "reuse_port": "deprecated by Envoy, use enable_reuse_port",
            "deprecated_v1": "use bind_to_port",
        ])

    static let networkFilter = MessageSchema(
        "envoy.config.listener.v3.Filter",
        supported: "name typed_config", refused: "config_discovery config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"],
        oneofs: ["typed_config config_discovery"])

    static let tcpProxy = MessageSchema(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        supported: """
            stat_prefix cluster weighted_clusters idle_timeout max_connect_attempts \
            max_downstream_connection_duration access_log hash_policy access_log_options \
            access_log_flush_interval flush_access_log_on_connected
            """,
        refused: """
            on_demand downstream_idle_timeout upstream_idle_timeout backoff_options \
            tunneling_config max_downstream_connection_duration_jitter_percentage max_early_data_bytes
            """,
        unlessDefault: """
            metadata_match proxy_protocol_tlvs
            """,
        fixed: ["upstream_connect_mode": ["IMMEDIATE"]],
        oneofs: ["cluster weighted_clusters"])

    static let tunnelClusters = MessageSchema(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster", supported: "clusters")

    static let tunnelClusterWeight = MessageSchema(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
        supported: "name weight", unlessDefault: "metadata_match")

    static let httpConnectionManager = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        supported: """
            stat_prefix route_config http_filters common_http_protocol_options http_protocol_options server_name \
            server_header_transformation max_request_headers_kb stream_idle_timeout request_timeout \
            request_headers_timeout drain_timeout delayed_close_timeout use_remote_address xff_num_trusted_hops \
            skip_xff_append via generate_request_id preserve_external_request_id \
            always_set_request_id_in_response upgrade_configs access_log normalize_path merge_slashes \
            path_with_escaped_slashes_action strip_matching_host_port strip_any_host_port strip_trailing_host_dot \
            local_reply_config internal_address_config access_log_options access_log_flush_interval \
            flush_access_log_on_new_request rds add_user_agent append_x_forwarded_port \
            stream_error_on_invalid_http_message proxy_100_continue scheme_header_transformation
            """,
        refused: """
            scoped_routes tracing http2_protocol_options http3_protocol_options stream_flush_timeout \
            forward_client_cert_matcher typed_header_validation_config proxy_status_config idle_timeout
            """,
        unlessDefault: """
            http1_safe_max_connection_duration original_ip_detection_extensions \
            early_header_mutation_extensions set_current_client_cert_details \
            represent_ipv4_remote_address_as_ipv4_mapped_ipv6 \
            request_id_extension path_normalization_options \
            append_local_overload
            """,
        fixed: [
            "codec_type": ["AUTO", "HTTP1"],
            "forward_client_cert_details": ["SANITIZE"],
            "add_proxy_protocol_connection_state": ["true"],
        ],
        hints: [
            "scoped_routes": "give the routes in route_config or rds",
            "idle_timeout": "a field of the v2 API, replaced by common_http_protocol_options.idle_timeout",
        ],
        oneofs: ["route_config rds scoped_routes"])

    static let internalAddresses = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig",
        supported: "unix_sockets cidr_ranges")

    static let httpUpgrade = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
        supported: "upgrade_type enabled", unlessDefault: "filters")

    static let httpFilter = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
        supported: "name typed_config is_optional disabled", refused: "config_discovery config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"],
        oneofs: ["typed_config config_discovery"])

    static let router = MessageSchema(
        "envoy.extensions.filters.http.router.v3.Router",
        supported: "suppress_envoy_headers respect_expected_rq_timeout",
        unlessDefault: """
            start_child_span upstream_log upstream_log_options strict_check_headers \
            suppress_grpc_request_failure_code_stats upstream_http_filters
            """,
        fixed: ["dynamic_stats": ["true"]])

    static let headerKeyFormat = MessageSchema(
        "envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat",
        supported: "proper_case_words stateful_formatter", oneofs: ["proper_case_words stateful_formatter"])

    static let properCaseWords = MessageSchema(
        "envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords")

    /// The extension of a `stateful_formatter`.
    static let headerFormatter = MessageSchema(
        "envoy.config.core.v3.TypedExtensionConfig", supported: "name typed_config")

    static let preserveCase = MessageSchema(
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
        supported: "forward_reason_phrase formatter_type_on_envoy_headers")

    static let schemeTransformation = MessageSchema(
        "envoy.config.core.v3.SchemeHeaderTransformation", supported: "scheme_to_overwrite match_upstream")

    /// `common_http_protocol_options` as the connection manager reads it.
    static let downstreamHTTPOptions = MessageSchema(
        "envoy.config.core.v3.HttpProtocolOptions",
        supported: """
            idle_timeout max_connection_duration max_headers_count max_requests_per_connection \
            headers_with_underscores_action max_stream_duration
            """,
        refused: "max_response_headers_kb")

    static let downstreamHTTP1Options = MessageSchema(
        "envoy.config.core.v3.Http1ProtocolOptions",
        supported: """
            accept_http_10 default_host_for_http_10 enable_trailers allow_absolute_url header_key_format \
            override_stream_error_on_invalid_http_message
            """,
        unlessDefault: """
            allow_chunked_length send_fully_qualified_url \
            allow_custom_methods ignore_http_11_upgrade
            """,
        ignored: "use_balsa_parser")
}
