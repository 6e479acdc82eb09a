import CLinux
import ProxyConfig

/// `rate_limited_retry_back_off`: headers of a response that say when the request may come again. Plain data that lives as long as
/// the configuration.
struct ResetHeaders: BitwiseCopyable {
    private struct Header: BitwiseCopyable {
        var name: Bytes
        var isTimestamp: Bool
    }
    private let headers: UnsafeMutablePointer<Header>
    private let count: Int
    private let maxSeconds: UInt64

    init(_ backOff: RateLimitedBackOff) {
        let all = backOff.headers.map {
            Header(name: Bytes(keeping: $0.name), isTimestamp: $0.format == .unixTimestamp)
        }
        count = all.count
        headers = .kept(capacity: max(count, 1))
        headers.initialize(from: all, count: count)
        maxSeconds = backOff.maxMs / 1000
    }

    /// Nanoseconds from now on; 0: no header says anything that counts.
    func wait(_ response: RoutedRequest) -> UInt64 { wait(response, nowSeconds: cl_realtime_ns() / 1_000_000_000) }

    /// - Parameter nowSeconds: since 1970.
    func wait(_ response: RoutedRequest, nowSeconds: UInt64) -> UInt64 {
        for i in 0..<count {
            guard let position = response.field(headers[i].name),
                var seconds = response.value(position).trimmed.decimal
            else { continue }
            if headers[i].isTimestamp {
                if seconds < nowSeconds { continue }
                seconds -= nowSeconds
            }
            // As in Envoy the first that does not exceed the limit counts, even one that says that there is nothing to wait for.
            if seconds <= maxSeconds { return seconds &* 1_000_000_000 }
        }
        return 0
    }
}

extension RetryState {
    /// Whether a response has a header that its request has named.
    func hasNamedHeader(_ response: RoutedRequest) -> Bool {
        if headerNames.isEmpty { return false }
        var found = false
        RetryWords.forEach(Bytes(headerNames.bytes, headerNames.count)) { name in
            // Each has a status.
            if name.isEqual(Bytes(":status")) || name.count > 0 && response.field(name) != nil { found = true }
        }
        return found
    }
}
