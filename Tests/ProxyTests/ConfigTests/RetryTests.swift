import ProxyConfig
import Testing

/// `retry_policy` and what of it is refused.
@Suite struct RetryTests {
    private static func route(_ policy: String) -> String {
        Sample.route("{match: {prefix: /}, route: {cluster: c, retry_policy: {\(policy)}}}")
    }

    @Test func everyField() throws {
        let type = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
        let loaded = try load(
            Self.route(
                "retry_on: \"5xx, reset,refused-stream\", num_retries: 3, per_try_timeout: 0.25s, per_try_idle_timeout: 0.1s, "
                    + "retry_back_off: {base_interval: 0.1s, max_interval: 2s}, retriable_status_codes: [409, 503], "
                    + "retry_host_predicate: [{name: p, typed_config: {\"@type\": \(type)}}], "
                    + "host_selection_retry_max_attempts: 4"))
        let policy = try #require(loaded.forward?.retry)
        #expect(policy.conditions == [.fiveXX, .reset])
        #expect(policy.retries == 3 && policy.perTryTimeoutMs == 250 && policy.baseMs == 100 && policy.maxMs == 2000)
        #expect(policy.perTryIdleTimeoutMs == 100)
        #expect(policy.statusCodes == [409, 503] && policy.hostAttempts == 5)
        #expect(policy.avoided.previous && !policy.avoided.canaries && policy.avoided.labels.isEmpty)
    }

    private static let retry = "type.googleapis.com/envoy.extensions.retry"

