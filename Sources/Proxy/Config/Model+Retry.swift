/// `envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget`: how many retries of a cluster may be under way at
/// once, as a share of its requests.
public struct RetryBudget: Sendable, Hashable {
    /// `budget_percent`: of the requests that a host has or that wait for a connection; Envoy's default 20.
    public var percent: Double = 20
    /// `min_retry_concurrency`: so many always may; Envoy's default 3.
    public var minConcurrency: UInt32 = 3
    public init() {}
}

/// `envoy.config.route.v3.RetryPolicy`: which requests are sent again, to which host, and when.
public struct RetryPolicy: Sendable, Hashable {
    /// `retry_on`: what has to happen for a request to be sent again (Envoy's documentation of `x-envoy-retry-on`). The
    /// bits travel in a hand-over, so none is ever given a second meaning.
    public struct Conditions: OptionSet, Sendable, Hashable, BitwiseCopyable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// A response of 500 to 599, or none.
        public static let fiveXX = Conditions(rawValue: 1 << 0)
        /// 502, 503 or 504, or none.
        public static let gatewayError = Conditions(rawValue: 1 << 1)
        /// The host ends the connection, or takes too long for one try.
        public static let reset = Conditions(rawValue: 1 << 2)
        /// As `reset`, but only as long as nothing of the request was sent.
        public static let resetBeforeRequest = Conditions(rawValue: 1 << 3)
        /// The host cannot be connected.
        public static let connectFailure = Conditions(rawValue: 1 << 4)
        /// 409.
        public static let retriable4xx = Conditions(rawValue: 1 << 5)
        /// One of `retriable_status_codes`.
        public static let statusCodes = Conditions(rawValue: 1 << 6)
        /// `x-envoy-ratelimited` is in the response.
        public static let rateLimited = Conditions(rawValue: 1 << 7)
        /// One of `retriable_headers`.
        public static let headers = Conditions(rawValue: 1 << 8)
        /// All of them.
        public static let known = Conditions(rawValue: 1 << 9 - 1)
    }
    public var conditions: Conditions
    /// `num_retries`: times that it is sent again.
    public var retries: UInt32 = 1
    /// `per_try_timeout`; 0 = none but that of the route.
    public var perTryTimeoutMs: UInt64 = 0
    /// `per_try_idle_timeout`; 0 = none.
    public var perTryIdleTimeoutMs: UInt64 = 0
    /// `retry_back_off.base_interval`.
    public var baseMs: UInt64 = 25
    /// `retry_back_off.max_interval`.
    public var maxMs: UInt64 = 250
    /// `retriable_status_codes`.
    public var statusCodes: [UInt16] = []
    /// `host_selection_retry_max_attempts` with predicates: how often a host is looked for; 1 takes the first one.
    public var hostAttempts: UInt32 = 1
    /// `retry_host_predicate`.
    public var avoided = AvoidedHosts()
    /// `retry_priority` `previous_priorities`, `update_frequency`: after so many tries each time the priorities that they went to are
    /// excluded; 0: never.
    public var priorityFrequency: UInt32 = 0
    /// `rate_limited_retry_back_off`; nil: there is none.
    public var rateLimited: RateLimitedBackOff?
    /// `retriable_headers`: of responses.
    public var responseHeaders: [HeaderCondition] = []
    /// `retriable_request_headers`: only requests with one of these are sent again; empty: all.
    public var requestHeaders: [HeaderCondition] = []
    public init(conditions: Conditions) { self.conditions = conditions }
}
