/// One of `http_filters` in front of the router.
public struct HTTPFilter: Sendable {
    /// By which routes name it; filters of a chain may share one.
    public var name: String
    /// `disabled`: only routes that turn it on have it.
    public var isDisabled: Bool
    public var config: HTTPFilterConfig
    public init(name: String, isDisabled: Bool = false, config: HTTPFilterConfig) {
        self.name = name
        self.isDisabled = isDisabled
        self.config = config
    }
}

public enum HTTPFilterConfig: Sendable {
    case fault(HTTPFault)
    /// Of the filter itself, which has nothing to say, and of routes.
    case cors(CORSPolicy)
    case localRateLimit(LocalRateLimit)
    case headerMutation(HeaderMutation)
    case buffer(maxRequestBytes: UInt32)
    case healthCheck(HealthCheckFilter)

    /// Envoy's word for the filter.
    public var kind: String {
        switch self {
        case .fault: "fault"
        case .cors: "cors"
        case .localRateLimit: "local_ratelimit"
        case .headerMutation: "header_mutation"
        case .buffer: "buffer"
        case .healthCheck: "health_check"
        }
    }
}

/// What a route, virtual host or route configuration says of a filter (`typed_per_filter_config`).
public struct FilterOverride: Sendable {
    public enum Action: Sendable {
        /// `FilterConfig` with `disabled`.
        case disable
        /// `FilterConfig` with an empty `config`.
        case enable
        case configure(HTTPFilterConfig)
    }
    /// The filter's name.
    public var name: String
    public var action: Action
    public var location: SourceLocation
    /// Of the field, for messages.
    public var path: String
    public init(name: String, action: Action, location: SourceLocation, path: String = "") {
        self.name = name
        self.action = action
        self.location = location
        self.path = path
    }
}

extension RouteConfiguration {
    /// All that it says of filters.
    var allOverrides: [FilterOverride] {
        overrides + virtualHosts.flatMap { $0.overrides + $0.routes.flatMap(\.overrides) }
    }
}

/// `envoy.filters.http.fault`.
public struct HTTPFault: Sendable {
    public struct Delay: Sendable, Equatable {
        /// nil: the header `x-envoy-fault-delay-request` says how long.
        public var fixedMs: UInt64?
        public var percentage = FractionalPercent(0)
        public init(fixedMs: UInt64?) { self.fixedMs = fixedMs }
    }
    public struct Abort: Sendable, Equatable {
        /// nil: the header `x-envoy-fault-abort-request` says it.
        public var status: UInt16?
        public var percentage = FractionalPercent(0)
        public init(status: UInt16?) { self.status = status }
    }
    public var delay: Delay?
    public var abort: Abort?
    /// Only requests to this cluster; empty: all.
    public var upstreamCluster = ""
    /// Only requests with these headers.
    public var headers: [HeaderCondition] = []
    /// Faults that are in force at once; nil: any number.
    public var maxActiveFaults: UInt32?
    public var keys = Keys()

    /// Runtime keys that change what stands here.
    public struct Keys: Sendable, Equatable {
        public var delayPercent = "fault.http.delay.fixed_delay_percent"
        public var delayMs = "fault.http.delay.fixed_duration_ms"
        public var abortPercent = "fault.http.abort.abort_percent"
        public var abortStatus = "fault.http.abort.http_status"
        public var maxActiveFaults = "fault.http.max_active_faults"
        public init() {}
        public var all: [String] { [delayPercent, delayMs, abortPercent, abortStatus, maxActiveFaults] }
    }
    public init() {}
}

/// `envoy.filters.http.cors`: what one level says; what it does not say the next one may.
public struct CORSPolicy: Sendable {
    public struct Origin: Sendable, Equatable {
        public var match: TextMatch
        public var ignoresCase = false
        public init(match: TextMatch) { self.match = match }
    }
    public var origins: [Origin] = []
    public var methods = ""
    public var headers = ""
    public var exposeHeaders = ""
    public var maxAge = ""
    public var allowsCredentials: Bool?
    public var allowsPrivateNetwork: Bool?
    public var forwardsOtherPreflights: Bool?
    /// `filter_enabled`; nil: on.
    public var enabled: RuntimeFraction?
    /// `shadow_enabled`; nil: off.
    public var shadowEnabled: RuntimeFraction?
    public init() {}
}

/// `envoy.filters.http.local_ratelimit`.
public struct LocalRateLimit: Sendable {
    /// `token_bucket`.
    public struct Bucket: Sendable, Equatable {
        public var maxTokens: UInt32
        public var tokensPerFill: UInt32
        public var fillIntervalMs: UInt64
        public init(maxTokens: UInt32, tokensPerFill: UInt32, fillIntervalMs: UInt64) {
            self.maxTokens = maxTokens
            self.tokensPerFill = tokensPerFill
            self.fillIntervalMs = fillIntervalMs
        }
    }
    public var statPrefix: String
    public var status: UInt16 = 429
    /// nil: no request is limited.
    public var bucket: Bucket?
    public var enabled = RuntimeFraction(FractionalPercent(0))
    public var enforced = RuntimeFraction(FractionalPercent(0))
    public var responseHeaders: [HeaderAddition] = []
    public var requestHeadersWhenNotEnforced: [HeaderAddition] = []
    /// `enable_x_ratelimit_headers: DRAFT_VERSION_03`.
    public var tellsLimits = false
    /// `local_rate_limit_per_downstream_connection`.
    public var isPerConnection = false
    public init(statPrefix: String) { self.statPrefix = statPrefix }
}

/// `envoy.filters.http.header_mutation`.
public struct HeaderMutation: Sendable {
    /// Each a level of its own, since a mutation sees what those before it have done.
    public var request: [HeaderChanges] = []
    public var response: [HeaderChanges] = []
    /// Of the filter, not of routes.
    public var mostSpecificWins = false
    public init() {}
}

/// `envoy.filters.http.health_check`.
public struct HealthCheckFilter: Sendable, Equatable {
    /// `pass_through_mode`: requests go on to an upstream, unless this process is to fail or an answer is kept.
    public var isPassThrough: Bool
    /// Which requests are checks.
    public var headers: [HeaderCondition] = []
    /// How long an upstream's answer counts; nil: not at all.
    public var cacheTimeMs: UInt64?
    /// `cluster_min_healthy_percentages`, by the cluster's name.
    public var minHealthy: [String: Double] = [:]
    public init(isPassThrough: Bool) { self.isPassThrough = isPassThrough }
}

extension HTTPConnectionManager {
    /// More headers than its filters can add to one request.
    public var addedHeaders: Int {
        let own = filters.map(\.config)
        let routed = routes.allOverrides.compactMap { override -> HTTPFilterConfig? in
            if case .configure(let config) = override.action { config } else { nil }
        }
        if own.isEmpty { return 0 }
        // Besides, a head of ours has what the proxy adds to a client's.
        return (own + routed).reduce(16) { count, config in
            switch config {
            case .headerMutation(let mutation): count + mutation.request.count
            case .localRateLimit(let limit): count + limit.requestHeadersWhenNotEnforced.count
            default: count
            }
        }
    }
}
