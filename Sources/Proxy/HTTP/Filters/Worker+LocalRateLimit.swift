import CLinux
import ProxyConfig

/// The filter `local_ratelimit`.
extension Worker {
    func passesLimit(_ f: Filtered, _ limit: UnsafePointer<CompiledRateLimit>, _ index: Int) -> Bool {
        guard limit.pointee.enabled.contains(random()) else { return true }
        let stats = rateLimitStats[Int(limit.pointee.stats)]
        stats[.enabled].increment()
        guard let rate = limit.pointee.rate else {
            stats[.ok].increment()
            return true
        }
        let outcome = take(f.c, limit.pointee, rate)
        if limit.pointee.tellsLimits {
            filterNotes[index] = .limit(
                most: rate.most, remaining: outcome.remaining, resetSeconds: outcome.resetSeconds)
        }
        if outcome.isTaken {
            stats[.ok].increment()
            return true
        }
        stats[.rate_limited].increment()
        guard limit.pointee.enforced.contains(random()) else {
            return limit.pointee.unenforcedHeaders.map { changeFiltered(f, $0) } ?? true
        }
        stats[.enforced].increment()
        if let changes = limit.pointee.responseHeaders, !formatAnswerChanges(f, changes) { return false }
        // As in Envoy, which sets the flag when the answer is made.
        answer(
            f, status: limit.pointee.status, body: "local_rate_limited", .localRateLimited,
            lateFlags: LogFlags(.rateLimited))
        return false
    }

    private func take(_ c: ConnectionPointer, _ limit: CompiledRateLimit, _ rate: TokenRate) -> TokenBucket.Outcome {
        let now = state.pointee.nowNs
        guard limit.isPerConnection else { return limit.bucket.take(rate, nowNs: now) }
        if c.pointee.bucket < 0 {
            c.pointee.bucket = buckets.take()
            // Without room for one it has a token for each request.
            guard c.pointee.bucket >= 0 else {
                return TokenBucket.Outcome(isTaken: true, remaining: rate.most, resetSeconds: 0)
            }
            // As in Envoy the first limit that a connection meets is that of all its requests.
            buckets[c.pointee.bucket].pointee = ConnectionBucket(
                word: TokenBucket.full(rate, nowNs: now), rate: rate)
        }
        let own = buckets[c.pointee.bucket]
        var word = own.pointee.word
        defer { own.pointee.word = word }
        return withUnsafeMutablePointer(to: &word) { TokenBucket(word: $0).take(own.pointee.rate, nowNs: now) }
    }

    /// The connection is over, or has left.
    func dropBucket(_ c: ConnectionPointer) {
        if c.pointee.bucket >= 0 { buckets.give(c.pointee.bucket) }
        c.pointee.bucket = -1
    }
}

/// The tokens of one connection, in the worker's slab for such.
struct ConnectionBucket: BitwiseCopyable {
    /// `TokenBucket.word`.
    var word: UInt64 = 0
    var rate = TokenRate(LocalRateLimit.Bucket(maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000))
}
