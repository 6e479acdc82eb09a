/// HTTP filters in front of the router, and what routes say of them.
extension MessageSchema {
    static let filterConfig = MessageSchema(
        "envoy.config.route.v3.FilterConfig", supported: "disabled config",
        unlessDefault: "is_optional")

    static let fault = MessageSchema(
        "envoy.extensions.filters.http.fault.v3.HTTPFault",
        supported: """
            delay abort upstream_cluster headers max_active_faults delay_percent_runtime abort_percent_runtime \
            delay_duration_runtime abort_http_status_runtime max_active_faults_runtime
            """,
        refused: "response_rate_limit",
        unlessDefault: """
            downstream_nodes response_rate_limit_percent_runtime abort_grpc_status_runtime filter_metadata
            """,
        fixed: ["disable_downstream_cluster_stats": ["true"]])

    static let faultDelay = MessageSchema(
        "envoy.extensions.filters.common.fault.v3.FaultDelay", supported: "fixed_delay header_delay percentage",
        refused: "type", hints: ["type": "a field of the v2 API"], oneofs: ["fixed_delay header_delay"])

    static let headerDelay = MessageSchema("envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay")

    static let faultAbort = MessageSchema(
        "envoy.extensions.filters.http.fault.v3.FaultAbort", supported: "http_status header_abort percentage",
        refused: "grpc_status", oneofs: ["http_status grpc_status header_abort"])

    static let headerAbort = MessageSchema("envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort")

    static let cors = MessageSchema("envoy.extensions.filters.http.cors.v3.Cors")

    static let corsPolicy = MessageSchema(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        supported: """
            allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials \
            filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights
            """)

    static let localRateLimit = MessageSchema(
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        supported: """
            stat_prefix status token_bucket filter_enabled filter_enforced response_headers_to_add \
            request_headers_to_add_when_not_enforced enable_x_ratelimit_headers \
            local_rate_limit_per_downstream_connection
            """,
        refused: "local_cluster_rate_limit",
        unlessDefault: "descriptors stage rate_limited_as_resource_exhausted rate_limits",
        fixed: ["always_consume_default_token_bucket": ["true"], "vh_rate_limits": ["OVERRIDE"]],
        ignored: "max_dynamic_descriptors")

    static let tokenBucket = MessageSchema(
        "envoy.type.v3.TokenBucket", supported: "max_tokens tokens_per_fill fill_interval")

    static let httpStatus = MessageSchema("envoy.type.v3.HttpStatus", supported: "code")

    static let headerMutationFilter = MessageSchema(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        supported: "mutations most_specific_header_mutations_wins")

    static let headerMutationOfRoute = MessageSchema(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        supported: "mutations")

    static let mutations = MessageSchema(
        "envoy.extensions.filters.http.header_mutation.v3.Mutations",
        supported: "request_mutations response_mutations",
        unlessDefault: "query_parameter_mutations request_trailers_mutations response_trailers_mutations")

    static let headerMutationRule = MessageSchema(
        "envoy.config.common.mutation_rules.v3.HeaderMutation", supported: "remove append",
        refused: "remove_on_match", oneofs: ["remove append remove_on_match"])

    static let buffer = MessageSchema(
        "envoy.extensions.filters.http.buffer.v3.Buffer", supported: "max_request_bytes")

    static let bufferOfRoute = MessageSchema(
        "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", supported: "disabled buffer",
        oneofs: ["disabled buffer"])

    static let healthCheckFilter = MessageSchema(
        "envoy.extensions.filters.http.health_check.v3.HealthCheck",
        supported: "pass_through_mode cache_time cluster_min_healthy_percentages headers")

    /// What may stand in front of the router.
    static let httpFilters = [fault, cors, localRateLimit, headerMutationFilter, buffer, healthCheckFilter]

    /// What a route may say of one of them.
    static let filterOverrides = [
        filterConfig, fault, corsPolicy, localRateLimit, headerMutationOfRoute, bufferOfRoute,
    ]
}
