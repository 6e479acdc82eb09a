import CLinux
import Glibc
import ProxyConfig

/// The filter `local_ratelimit` as workers see it.
struct CompiledRateLimit: BitwiseCopyable {
    let status: UInt16
    let enabled: RuntimeShare
    let enforced: RuntimeShare
    /// nil: every request has a token.
    let rate: TokenRate?
    /// Of all workers; see `isPerConnection`.
    let bucket: TokenBucket
    /// Each connection of a client has a bucket of its own.
    let isPerConnection: Bool
    let tellsLimits: Bool
    let responseHeaders: CompiledChanges?
    let unenforcedHeaders: CompiledChanges?
    /// In `RateLimitTable`.
    let stats: Int32

    /// - Parameter name: of its bucket: in another process of this configuration the same one.
    init(_ limit: LocalRateLimit, _ context: FilterContext, name: String) {
        status = limit.status
        enabled = context.shares.make(limit.enabled)
        enforced = context.shares.make(limit.enforced)
        rate = limit.bucket.map { TokenRate($0) }
        let (bucket, isNew) = context.limits.bucket(name, rate, isShared: !limit.isPerConnection)
        self.bucket = bucket
        isPerConnection = limit.isPerConnection
        tellsLimits = limit.tellsLimits
        var added = HeaderChanges()
        added.added = limit.responseHeaders
        responseHeaders = CompiledChanges([added], isRequest: false)
        added.added = limit.requestHeadersWhenNotEnforced
        unenforcedHeaders = CompiledChanges([added], isRequest: true)
        stats = context.limits.stats(limit.statPrefix)
        if isNew, let rate { bucket.fill(rate, nowNs: cl_monotonic_ns()) }
    }
}

/// How many tokens a bucket holds, and how fast they come.
struct TokenRate: BitwiseCopyable, Equatable {
    let most: UInt64
    let perSecond: Double

    init(_ bucket: LocalRateLimit.Bucket) {
        most = UInt64(bucket.maxTokens)
        perSecond = Double(bucket.tokensPerFill) * 1000 / Double(max(bucket.fillIntervalMs, 1))
    }

    /// From a record of another process; nil: there is no such rate.
    init?(most: UInt64, perSecond: Double) {
        guard most > 0, most <= UInt64(UInt32.max), perSecond.isFinite, perSecond > 0 else { return nil }
        self.most = most
        self.perSecond = perSecond
    }
}

/// A bucket of tokens as one word, as in Envoy: the time (CLOCK_MONOTONIC, seconds) at which it was empty, if it has filled since
/// without pause. It may be taken from by several workers at once.
struct TokenBucket: BitwiseCopyable, @unchecked Sendable {
    let word: UnsafeMutablePointer<UInt64>

    struct Outcome: BitwiseCopyable {
        var isTaken: Bool
        /// Whole tokens that are left.
        var remaining: UInt64
        /// Until the next one is there; 0: there is one.
        var resetSeconds: UInt64
    }

    func fill(_ rate: TokenRate, nowNs: UInt64) { cl_store_relaxed(word, Self.full(rate, nowNs: nowNs)) }

    static func full(_ rate: TokenRate, nowNs: UInt64) -> UInt64 {
        (Double(nowNs) / 1e9 - Double(rate.most) / rate.perSecond).bitPattern
    }

    /// Takes a token, if there is one.
    func take(_ rate: TokenRate, nowNs: UInt64) -> Outcome {
        let now = Double(nowNs) / 1e9
        while true {
            let old = cl_load_relaxed(word)
            let (tokens, new) = Self.take(rate, old, now: now)
            guard let new else { return Self.outcome(false, tokens, rate) }
            if cl_compare_exchange(word, old, new) { return Self.outcome(true, tokens - 1, rate) }
        }
    }

