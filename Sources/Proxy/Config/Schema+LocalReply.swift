/// Answers that the proxy gives itself.
extension MessageSchema {
    private static let filters = "envoy.extensions.filters.network.http_connection_manager.v3."

    static let localReplyConfig = MessageSchema(filters + "LocalReplyConfig", supported: "mappers body_format")

    static let responseMapper = MessageSchema(
        filters + "ResponseMapper", supported: "filter status_code body body_format_override headers_to_add")

    static let replyFormat = MessageSchema(
        "envoy.config.core.v3.SubstitutionFormatString",
        supported: "text_format json_format text_format_source omit_empty_values content_type",
        unlessDefault: "formatters json_format_options",
        oneofs: ["text_format json_format text_format_source"])
}
