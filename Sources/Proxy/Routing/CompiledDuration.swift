import ProxyConfig

/// `max_stream_duration` of a route, or of its connection manager. Plain data in the memory of the configuration.
struct CompiledDuration: BitwiseCopyable {
    /// 0: none.
    private let limitNs: UInt64
    /// `grpc_timeout_header_max`; nil: what a request says does not count.
    private let mostNs: UInt64?
    private let offsetNs: UInt64

    /// Nil: nothing is limited.
    init?(_ action: RouteAction, otherMs: UInt64) {
        var forward: Forward?
        if case .forward(let it) = action { forward = it }
        limitNs = (forward?.maxStreamDurationMs ?? otherMs) &* 1_000_000
        mostNs = forward?.grpcTimeoutMaxMs.map { $0 &* 1_000_000 }
        offsetNs = (forward?.grpcTimeoutOffsetMs ?? 0) &* 1_000_000
        if limitNs == 0, mostNs == nil { return nil }
    }

    /// How long a request may take, in nanoseconds; 0: any time.
    ///
    /// - Parameter said: its `grpc-timeout`; nil: it has none.
    func limit(_ said: Bytes?) -> UInt64 {
        guard let mostNs, let saidNs = said.flatMap({ Self.nanoseconds($0) }) else { return limitNs }
        let ns = mostNs > 0 ? min(saidNs, mostNs) : saidNs
        // A request that may take no time takes the shortest.
        return max(ns > offsetNs ? ns - offsetNs : 0, 1)
    }

    /// Up to eight digits and a unit (gRPC over HTTP/2, "Requests"), in whole milliseconds as Envoy rounds them.
    private static func nanoseconds(_ text: Bytes) -> UInt64? {
        guard text.count >= 2, text.count <= 9, let number = Bytes(text.start, text.count - 1).decimal else {
            return nil
        }
        let unit: UInt64
        switch text.start[text.count - 1] {
        case UInt8(ascii: "H"): unit = 3_600_000_000_000
        case UInt8(ascii: "M"): unit = 60_000_000_000
        case UInt8(ascii: "S"): unit = 1_000_000_000
        case UInt8(ascii: "m"): unit = 1_000_000
        case UInt8(ascii: "u"): unit = 1000
        case UInt8(ascii: "n"): unit = 1
        default: return nil
        }
        return (number &* unit &+ 999_999) / 1_000_000 &* 1_000_000
    }
}
