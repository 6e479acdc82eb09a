/// Retries.
extension MessageSchema {
    static let retryPolicy = MessageSchema(
        "envoy.config.route.v3.RetryPolicy",
        supported: """
            retry_on num_retries per_try_timeout per_try_idle_timeout retry_back_off retriable_status_codes retry_host_predicate \
            host_selection_retry_max_attempts retriable_headers retriable_request_headers \
            rate_limited_retry_back_off retry_priority
            """,
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

    static let omitCanaryHosts = MessageSchema(
        "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate")

    static let omitHostMetadata = MessageSchema(
        "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig", supported: "metadata_match")

    static let retryPriority = MessageSchema(
        "envoy.config.route.v3.RetryPolicy.RetryPriority", supported: "name typed_config", refused: "config",
        oneofs: ["typed_config config"])

    static let previousPriorities = MessageSchema(
        "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", supported: "update_frequency"
    )

    static let rateLimitedBackOff = MessageSchema(
        "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff", supported: "reset_headers max_interval")

    static let resetHeader = MessageSchema(
        "envoy.config.route.v3.RetryPolicy.ResetHeader", supported: "name format")
}
