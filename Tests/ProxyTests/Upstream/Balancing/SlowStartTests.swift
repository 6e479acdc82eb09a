import ProxyConfig
import Testing

@testable import Proxy

/// How much of its weight a host has that is there for a short time.
@Suite struct SlowStartTests {
    private static let second: UInt64 = 1_000_000_000

    private static func start(_ aggression: Double? = nil, minimum: Double = 10) -> CompiledSlowStart {
        var config = SlowStart(windowMs: 60_000)
        config.aggression = aggression.map { RuntimeDouble($0, key: "") }
        config.minimumPercent = minimum
        return CompiledSlowStart(config, RuntimeShares())
    }

    @Test(
        arguments: [
            (nil, 10, 30, 0.5), (nil, 10, 3, 0.1), (nil, 10, 60, 1), (nil, 10, 600, 1), (nil, 0, 6, 0.1),
            (2, 10, 15, 0.5), (0.5, 10, 30, 0.25), (-1, 10, 30, 0.5), (nil, 100, 1, 1),
        ] as [(Double?, Double, UInt64, Double)])
    func weightsGrow(aggression: Double?, minimum: Double, seconds: UInt64, expected: Double) {
        let part = Self.start(aggression, minimum: minimum).part(
            5 * Self.second, nowNs: (5 + seconds) * Self.second)
        #expect(abs(part - expected) < 1e-9)
    }

    @Test func whatIsNotKnownHasAll() {
        let start = Self.start(minimum: 0)
        #expect(start.part(0, nowNs: Self.second) == 1 && !start.isStarting(0, nowNs: Self.second))
        // Never nothing, and a clock that is behind is no harm.
        #expect(start.part(9 * Self.second, nowNs: 8 * Self.second) == 1.0 / 60_000)
        #expect(CompiledSlowStart().part(1, nowNs: Self.second) == 1)
    }
}
