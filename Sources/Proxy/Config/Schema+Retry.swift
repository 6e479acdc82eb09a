/// Retries.
extension MessageSchema {
    static let retryPolicy = MessageSchema(
        "envoy.config.route.v3.RetryPolicy",
        supported: """
            retry_on num_retries per_try_timeout per_try_idle_timeout retry_back_off retriable_status_codes retry_host_predicate \
            host_selection_retry_max_attempts retriable_headers retriable_request_headers
            """,
        refused: "retry_priority rate_limited_retry_back_off",
        unlessDefault: "retry_options_predicates")

    static let retryBudget = MessageSchema(
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget",
        supported: "budget_percent min_retry_concurrency", fixed: ["budget_interval": ["0s"]])

    static let retryBackOff = MessageSchema(
        "envoy.config.route.v3.RetryPolicy.RetryBackOff", supported: "base_interval max_interval")

    static let retryHostPredicate = MessageSchema(
        "envoy.config.route.v3.RetryPolicy.RetryHostPredicate", supported: "name typed_config", refused: "config",
        oneofs: ["typed_config config"])

    static let previousHosts = MessageSchema(
        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")
}
