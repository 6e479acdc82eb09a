/// Which host of a cluster a request goes to.
public enum LoadBalancing: Sendable, Hashable {
    /// One after the other, by weight.
    case roundRobin
    case leastRequest(LeastRequest)
    /// Any, whatever the weights.
    case random
    case ringHash(RingHash)
    /// `maglev_lb_config.table_size`; a prime number.
    case maglev(tableSize: UInt32)
    /// CLUSTER_PROVIDED, of a cluster of type ORIGINAL_DST.
    case originalDst(OriginalDst)

    /// Whether a request's hash chooses its host.
    public var isHashed: Bool {
        switch self {
        case .ringHash, .maglev: true
        case .roundRobin, .leastRequest, .random, .originalDst: false
        }
    }
}

/// `original_dst_lb_config`: a request's host is where its client wanted to go.
public struct OriginalDst: Sendable, Hashable {
    /// The header that names the host, in lower case; nil: none does.
    public var header: String?
    /// `upstream_port_override`; nil: the port of the address.
    public var port: UInt16?
    /// `cleanup_interval`; Envoy's default 5 s. Hosts that nobody has chosen for so long, and that have no connection, go.
    public var cleanupMs: UInt64 = 5000
    public init() {}
}

/// `least_request_lb_config`.
public struct LeastRequest: Sendable, Hashable {
    /// `choice_count`: of so many hosts, chosen at random, the one with the fewest requests.
    public var choices: UInt32 = 2
    /// `active_request_bias`: how much requests count against a weight; nil: 1, and only where weights differ.
    public var bias: RuntimeDouble?
    public init() {}
}

/// `slow_start_config`: how a host's weight grows after it has joined, or has become healthy.
public struct SlowStart: Sendable, Hashable {
    /// `slow_start_window`: after this it has all of its weight. More than 0.
    public var windowMs: UInt64
    /// `aggression`: more than 1: it grows faster in the beginning; nil: 1, evenly.
    public var aggression: RuntimeDouble?
    /// `min_weight_percent`: what it has of its weight at least.
    public var minimumPercent = 10.0
    public init(windowMs: UInt64) { self.windowMs = windowMs }
}

/// `ring_hash_lb_config`.
public struct RingHash: Sendable, Hashable {
    public enum Function: Sendable, Hashable { case xxHash, murmurHash2 }
    /// `minimum_ring_size`, `maximum_ring_size`; Envoy's defaults.
    public var minimumSize: UInt32 = 1024
    public var maximumSize: UInt32 = RingHash.largest
    /// `hash_function`.
    public var function = Function.xxHash
    public init() {}

    /// As large as a ring may be.
    public static let largest: UInt32 = 8_388_608
}

/// A number that a runtime key can change: `envoy.config.core.v3.RuntimeDouble`.
public struct RuntimeDouble: Sendable, Hashable {
    public var fallback: Double
    /// Empty: nothing changes it.
    public var key: String
    public init(_ fallback: Double, key: String) {
        self.fallback = fallback
        self.key = key
    }
}

/// One entry of a route's `hash_policy`.
public struct HashPolicy: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// A field of the request, in lower case, or `:path` and the like.
        case header(String)
        case cookie(HashCookie)
        /// `connection_properties.source_ip`.
        case sourceIP
        case queryParameter(String)
    }
    public var source: Source
    /// `terminal`: what comes behind it counts only where there is no hash yet.
    public var isTerminal = false
    public init(_ source: Source, isTerminal: Bool = false) {
        self.source = source
        self.isTerminal = isTerminal
    }
}

/// `hash_policy.cookie`.
public struct HashCookie: Sendable, Hashable {
    public var name: String
    /// `ttl` in whole seconds: who comes without the cookie is given one, 0: for its session. nil: it is not.
    public var ttlSeconds: UInt64?
    /// `path`; empty: none.
    public var path = ""
    /// `attributes`, as they are written behind the path: `SameSite=Strict`.
    public var attributes: [String] = []
    public init(name: String) { self.name = name }
}
