/// Copies of requests.
extension MessageSchema {
    static let mirrorPolicy = MessageSchema(
        "envoy.config.route.v3.RouteAction.RequestMirrorPolicy",
        supported: """
            cluster cluster_header runtime_fraction disable_shadow_host_suffix_append request_headers_mutations \
            host_rewrite_literal
            """,
        refused: "runtime_key",
        // There is no tracing that it could concern.
        ignored: "trace_sampled",
        hints: ["runtime_key": "a field of the v2 API, replaced by runtime_fraction"],
        oneofs: ["cluster cluster_header"])
}