    private static func take(_ rate: TokenRate, _ word: UInt64, now: Double) -> (tokens: Double, new: UInt64?) {
        let tokens = min(Double(rate.most), max(0, (now - Double(bitPattern: word)) * rate.perSecond))
        if tokens < 1 { return (tokens, nil) }
        return (tokens, (now - (tokens - 1) / rate.perSecond).bitPattern)
    }

    private static func outcome(_ isTaken: Bool, _ tokens: Double, _ rate: TokenRate) -> Outcome {
        let reset = tokens >= 1 ? 0 : ((1 - tokens) / rate.perSecond).rounded(.up)
        return Outcome(isTaken: isTaken, remaining: UInt64(tokens), resetSeconds: UInt64(min(reset, 1e15)))
    }

    /// Whether a word of another process can be one.
    static func isSound(_ word: UInt64, nowNs: UInt64) -> Bool {
        let time = Double(bitPattern: word)
        return time.isFinite && time <= Double(nowNs) / 1e9 + 1
    }
}

/// All buckets of a configuration that outlive a process, by name, and the prefixes of their stats. Made by the main thread.
final class RateLimitTable: @unchecked Sendable {
    private(set) var statPrefixes: [String] = []
    private var statPositions: [String: Int32] = [:]
    private var shared: [(name: String, bucket: TokenBucket)] = []
    /// In `shared`, and what they were made for.
    private var known: [String: (position: Int, rate: TokenRate)] = [:]
    /// Of filters that limit connections.
    private(set) var connectionPrefixes: [String] = []
    private var connectionPositions: [String: Int32] = [:]

    /// A bucket that outlives its routes is the same for those that come after them, as long as its rate is.
    func bucket(_ name: String, _ rate: TokenRate?, isShared: Bool) -> (bucket: TokenBucket, isNew: Bool) {
        guard isShared, let rate else { return (TokenBucket(word: passingCell()), true) }
        if let known = known[name] {
            self.known[name]?.rate = rate
            return (shared[known.position].bucket, known.rate != rate)
        }
        let bucket = TokenBucket(word: sharedCell())
        known[name] = (shared.count, rate)
        shared.append((name, bucket))
        return (bucket, true)
    }

    /// Prefixes that workers have room for: routes that come later may have some of their own.
    private(set) var room = Int.max
    private(set) var connectionRoom = Int.max
    private static let spare = 64

    /// The configuration is compiled: what comes later must fit.
    ///
    /// - Parameter mayHaveMoreListeners: connections may be limited that are not now.
    func fixRoom(mayHaveMoreListeners: Bool) {
        room = statPrefixes.count + Self.spare
        connectionRoom = connectionPrefixes.count + (mayHaveMoreListeners ? Self.spare : 0)
    }

    /// Where there is no room for one more it counts with the last.
    func stats(_ prefix: String) -> Int32 {
        if let known = statPositions[prefix] { return known }
        if statPrefixes.count >= room { return Int32(room - 1) }
        let position = Int32(statPrefixes.count)
        statPositions[prefix] = position
        statPrefixes.append(prefix)
        return position
    }

    func connectionStats(_ prefix: String) -> Int32 {
        if let known = connectionPositions[prefix] { return known }
        if connectionPrefixes.count >= connectionRoom { return Int32(connectionRoom - 1) }
        let position = Int32(connectionPrefixes.count)
        connectionPositions[prefix] = position
        connectionPrefixes.append(prefix)
        return position
    }

    /// What is left in them, for another process.
    var levels: [RateLimitRecord] {
        shared.map { RateLimitRecord(name: $0.name, word: cl_load_relaxed($0.bucket.word)) }
    }

    /// Takes what another process has left; buckets that it does not know are full.
    func adopt(_ levels: [RateLimitRecord], nowNs: UInt64) {
        if shared.isEmpty || levels.isEmpty { return }
        let known = Dictionary(levels.map { ($0.name, $0.word) }) { first, _ in first }
        for entry in shared {
            if let word = known[entry.name], TokenBucket.isSound(word, nowNs: nowNs) {
                cl_store_relaxed(entry.bucket.word, word)
            }
        }
    }
}
