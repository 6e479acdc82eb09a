import CLinux
import ProxyConfig

/// The filters `local_ratelimit` of a filter chain: plain data that lives as long as the process. Touched when a connection
/// begins.
struct ChainRates: BitwiseCopyable {
    struct Rate: BitwiseCopyable {
        /// 1: it is on.
        let enabled: RuntimeNumber
        let rate: TokenRate
        /// Of all workers.
        let bucket: TokenBucket
        /// In `RateLimitTable.connectionPrefixes`.
        let stats: Int32
        /// Behind the filter chain's `connection_limit`.
        let followsLimit: Bool
    }
    let rates: UnsafeMutablePointer<Rate>
    let count: Int

    /// - Parameter chain: what the filter chain is called: in another process of this configuration the same.
    static func make(
        _ limits: [ConnectionRateLimit], chain: String, _ table: RateLimitTable, _ shares: RuntimeShares
    ) -> UnsafePointer<ChainRates>? {
        if limits.isEmpty { return nil }
        let rates = UnsafeMutablePointer<Rate>.kept(capacity: limits.count)
        for (position, limit) in limits.enumerated() {
            let rate = TokenRate(limit.bucket)
            let own = "\(chain)\nconnections\n\(position)"
            let (bucket, isNew) = table.bucket(name(limit, own), rate, isShared: true)
            if isNew { bucket.fill(rate, nowNs: cl_monotonic_ns()) }
            (rates + position).initialize(
                to: Rate(
                    enabled: shares.makeFlag(limit.enabled), rate: rate, bucket: bucket,
                    stats: table.connectionStats(limit.statPrefix), followsLimit: limit.followsLimit))
        }
        return keepForever(ChainRates(rates: rates, count: limits.count))
    }

    /// As in Envoy, filters with a key in common share a bucket if all of it is the same.
    private static func name(_ limit: ConnectionRateLimit, _ own: String) -> String {
        if limit.shareKey.isEmpty { return own }
        let bucket = limit.bucket
        return "connections\n\(bucket.maxTokens) \(bucket.tokensPerFill) \(bucket.fillIntervalMs)\n\(limit.shareKey)"
    }
}
