/// Health checks, outlier detection and the panic threshold.
extension MessageSchema {
    static let healthCheck = MessageSchema(
        "envoy.config.core.v3.HealthCheck",
        supported: """
            timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold \
            healthy_threshold reuse_connection http_health_check tcp_health_check no_traffic_interval \
            no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval \
            always_log_health_check_failures always_log_health_check_success event_log_path event_logger
            """,
        refused: "alt_port grpc_health_check custom_health_check event_service tls_options",
        unlessDefault: "transport_socket_match_criteria",
        hints: [
            "alt_port": "use health_check_config.port_value of the endpoints",
            "event_service": "use event_logger with a file",
        ],
        oneofs: ["http_health_check tcp_health_check grpc_health_check custom_health_check"])

    static let healthEventSink = MessageSchema(
        "envoy.config.core.v3.TypedExtensionConfig", supported: "name typed_config")

    static let healthEventFile = MessageSchema(
        "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink", supported: "event_log_path")

    static let httpHealthCheck = MessageSchema(
        "envoy.config.core.v3.HealthCheck.HttpHealthCheck",
        supported: """
            host path method request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses
            """,
        refused: "send service_name_matcher",
        unlessDefault: "receive response_buffer_size",
        fixed: ["codec_client_type": ["HTTP1"]])

    static let tcpHealthCheck = MessageSchema(
        "envoy.config.core.v3.HealthCheck.TcpHealthCheck", supported: "send receive",
        refused: "proxy_protocol_config")

    static let healthCheckPayload = MessageSchema(
        "envoy.config.core.v3.HealthCheck.Payload", supported: "text binary", oneofs: ["text binary"])

    static let int64Range = MessageSchema("envoy.type.v3.Int64Range", supported: "start end")

    static let headerValueOption = MessageSchema(
        "envoy.config.core.v3.HeaderValueOption", supported: "header append append_action keep_empty_value")

    static let headerValue = MessageSchema(
        "envoy.config.core.v3.HeaderValue", supported: "key value", unlessDefault: "raw_value")

    static let outlierDetection = MessageSchema(
        "envoy.config.cluster.v3.OutlierDetection",
        supported: """
            consecutive_5xx interval base_ejection_time max_ejection_time max_ejection_time_jitter \
            max_ejection_percent enforcing_consecutive_5xx consecutive_gateway_failure \
            enforcing_consecutive_gateway_failure split_external_local_origin_errors \
            consecutive_local_origin_failure enforcing_consecutive_local_origin_failure \
            enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume \
            success_rate_stdev_factor enforcing_local_origin_success_rate failure_percentage_threshold \
            enforcing_failure_percentage enforcing_failure_percentage_local_origin \
            failure_percentage_minimum_hosts failure_percentage_request_volume \
            successful_active_health_check_uneject_host always_eject_one_host
            """,
        unlessDefault: "monitors detect_degraded_hosts")

    static let commonLBConfig = MessageSchema(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig",
        supported: """
            healthy_panic_threshold consistent_hashing_lb_config zone_aware_lb_config locality_weighted_lb_config
            """,
        refused: "override_host_status",
        unlessDefault: "ignore_new_hosts_until_first_hc close_connections_on_host_set_change",
        // Changes of health reach the workers at once.
        ignored: "update_merge_window", oneofs: ["zone_aware_lb_config locality_weighted_lb_config"])

    static let localityWeighted = MessageSchema(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig")

    /// Without a local cluster there is no routing by zones, so that only this field does something.
    static let zoneAware = MessageSchema(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig", supported: "fail_traffic_on_panic",
        refused: "routing_enabled min_cluster_size")

    static let percent = MessageSchema("envoy.type.v3.Percent", supported: "value")

    static let healthCheckConfig = MessageSchema(
        "envoy.config.endpoint.v3.Endpoint.HealthCheckConfig",
        supported: "port_value hostname disable_active_health_check", refused: "address")
}
