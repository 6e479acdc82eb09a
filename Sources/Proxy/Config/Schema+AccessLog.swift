/// Access loggers: what they write, and their filters.
extension MessageSchema {
    static let accessLogger = MessageSchema(
        "envoy.config.accesslog.v3.AccessLog",
        supported: "name typed_config filter", refused: "config",
        hints: ["config": "a field of the v2 API, replaced by typed_config"])

    static let fileLogger = MessageSchema(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        supported: "path format json_format typed_json_format log_format",
        oneofs: ["format json_format typed_json_format log_format"])

    static let stdoutLogger = MessageSchema(
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", supported: "log_format")

    static let stderrLogger = MessageSchema(
        "envoy.extensions.access_loggers.stream.v3.StderrAccessLog", supported: "log_format")

    static let substitutionFormat = MessageSchema(
        "envoy.config.core.v3.SubstitutionFormatString",
        supported: "text_format json_format text_format_source omit_empty_values",
        unlessDefault: "formatters json_format_options", ignored: "content_type",
        oneofs: ["text_format json_format text_format_source"])

    static let logFilter = MessageSchema(
        "envoy.config.accesslog.v3.AccessLogFilter",
        supported: """
            status_code_filter duration_filter not_health_check_filter and_filter or_filter header_filter \
            response_flag_filter runtime_filter log_type_filter
            """,
        refused: "traceable_filter grpc_status_filter extension_filter metadata_filter cel_filter",
        oneofs: [
            """
            status_code_filter duration_filter not_health_check_filter traceable_filter runtime_filter and_filter \
            or_filter header_filter response_flag_filter grpc_status_filter extension_filter metadata_filter \
            log_type_filter
            """
        ])

    static let statusCodeFilter = MessageSchema(
        "envoy.config.accesslog.v3.StatusCodeFilter", supported: "comparison")
    static let durationFilter = MessageSchema("envoy.config.accesslog.v3.DurationFilter", supported: "comparison")
    static let notHealthCheckFilter = MessageSchema("envoy.config.accesslog.v3.NotHealthCheckFilter")
    static let comparisonFilter = MessageSchema(
        "envoy.config.accesslog.v3.ComparisonFilter", supported: "op value")
    static let runtimeNumber = MessageSchema(
        "envoy.config.core.v3.RuntimeUInt32", supported: "default_value runtime_key")
    static let manyFilters = MessageSchema("envoy.config.accesslog.v3.AndFilter", supported: "filters")
    static let headerFilter = MessageSchema("envoy.config.accesslog.v3.HeaderFilter", supported: "header")
    static let logRuntimeFilter = MessageSchema(
        "envoy.config.accesslog.v3.RuntimeFilter", supported: "runtime_key percent_sampled use_independent_randomness")
    static let logTypeFilter = MessageSchema("envoy.config.accesslog.v3.LogTypeFilter", supported: "types exclude")

    static let requestLogOptions = MessageSchema(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.HcmAccessLogOptions",
        supported: """
            access_log_flush_interval flush_access_log_on_new_request flush_log_on_tunnel_successfully_established
            """)

    static let tunnelLogOptions = MessageSchema(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions",
        supported: "access_log_flush_interval flush_access_log_on_connected flush_access_log_on_start")

    static let responseFlagFilter = MessageSchema(
        "envoy.config.accesslog.v3.ResponseFlagFilter", supported: "flags")
}
