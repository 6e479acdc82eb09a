/// `retry_policy` of routes and virtual hosts.
extension Decoder {
    private static let conditions: [String: RetryPolicy.Conditions] = [
        "5xx": .fiveXX, "gateway-error": .gatewayError, "reset": .reset, "reset-before-request": .resetBeforeRequest,
        "connect-failure": .connectFailure, "retriable-4xx": .retriable4xx, "retriable-status-codes": .statusCodes,
        "envoy-ratelimited": .rateLimited, "retriable-headers": .headers,
        // Of HTTP/2 and HTTP/3: it never happens here.
        "refused-stream": [], "http3-post-connect-failure": [],
    ]
    private static let unsupported: Set<String> = [
        "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
    ]

    /// Nil: an error, or a policy that never retries.
    func retryPolicy(_ value: Value?) -> RetryPolicy? {
        guard let message = value?.message(.retryPolicy) else { return nil }
        var policy = RetryPolicy(conditions: [])
        if let value = message["retry_on"], let text = value.string() {
            for part in text.split(separator: ",") {
                let name = part.drop { $0 == " " }
                guard let condition = Self.conditions[String(name)] else {
                    let known = Self.unsupported.contains(String(name))
                    let why = known ? " is not supported by this build" : " is no condition of Envoy's"
                    let suggestion = known ? "" : Suggestion.text(for: String(name), among: Self.conditions.keys)
                    value.error("\(quoted(String(name)))\(why)\(suggestion)")
                    continue
                }
                policy.conditions.formUnion(condition)
            }
        }
        policy.retries = message["num_retries"]?.number() ?? 1
        policy.perTryTimeoutMs = message["per_try_timeout"]?.duration() ?? 0
        policy.perTryIdleTimeoutMs = message["per_try_idle_timeout"]?.duration() ?? 0
        if let backOff = message["retry_back_off"]?.message(.retryBackOff) { self.backOff(backOff, &policy) }
        for code in message["retriable_status_codes"]?.list() ?? [] {
            if let number = code.number(100...599) { policy.statusCodes.append(UInt16(number)) }
        }
        policy.responseHeaders = headerConditions(message["retriable_headers"])
        policy.requestHeaders = headerConditions(message["retriable_request_headers"])
        policy.avoided = avoidedHosts(message)
        policy.priorityFrequency = message["retry_priority"]?.message(.retryPriority).flatMap(priorityFrequency) ?? 0
        policy.rateLimited = message["rate_limited_retry_back_off"]?.message(.rateLimitedBackOff).flatMap {
            rateLimitedBackOff($0)
        }
        let attempts = message["host_selection_retry_max_attempts"]?.number(1...1000) ?? 1
        // Envoy looks once and then as often again.
        if !policy.avoided.isEmpty { policy.hostAttempts = attempts + 1 }
        let limitsTries = policy.perTryTimeoutMs > 0 || policy.perTryIdleTimeoutMs > 0
        return policy.conditions.isEmpty && !limitsTries ? nil : policy
    }

    /// `retry_budget` of a cluster's thresholds.
    func retryBudget(_ message: Message) -> RetryBudget {
        var budget = RetryBudget()
        if let percent = message["budget_percent"]?.message(.percent) {
            budget.percent = percent["value"].map { $0.exactPercent() ?? 0 } ?? 0
        }
        budget.minConcurrency = message["min_retry_concurrency"]?.number() ?? budget.minConcurrency
        return budget
    }

    private func backOff(_ message: Message, _ policy: inout RetryPolicy) {
        guard let base = message.require("base_interval")?.positiveDuration() else { return }
        // Envoy's smallest is a millisecond.
        policy.baseMs = max(base, 1)
        policy.maxMs = policy.baseMs &* 10
        if let value = message["max_interval"], let most = value.positiveDuration() {
            if most < base { value.error("must not be less than the base_interval") }
            policy.maxMs = max(most, policy.baseMs)
        }
    }
}