    @Test func hostsAndPriorities() throws {
        let policy = try #require(
            try load(
                Self.route(
                    "retry_on: 5xx, host_selection_retry_max_attempts: 2, retry_host_predicate: ["
                        + "{name: a, typed_config: {\"@type\": \(Self.retry).host.omit_canary_hosts.v3.OmitCanaryHostsPredicate}}, "
                        + "{name: b, typed_config: {\"@type\": \(Self.retry).host.omit_host_metadata.v3.OmitHostMetadataConfig, "
                        + "metadata_match: {filter_metadata: {envoy.lb: {b: [1], a: {y: 1, x: z}}, other: {c: d}}}}}, "
                        + "{name: c, typed_config: {\"@type\": \(Self.retry).host.omit_host_metadata.v3.OmitHostMetadataConfig}}], "
                        + "retry_priority: {name: p, typed_config: {\"@type\": "
                        + "\(Self.retry).priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 2}}"
                )
            ).forward?.retry)
        #expect(policy.avoided.canaries && !policy.avoided.previous && policy.hostAttempts == 3)
        #expect(policy.avoided.labels == [["\"b\"\u{1}[1]", "\"a\"\u{1}{\"x\":\"z\",\"y\":1}"]])
        #expect(policy.priorityFrequency == 2)
    }

    @Test func timesThatHostsSay() throws {
        func policy(_ text: String) throws -> RateLimitedBackOff? {
            try load(Self.route("retry_on: 5xx, rate_limited_retry_back_off: {\(text)}")).forward?.retry?.rateLimited
        }
        let headers = "reset_headers: [{name: Retry-After}, {name: x-at, format: UNIX_TIMESTAMP}]"
        let plain = try #require(try policy(headers))
        #expect(plain.maxMs == 300_000 && plain.headers.map(\.name) == ["retry-after", "x-at"])
        #expect(plain.headers.map(\.format) == [.seconds, .unixTimestamp])
        #expect(try policy("\(headers), max_interval: 2s")?.maxMs == 2000)
    }

    @Test(arguments: [
        ("rate_limited_retry_back_off: {}", "rate_limited_retry_back_off: required field \"reset_headers\" is missing"),
        (
            "rate_limited_retry_back_off: {reset_headers: []}",
            "rate_limited_retry_back_off.reset_headers: must have at least one"
        ),
        (
            "rate_limited_retry_back_off: {reset_headers: [{name: \"a b\"}]}",
            "reset_headers[0].name: \"a b\" is not the name of a header"
        ),
        (
            "rate_limited_retry_back_off: {reset_headers: [{name: a}], max_interval: 0s}",
            "max_interval: must be greater than 0s"
        ),
        (
            "retry_priority: {name: p, typed_config: {\"@type\": "
                + "\(retry).priority.previous_priorities.v3.PreviousPrioritiesConfig}}",
            "required field \"update_frequency\" is missing"
        ),
        (
            "retry_priority: {name: p, typed_config: {\"@type\": "
                + "\(retry).priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 0}}",
            "update_frequency: 0 is out of range (1 to 2147483647)"
        ),
    ])
    func isNotUnderstood(policy: String, message: String) {
        let found = errors(Self.route("retry_on: 5xx, \(policy)"))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }

    @Test func headersThatAskForAnotherTry() throws {
        let policy = try #require(
            try load(
                Self.route(
                    "retry_on: retriable-headers, retriable_headers: [{name: X-A, present_match: true}, {name: x-b}], "
                        + "retriable_request_headers: [{name: \":method\", string_match: {exact: GET}}]"
                )
            ).forward?.retry)
        #expect(policy.conditions == .headers && policy.responseHeaders.map(\.name) == ["x-a", "x-b"])
        #expect(policy.requestHeaders.map(\.name) == [":method"])
    }

    @Test func defaults() throws {
        let policy = try #require(try load(Self.route("retry_on: gateway-error")).forward?.retry)
        #expect(policy.retries == 1 && policy.baseMs == 25 && policy.maxMs == 250 && policy.hostAttempts == 1)
        #expect(try load(Self.route("")).forward?.retry == nil)
        #expect(try load(Self.route("per_try_idle_timeout: 1s")).forward?.retry?.perTryIdleTimeoutMs == 1000)
        let longer = try load(Self.route("retry_on: reset, retry_back_off: {base_interval: 1s}")).forward?.retry
        #expect(longer?.maxMs == 10_000)
        #expect(try load("{}").bootstrap.clusters.isEmpty)
        let cluster = try load(Sample.cluster("circuit_breakers: {thresholds: [{max_retries: 9}]}")).bootstrap.clusters
        #expect(cluster.first?.limits.maxRetries == 9)
    }

    @Test func budgets() throws {
        func budget(_ text: String) throws -> RetryBudget? {
            try load(Sample.cluster("circuit_breakers: {thresholds: [{\(text)}]}")).bootstrap.clusters.first?
                .limits.retryBudget
        }
        #expect(try budget("max_retries: 9") == nil)
        let plain = try #require(try budget("retry_budget: {}"))
        #expect(plain.percent == 20 && plain.minConcurrency == 3)
        let given = try #require(
            try budget("retry_budget: {budget_percent: {value: 12.5}, min_retry_concurrency: 0, budget_interval: 0s}"))
        #expect(given.percent == 12.5 && given.minConcurrency == 0)
        // Of a message without its value, as Envoy reads it.
        #expect(try budget("retry_budget: {budget_percent: {}}")?.percent == 0)
    }

    @Test(arguments: [
        ("budget_percent: {value: 100.5}", "budget_percent.value: 100.5 is out of range (0 to 100)"),
        ("budget_interval: 10s", "budget_interval: "),
        ("min_retry_concurrency: -1", "min_retry_concurrency: -1 is out of range (0 to 4294967295)"),
    ])
    func budgetsThatAreRefused(text: String, message: String) {
        let found = errors(Sample.cluster("circuit_breakers: {thresholds: [{retry_budget: {\(text)}}]}"))
        #expect(found.count == 1 && found.first?.contains("thresholds[0].retry_budget.\(message)") == true, "\(found)")
    }

    /// A route has its own policy or its virtual host's.
    @Test func ofTheVirtualHost() throws {
        let loaded = try load(
            Sample.hosts(
                "{name: v, domains: [\"*\"], retry_policy: {retry_on: 5xx, num_retries: 8}, routes: ["
                    + "{match: {prefix: /a}, route: {cluster: c}}, "
                    + "{match: {prefix: /b}, route: {cluster: c, retry_policy: {retry_on: reset}}}, "
                    + "{match: {prefix: /c}, route: {cluster: c, retry_policy: {}}}]}"))
        let policies = loaded.http?.routes.virtualHosts.first?.routes.map { route -> UInt32? in
            if case .forward(let forward) = route.action { return forward.retry?.retries }
            return nil
        }
        #expect(policies == [8, 1, nil])
    }

    private static let place = "\(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].route.retry_policy"
    static let wrong: [(policy: String, message: String)] = [
        (
            "retry_on: \"5xx,resett\"",
            "67: \(place).retry_on: \"resett\" is no condition of Envoy's (did you mean \"reset\"?)"
        ),
        ("retry_on: unavailable", "67: \(place).retry_on: \"unavailable\" is not supported by this build"),
        ("retriable_status_codes: [99]", "82: \(place).retriable_status_codes[0]: 99 is out of range (100 to 599)"),
        ("retry_back_off: {}", "73: \(place).retry_back_off: required field \"base_interval\" is missing"),
        (
            "retry_back_off: {base_interval: 2s, max_interval: 1s}",
            "107: \(place).retry_back_off.max_interval: must not be less than the base_interval"
        ),
    ]

    @Test(arguments: wrong) func isRefused(policy: String, message: String) {
        #expect(errors(Self.route(policy)) == ["envoy.yaml:8:\(message)"])
    }
}
