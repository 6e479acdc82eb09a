/// `circuit_breakers.thresholds` of one priority. Envoy's defaults.
public struct ClusterLimits: Sendable {
    public var maxConnections: UInt32 = 1024
    public var maxPendingRequests: UInt32 = 1024
    public var maxRequests: UInt32 = 1024
    /// Requests that wait to be sent again, or have been and are not answered.
    public var maxRetries: UInt32 = 3
    /// `retry_budget`, which counts instead of `maxRetries`; nil: none.
    public var retryBudget: RetryBudget?
    /// `track_remaining`: what is left of each is shown.
    public var tracksRemaining = false
    public init() {}
}

/// `envoy.config.core.v3.RoutingPriority`.
public enum RequestPriority: Sendable, Hashable { case `default`, high }
