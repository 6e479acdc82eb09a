/// `retry_host_predicate`: hosts to which a request is not sent again, as long as others are found.
public struct AvoidedHosts: Sendable, Hashable {
    /// `previous_hosts`: those of the tries before.
    public var previous = false
    /// `omit_canary_hosts`: those whose `metadata` has `canary: true` under `envoy.lb`.
    public var canaries = false
    /// `omit_host_metadata`, one for each: those that have all of these (`HostLabels`); none is empty.
    public var labels: [[String]] = []
    public init() {}
    var isEmpty: Bool { self == AvoidedHosts() }
}

/// `rate_limited_retry_back_off`: hosts that say when they will take the request.
public struct RateLimitedBackOff: Sendable, Hashable {
    public enum Format: Sendable, Hashable {
        /// So many seconds from now on.
        case seconds
        /// Seconds since 1970.
        case unixTimestamp
    }
    public struct Header: Sendable, Hashable {
        /// In lower case.
        public var name: String
        public var format: Format
        public init(name: String, format: Format) {
            self.name = name
            self.format = format
        }
    }
    /// `reset_headers`: the first of them that says something counts.
    public var headers: [Header] = []
    /// `max_interval`: longer times do not count; Envoy's default 300 seconds.
    public var maxMs: UInt64 = 300_000
    public init() {}
}
