/// `health_checks[0]`: how the hosts of a cluster are asked whether they are well. Times are milliseconds.
public struct HealthCheck: Sendable {
    /// How a host is asked.
    public enum Method: Sendable {
        case http(HTTPHealthCheck)
        case tcp(TCPHealthCheck)
    }
    public var method: Method
    /// `timeout`: an answer that takes longer is a failure.
    public var timeoutMs: UInt64
    /// `interval`: from the end of a check to the next one.
    public var intervalMs: UInt64
    /// `initial_jitter`: the first check of a host waits up to this long; 0: not at all.
    public var initialJitterMs: UInt64 = 0
    /// `interval_jitter`: each interval is longer by up to this.
    public var intervalJitterMs: UInt64 = 0
    /// `interval_jitter_percent`: each interval is longer by up to this part of itself.
    public var intervalJitterPercent: UInt32 = 0
    /// `unhealthy_threshold`, `healthy_threshold`: this many results in a row turn a host.
    public var unhealthyThreshold: UInt32
    public var healthyThreshold: UInt32
    /// `reuse_connection`.
    public var reusesConnection = true
    /// `no_traffic_interval`: while the cluster has never had a connection.
    public var noTrafficIntervalMs: UInt64 = 60_000
    /// `no_traffic_healthy_interval`; by default `noTrafficIntervalMs`.
    public var noTrafficHealthyIntervalMs: UInt64 = 60_000
    /// `unhealthy_interval`; by default `intervalMs`.
    public var unhealthyIntervalMs: UInt64
    /// `unhealthy_edge_interval`; by default `unhealthyIntervalMs`.
    public var unhealthyEdgeIntervalMs: UInt64
    /// `healthy_edge_interval`; by default `intervalMs`.
    public var healthyEdgeIntervalMs: UInt64
    /// `always_log_health_check_failures`.
    public var alwaysLogsFailures = false
    /// `always_log_health_check_success`.
    public var alwaysLogsSuccess = false
    /// `event_log_path` and `event_logger`: where each event is written.
    public var eventLogs: [HealthEventLog] = []

    public init(
        method: Method, timeoutMs: UInt64, intervalMs: UInt64, unhealthyThreshold: UInt32, healthyThreshold: UInt32
    ) {
        self.method = method
        self.timeoutMs = timeoutMs
        self.intervalMs = intervalMs
        self.unhealthyThreshold = unhealthyThreshold
        self.healthyThreshold = healthyThreshold
        unhealthyIntervalMs = intervalMs
        unhealthyEdgeIntervalMs = intervalMs
        healthyEdgeIntervalMs = intervalMs
    }
}

/// A file that events of health checks are written to, one JSON object a line.
public struct HealthEventLog: Sendable {
    public var file: String
    /// Where the configuration names it.
    public var location: SourceLocation
    public var path: String
}

/// `http_health_check`.
public struct HTTPHealthCheck: Sendable {
    /// `host`; empty: the cluster's name.
    public var host = ""
    /// `path`.
    public var path: String
    /// `method`: GET or HEAD.
    public var isHead = false
    /// `request_headers_to_add`, names in lower case.
    public var headers: [HealthCheckHeader] = []
    /// `request_headers_to_remove`, in lower case.
    public var removedHeaders: [String] = []
    /// `expected_statuses`; 200 by default.
    public var expectedStatuses: [Range<UInt32>] = [200..<201]
    /// `retriable_statuses`: a failure that counts towards the threshold instead of turning the host at once.
    public var retriableStatuses: [Range<UInt32>] = []
    public init(path: String) { self.path = path }
}

/// A field of `request_headers_to_add`.
public struct HealthCheckHeader: Sendable, Hashable {
    public var name: String
    public var value: String
    public var action: AppendAction
    public init(name: String, value: String, action: AppendAction) {
        self.name = name
        self.value = value
        self.action = action
    }
}

/// `tcp_health_check`.
public struct TCPHealthCheck: Sendable {
    /// `send`: what is sent once connected; empty: nothing.
    public var send: [UInt8] = []
    /// `receive`: blocks that must come in this order, with anything between them; empty: connecting is enough.
    public var receive: [[UInt8]] = []
    public init() {}
}

/// `outlier_detection`: hosts that answer badly are taken out for a while. Times are milliseconds, shares percent.
public struct OutlierDetection: Sendable {
    /// `consecutive_5xx` and the like; 0: never.
    public var consecutive5xx: UInt32 = 5
    public var consecutiveGatewayFailure: UInt32 = 5
    public var consecutiveLocalOriginFailure: UInt32 = 5
    /// `interval`: how often rates are looked at and ejected hosts come back.
    public var intervalMs: UInt64 = 10_000
    public var baseEjectionTimeMs: UInt64 = 30_000
    /// Never less than `baseEjectionTimeMs`.
    public var maxEjectionTimeMs: UInt64 = 300_000
    public var maxEjectionTimeJitterMs: UInt64 = 0
    public var maxEjectionPercent: UInt32 = 10
    /// `enforcing_…`: the chance with which what was detected has a consequence.
    public var enforcing5xx: UInt32 = 100
    public var enforcingGatewayFailure: UInt32 = 0
    public var enforcingLocalOriginFailure: UInt32 = 100
    public var enforcingSuccessRate: UInt32 = 100
    public var enforcingLocalOriginSuccessRate: UInt32 = 100
    public var enforcingFailurePercentage: UInt32 = 0
    public var enforcingLocalOriginFailurePercentage: UInt32 = 0
    public var successRateMinimumHosts: UInt32 = 5
    public var successRateRequestVolume: UInt32 = 100
    /// In thousandths.
    public var successRateStdevFactor: UInt32 = 1900
    public var failurePercentageThreshold: UInt32 = 85
    public var failurePercentageMinimumHosts: UInt32 = 5
    public var failurePercentageRequestVolume: UInt32 = 50
    /// `split_external_local_origin_errors`: connections that fail are counted apart from answers.
    public var splitsLocalOrigin = false
    /// `successful_active_health_check_uneject_host`.
    public var checkUnejects = true
    /// `always_eject_one_host`.
    public var alwaysEjectsOne = false
    public init() {}
}

/// `health_status` of an endpoint in the configuration.
public enum EndpointHealth: Sendable {
    case unknown, healthy
    case unhealthy, draining, timeout
    /// Used where there are too few healthy ones.
    case degraded

    /// Whether the host may be used as far as the configuration goes.
    public var isUsable: Bool { self == .unknown || self == .healthy || self == .degraded }
}
