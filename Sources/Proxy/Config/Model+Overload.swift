/// `overload_manager`: what is done when the process runs short of something.
public struct OverloadManager: Sendable, Equatable {
    /// `refresh_interval`: how often is measured; Envoy's default 1 s.
    public var refreshIntervalMs: UInt64 = 1000
    /// `max_heap_size_bytes` of `envoy.resource_monitors.fixed_heap`, nil: it is not there.
    public var maxHeapBytes: UInt64?
    /// `max_active_downstream_connections` of `envoy.resource_monitors.global_downstream_max_connections`, nil: it is not
    /// there.
    public var maxConnections: UInt64?
    /// Each kind once at most.
    public var actions: [OverloadAction] = []
    public init() {}
}

/// What is done, and from which pressure on. Pressure is the share of `maxHeapBytes` that is in use: the other monitor acts by
/// itself.
public struct OverloadAction: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case stopAcceptingConnections = "stop_accepting_connections"
        case rejectIncomingConnections = "reject_incoming_connections"
        case stopAcceptingRequests = "stop_accepting_requests"
        case disableHTTPKeepalive = "disable_http_keepalive"
        case shrinkHeap = "shrink_heap"

        /// As the configuration and the stats have it.
        public var name: String { "envoy.overload_actions." + rawValue }
    }
    public enum Trigger: Sendable, Equatable {
        /// Nothing below, everything from there on.
        case threshold(Double)
        /// Nothing up to the first, everything from the second on, a growing share between.
        case scaled(from: Double, to: Double)
    }
    public var kind: Kind
    public var trigger: Trigger
    public init(_ kind: Kind, _ trigger: Trigger) {
        self.kind = kind
        self.trigger = trigger
    }
}
