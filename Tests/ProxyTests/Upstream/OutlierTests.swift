import ProxyConfig
import Testing

@testable import Proxy

/// Who is taken out, and for how long.
@Suite struct OutlierTests {
    private static func settings(_ change: (inout OutlierDetection) -> Void = { _ in }) -> OutlierDetection {
        var settings = OutlierDetection()
        settings.baseEjectionTimeMs = 1000
        settings.maxEjectionTimeMs = 3000
        change(&settings)
        return settings
    }
    private static let second: UInt64 = 1_000_000_000

    @Test func anEjectionLastsTheBaseTime() {
        var host = OutlierHost()
        host.eject(Self.settings(), nowNs: 5 * Self.second, jitterMs: 0)
        #expect(host.isEjected)
        #expect(host.intervalPassed(Self.settings(), nowNs: 6 * Self.second - 1) == false)
        #expect(host.intervalPassed(Self.settings(), nowNs: 6 * Self.second) == true)
        #expect(!host.isEjected)
    }

    @Test func eachEjectionLastsLongerUpToTheMost() {
        var host = OutlierHost()
        let settings = Self.settings()
        for expected: UInt64 in [1, 2, 3, 3, 3] {
            host.eject(settings, nowNs: 0, jitterMs: 0)
            #expect(host.endNs(settings) == expected * Self.second)
            #expect(host.intervalPassed(settings, nowNs: host.endNs(settings)))
        }
        #expect(host.backoff == 4)
        // Each interval without one makes the next one shorter.
        for left: UInt64 in [3, 2, 1, 0, 0] {
            #expect(!host.intervalPassed(settings, nowNs: 99 * Self.second))
            #expect(host.backoff == left)
        }
    }

    @Test func jitterIsAddedToTheMost() {
        var host = OutlierHost()
        host.eject(Self.settings(), nowNs: 0, jitterMs: 700)
        #expect(host.endNs(Self.settings()) == 1_700_000_000)
    }

    @Test func timesDoNotOverflow() {
        let settings = Self.settings {
            $0.baseEjectionTimeMs = ProxyTime.longestMs
            $0.maxEjectionTimeMs = ProxyTime.longestMs
        }
        var host = OutlierHost()
        host.backoff = 1 << 60
        host.eject(settings, nowNs: Self.second, jitterMs: ProxyTime.longestMs)
        #expect(host.endNs(settings) > Self.second)
    }

    @Test(
        arguments: [
            (0, 3, 40, true), (1, 3, 40, false), (0, 3, 10, false), (0, 10, 10, true), (1, 10, 10, false),
            (9, 10, 100, true), (0, 0, 100, false),
        ] as [(Int, Int, UInt32, Bool)])
    func onlyAShareMayBeOut(ejected: Int, members: Int, percent: UInt32, expected: Bool) {
        let settings = Self.settings { $0.maxEjectionPercent = percent }
        #expect(OutlierRules.mayEject(settings, ejected: ejected, members: members) == expected)
    }

    @Test func oneMayAlwaysBeOutIfItIsSaid() {
        let settings = Self.settings {
            $0.maxEjectionPercent = 10
            $0.alwaysEjectsOne = true
        }
        #expect(OutlierRules.mayEject(settings, ejected: 0, members: 3))
        #expect(!OutlierRules.mayEject(settings, ejected: 1, members: 3))
    }

    private static func samples(_ rates: [UInt64], total: UInt64 = 100) -> [OutlierSample] {
        rates.enumerated().map { OutlierSample(host: $0.offset, total: total, successes: $0.element * total / 100) }
    }

    @Test func aRateFarBelowTheOthersStandsOut() {
        let settings = Self.settings()
        let rates: [UInt64] = [100, 100, 100, 100, 100, 50]
        #expect(OutlierRules.bySuccessRate(settings, members: 6, Self.samples(rates)) == [5])
        // All equally bad: nobody stands out.
        #expect(OutlierRules.bySuccessRate(settings, members: 6, Self.samples([50, 50, 50, 50, 50, 50])) == [])
        // Too few requests, too few hosts.
        #expect(OutlierRules.bySuccessRate(settings, members: 6, Self.samples(rates, total: 98)) == [])
        #expect(OutlierRules.bySuccessRate(settings, members: 4, Self.samples(rates)) == [])
        #expect(OutlierRules.bySuccessRate(settings, members: 6, Array(Self.samples(rates).prefix(4))) == [])
    }

    @Test func aShareOfFailuresStandsOut() {
        let settings = Self.settings { $0.failurePercentageThreshold = 60 }
        #expect(
            OutlierRules.byFailurePercentage(settings, members: 5, Self.samples([100, 41, 40, 39, 0])) == [2, 3, 4])
        #expect(OutlierRules.byFailurePercentage(settings, members: 5, Self.samples([0, 0, 0, 0, 0], total: 49)) == [])
    }

    @Test func hostsWithoutRequestsAreNoOutliers() {
        let settings = Self.settings {
            $0.successRateRequestVolume = 0
            $0.failurePercentageRequestVolume = 0
        }
        let samples = Self.samples([100, 100, 100, 100, 100]) + [OutlierSample(host: 5, total: 0, successes: 0)]
        #expect(OutlierRules.bySuccessRate(settings, members: 6, samples) == [])
        #expect(OutlierRules.byFailurePercentage(settings, members: 6, samples) == [])
    }

    @Test func workersCountInCellsOfTheirOwn() {
        let cells = HostCells(id: 42, workers: 3)
        for worker in 1...3 { cells.words[HostCells.stride * worker + HostCells.Total.answers] = UInt64(worker) }
        cells.setConsecutive(HostCells.Word.consecutive5xx, 4)
        #expect(cells.totals == [6, 0, 0, 0])
        #expect(cells.consecutive == [4, 0, 0])
        #expect(cells.id == 42)
        cells.resetConsecutive()
        #expect(cells.consecutive == [0, 0, 0])
    }
}

@Suite struct HealthyPanicTests {
    @Test(
        arguments: [
            (2, 4, 0, 50, false), (1, 4, 0, 50, true), (0, 4, 0, 50, true), (0, 4, 0, 0, false),
            // Excluded hosts do not count.
            (1, 4, 2, 50, false),
            // With 72 % healthy nothing is amiss, whatever the threshold.
            (8, 10, 0, 90, false), (7, 10, 0, 90, true), (10, 10, 0, 100, false),
            // All excluded.
            (0, 2, 2, 50, true), (0, 2, 2, 0, false),
        ] as [(Int, Int, Int, UInt32, Bool)])
    func whenAllHostsAreUsed(healthy: Int, members: Int, excluded: Int, threshold: UInt32, expected: Bool) {
        let found = HealthyPanic.isPanic(healthy: healthy, members: members, excluded: excluded, threshold: threshold)
        #expect(found == expected)
    }
}
