/// What a filter chain does with its connections: its last filter.
public enum NetworkFilter: Sendable {
    case httpConnectionManager(HTTPConnectionManager)
    case tcpProxy(TCPProxy)
    /// Sends back what comes.
    case echo
    /// Sends this text and closes.
    case directResponse([UInt8])

    public var accessLogs: [AccessLog] {
        switch self {
        case .httpConnectionManager(let http): http.accessLogs
        case .tcpProxy(let tcp): tcp.accessLogs
        case .echo, .directResponse: []
        }
    }

    public var logMoments: LogMoments {
        switch self {
        case .httpConnectionManager(let http): http.logMoments
        case .tcpProxy(let tcp): tcp.logMoments
        case .echo, .directResponse: LogMoments()
        }
    }

    public var localReplies: LocalReplyConfig? {
        if case .httpConnectionManager(let http) = self { http.localReplies } else { nil }
    }
}

/// The filter `connection_limit`, in front of the last one.
public struct ConnectionLimit: Sendable, Equatable {
    public var statPrefix: String
    /// From 1.
    public var maxConnections: UInt32
    /// How long one too many is kept before it is closed; 0: not at all.
    public var delayMs: UInt64
    public init(statPrefix: String, maxConnections: UInt32, delayMs: UInt64 = 0) {
        self.statPrefix = statPrefix
        self.maxConnections = maxConnections
        self.delayMs = delayMs
    }
}

/// The filter `local_ratelimit` of connections, in front of the last one.
public struct ConnectionRateLimit: Sendable, Equatable {
    public var statPrefix: String
    public var bucket: LocalRateLimit.Bucket
    /// `runtime_enabled`.
    public var enabled = RuntimeFlag(true)
    /// `share_key`: filters with the same one and the same bucket have one bucket; empty: it has its own.
    public var shareKey = ""
    /// It stands behind the filter chain's connection limit, if there is one.
    public var followsLimit = false
    public init(statPrefix: String, bucket: LocalRateLimit.Bucket) {
        self.statPrefix = statPrefix
        self.bucket = bucket
    }
}
