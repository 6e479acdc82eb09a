/// Configurations with HTTP filters.
enum FilterScene {
    static let extensions = "type.googleapis.com/envoy.extensions.filters.http"

    static func filter(_ name: String, _ type: String, _ fields: String = "") -> String {
        "{ name: \(name), typed_config: { \"@type\": \(extensions).\(type)\(fields.isEmpty ? "" : ", ")\(fields) } }"
    }

    static let always = "default_value: { numerator: 100 }"

    static func limit(_ prefix: String, most: Int, _ more: String = "") -> String {
        filter(
            "limit", "local_ratelimit.v3.LocalRateLimit",
            "stat_prefix: \(prefix), token_bucket: { max_tokens: \(most), fill_interval: 36000s }, "
                + "filter_enabled: { \(always) }, filter_enforced: { \(always) }\(more)")
    }

    static let faults = filter(
        "fault", "fault.v3.HTTPFault",
        "delay: { header_delay: {}, percentage: { numerator: 100 } }, "
            + "abort: { http_status: 503, percentage: { numerator: 0 } }")

    static func configuration(_ upstream: UInt16, _ filters: [String], log: String? = nil) -> Configuration {
        var configuration = Configuration(upstream)
        configuration.filters = filters
        if let log {
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            configuration.manager = [
                "access_log: [{ name: file, typed_config: { \"@type\": \(type), path: \"\(log)\", log_format: { "
                    + "text_format: \"%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\\n\" } } }]"
            ]
        }
        return configuration
    }
}
