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
    /// A host under test: an expectation cannot change a value.
    private final class Host {
        var outlier = OutlierHost()
        func comesBack(_ settings: OutlierDetection, _ nowNs: UInt64) -> Bool {
            outlier.intervalPassed(settings, nowNs: nowNs)
        }
    }
    private static let second: UInt64 = 1_000_000_000

    @Test func anEjectionLastsTheBaseTime() {
        let host = Host()
        host.outlier.eject(Self.settings(), nowNs: 5 * Self.second, jitterMs: 0)
        #expect(host.outlier.isEjected)
        #expect(host.comesBack(Self.settings(), 6 * Self.second - 1) == false)
        #expect(host.comesBack(Self.settings(), 6 * Self.second) == true)
        #expect(!host.outlier.isEjected)
    }

    @Test func eachEjectionLastsLongerUpToTheMost() {
        let host = Host()
        let settings = Self.settings()
        for expected: UInt64 in [1, 2, 3, 3, 3] {
            host.outlier.eject(settings, nowNs: 0, jitterMs: 0)
            #expect(host.outlier.endNs(settings) == expected * Self.second)
            #expect(host.comesBack(settings, host.outlier.endNs(settings)))
        }
        #expect(host.outlier.backoff == 4)
        // Each interval without one makes the next one shorter.
        for left: UInt64 in [3, 2, 1, 0, 0] {
            #expect(!host.comesBack(settings, 99 * Self.second))
            #expect(host.outlier.backoff == left)
        }
    }

    @Test func jitterIsAddedToTheMost() {
        let host = Host()
        host.outlier.eject(Self.settings(), nowNs: 0, jitterMs: 700)
        #expect(host.outlier.endNs(Self.settings()) == 1_700_000_000)
    }

    @Test func timesDoNotOverflow() {
        let settings = Self.settings {
            $0.baseEjectionTimeMs = ProxyTime.longestMs
            $0.maxEjectionTimeMs = ProxyTime.longestMs
        }
        let host = Host()
        host.outlier.backoff = 1 << 60
        host.outlier.eject(settings, nowNs: Self.second, jitterMs: ProxyTime.longestMs)
        #expect(host.outlier.endNs(settings) > Self.second)
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
