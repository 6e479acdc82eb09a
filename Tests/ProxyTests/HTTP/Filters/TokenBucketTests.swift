import ProxyConfig
import Testing
import ThreadTesting

@testable import Proxy

/// Tokens come as time goes by, and each is taken once.
@Suite struct TokenBucketTests {
    private static let second: UInt64 = 1_000_000_000

    private static func rate(_ most: UInt32, _ perFill: UInt32, everyMs: UInt64) -> TokenRate {
        TokenRate(.init(maxTokens: most, tokensPerFill: perFill, fillIntervalMs: everyMs))
    }

    private static func withBucket(_ rate: TokenRate, nowNs: UInt64, _ body: (TokenBucket) -> Void) {
        var word: UInt64 = 0
        withUnsafeMutablePointer(to: &word) {
            let bucket = TokenBucket(word: $0)
            bucket.fill(rate, nowNs: nowNs)
            body(bucket)
        }
    }

    @Test func fullAtFirstAndFilledInTime() {
        let rate = Self.rate(2, 1, everyMs: 1000)
        let start = 1000 * Self.second
        Self.withBucket(rate, nowNs: start) { bucket in
            let first = bucket.take(rate, nowNs: start)
            #expect(first.isTaken && first.remaining == 1 && first.resetSeconds == 0)
            let second = bucket.take(rate, nowNs: start)
            #expect(second.isTaken && second.remaining == 0 && second.resetSeconds == 1)
            #expect(!bucket.take(rate, nowNs: start).isTaken)
            #expect(!bucket.take(rate, nowNs: start + Self.second / 2).isTaken)
            #expect(bucket.take(rate, nowNs: start + Self.second + 1000).isTaken)
            #expect(!bucket.take(rate, nowNs: start + Self.second + 2000).isTaken)
            // Never more than it holds.
            for i in 0..<3 { #expect(bucket.take(rate, nowNs: start + 100 * Self.second).isTaken == (i < 2)) }
        }
    }

    @Test func aClockThatIsBehindTakesNothing() {
        let rate = Self.rate(1, 1, everyMs: 1000)
        Self.withBucket(rate, nowNs: 10 * Self.second) { bucket in
            #expect(bucket.take(rate, nowNs: 10 * Self.second).isTaken)
            #expect(!bucket.take(rate, nowNs: 9 * Self.second).isTaken)
        }
    }

    @Test func severalThreadsTakeNoMoreThanThereAre() {
        let rate = Self.rate(10_000, 1, everyMs: 3_600_000)
        let table = RateLimitTable()
        let bucket = table.bucket("b", rate, isShared: true).bucket
        bucket.fill(rate, nowNs: 100 * Self.second)
        let taken = UnsafeMutablePointer<Int>.allocate(capacity: 4)
        taken.initialize(repeating: 0, count: 4)
        defer { taken.deallocate() }
        nonisolated(unsafe) let counts = taken
        let threads = (0..<4).map { i in
            Thread {
                for _ in 0..<5000 where bucket.take(rate, nowNs: 100 * Self.second).isTaken { counts[i] += 1 }
            }
        }
        for thread in threads { thread.join() }
        #expect((0..<4).reduce(0) { $0 + taken[$1] } == 10_000)
    }

    @Test func anotherProcessGoesOnWithWhatIsLeft() {
        let rate = Self.rate(2, 1, everyMs: 3_600_000)
        let now = 5000 * Self.second
        let (first, second) = (RateLimitTable(), RateLimitTable())
        let (old, new) = (
            first.bucket("a", rate, isShared: true).bucket, second.bucket("a", rate, isShared: true).bucket
        )
        let other = second.bucket("b", rate, isShared: true).bucket
        for bucket in [old, new, other] { bucket.fill(rate, nowNs: now) }
        #expect(old.take(rate, nowNs: now).isTaken)
        second.adopt(first.levels + [RateLimitRecord(name: "b", word: Double.infinity.bitPattern)], nowNs: now)
        #expect(new.take(rate, nowNs: now).isTaken && !new.take(rate, nowNs: now).isTaken)
        // What is no level is not taken over.
        #expect(other.take(rate, nowNs: now).isTaken && other.take(rate, nowNs: now).isTaken)
    }

    @Test func aRateOfAnotherProcessIsLookedAt() {
        #expect(TokenRate(most: 1, perSecond: 0.5) != nil)
        for (most, perSecond) in [(0, 1), (1, 0), (1, -1), (1, .nan), (1, .infinity), (UInt64.max, 1)]
            as [(UInt64, Double)]
        {
            #expect(TokenRate(most: most, perSecond: perSecond) == nil)
        }
    }
}
