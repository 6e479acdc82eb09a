import ProxyConfig

/// A set of response flags, as bits by their raw values.
struct LogFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ flag: ResponseFlag) { rawValue = 1 << UInt64(flag.rawValue) }

    static let noHealthyUpstream = LogFlags(.noHealthyUpstream)
    static let upstreamTimeout = LogFlags(.upstreamRequestTimeout)
    static let upstreamReset = LogFlags(.upstreamRemoteReset)
    static let connectionFailure = LogFlags(.upstreamConnectionFailure)
    static let connectionTermination = LogFlags(.upstreamConnectionTermination)
    static let overflow = LogFlags(.upstreamOverflow)
    static let noRoute = LogFlags(.noRouteFound)
    static let downstreamTermination = LogFlags(.downstreamConnectionTermination)
    static let retryLimit = LogFlags(.upstreamRetryLimitExceeded)
    static let streamIdle = LogFlags(.streamIdleTimeout)
    static let downstreamProtocol = LogFlags(.downstreamProtocolError)
    static let upstreamProtocol = LogFlags(.upstreamProtocolError)
    static let noClusterFound = LogFlags(.noClusterFound)

    /// Of an upstream side that failed.
    init(_ failure: UpstreamFailure) {
        self =
            switch failure {
            case .connectFailure, .connectTimeout: .connectionFailure
            case .overflow: .overflow
            case .terminated: .connectionTermination
            case .protocolError: .upstreamProtocol
            }
    }

    /// Of one that this build does not know, from a newer one, nothing is written.
    static let known = LogFlags(rawValue: ResponseFlag.allCases.reduce(0) { $0 | 1 << UInt64($1.rawValue) })
}

/// The flags' names as bytes, by raw value.
struct LogFlagNames: BitwiseCopyable {
    let short: UnsafeMutablePointer<Bytes>
    let long: UnsafeMutablePointer<Bytes>
    let count: Int

    /// Made once, never freed.
    nonisolated(unsafe) static let shared = LogFlagNames()

    private init() {
        count = ResponseFlag.allCases.count
        short = .allocate(capacity: count)
        long = .allocate(capacity: count)
        for (i, flag) in ResponseFlag.allCases.enumerated() {
            (short + i).initialize(to: Bytes(keeping: flag.short))
            (long + i).initialize(to: Bytes(keeping: flag.long))
        }
    }
}
