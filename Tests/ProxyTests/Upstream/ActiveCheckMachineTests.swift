import ProxyConfig
import Testing

@testable import Proxy

/// What results of checks make of a host.
@Suite struct ActiveCheckMachineTests {
    private static let settings: HealthCheck = {
        var check = HealthCheck(
            method: .tcp(TCPHealthCheck()), timeoutMs: 100, intervalMs: 1000, unhealthyThreshold: 3,
            healthyThreshold: 2)
        check.noTrafficIntervalMs = 60_000
        check.noTrafficHealthyIntervalMs = 50_000
        check.unhealthyIntervalMs = 4000
        check.unhealthyEdgeIntervalMs = 300
        check.healthyEdgeIntervalMs = 200
        return check
    }()

    private static var healthy: ActiveCheckMachine {
        var machine = ActiveCheckMachine()
        _ = machine.succeeded(settings)
        return machine
    }

    @Test func theFirstResultDecidesAlone() {
        var good = ActiveCheckMachine()
        #expect(good.isFailed && good.isUnchecked)
        #expect(good.succeeded(Self.settings) == .turned)
        #expect(!good.isFailed && !good.isUnchecked)
        var bad = ActiveCheckMachine()
        #expect(bad.failed(.network, Self.settings) == .none)
        #expect(bad.isFailed && !bad.isUnchecked)
        // From then on the threshold counts.
        #expect(bad.succeeded(Self.settings) == .pending)
        #expect(bad.isFailed)
        #expect(bad.succeeded(Self.settings) == .turned)
        #expect(!bad.isFailed)
    }

    @Test(arguments: [ActiveCheckMachine.Failure.network, .timeout, .answer(retriable: true)])
    func failuresInARowTurnAHost(_ failure: ActiveCheckMachine.Failure) {
        var machine = Self.healthy
        #expect(machine.failed(failure, Self.settings) == .pending)
        #expect(machine.failed(failure, Self.settings) == .pending)
        // A success between them, and counting begins anew.
        #expect(machine.succeeded(Self.settings) == .none)
        #expect(machine.failed(failure, Self.settings) == .pending)
        #expect(machine.failed(failure, Self.settings) == .pending)
        #expect(!machine.isFailed)
        #expect(machine.failed(failure, Self.settings) == .turned)
        #expect(machine.isFailed)
        #expect(machine.hasTimedOut == (failure == .timeout))
        #expect(machine.failed(.network, Self.settings) == .none)
        #expect(!machine.hasTimedOut)
    }

    @Test(arguments: [ActiveCheckMachine.Failure.passive, .answer(retriable: false)])
    func aWrongAnswerTurnsAHostAtOnce(_ failure: ActiveCheckMachine.Failure) {
        var machine = Self.healthy
        #expect(machine.failed(failure, Self.settings) == .turned)
        #expect(machine.isFailed)
    }

    @Test func successesMustBeInARowToo() {
        var machine = Self.healthy
        _ = machine.failed(.passive, Self.settings)
        machine.isExcluded = true
        #expect(machine.succeeded(Self.settings) == .pending)
        #expect(machine.failed(.network, Self.settings) == .none)
        #expect(machine.succeeded(Self.settings) == .pending)
        #expect(machine.isExcluded)
        #expect(machine.succeeded(Self.settings) == .turned)
        #expect(!machine.isExcluded)
    }

    @Test func aThresholdOf0IsNeverReached() {
        var settings = Self.settings
        settings.unhealthyThreshold = 0
        var machine = Self.healthy
        for _ in 0..<10 { #expect(machine.failed(.network, settings) == .pending) }
        #expect(!machine.isFailed)
    }

    /// Counts that came from a process with larger thresholds are not overlooked.
    @Test func aCountBeyondTheThresholdTurnsToo() {
        var machine = Self.healthy
        machine.failures = 7
        #expect(machine.failed(.network, Self.settings) == .turned)
    }

    @Test(
        arguments: [
            (true, ActiveCheckMachine.Change.none, true, 1000), (true, .turned, true, 1000),
            (true, .pending, true, 200), (false, .none, true, 4000), (false, .turned, true, 4000),
            (false, .pending, true, 300), (true, .none, false, 50_000), (false, .pending, false, 60_000),
        ] as [(Bool, ActiveCheckMachine.Change, Bool, UInt64)])
    func intervals(passed: Bool, change: ActiveCheckMachine.Change, hasTraffic: Bool, expected: UInt64) {
        let wait = ActiveCheckMachine.interval(passed: passed, change, hasTraffic: hasTraffic, Self.settings) { 7 }
        #expect(wait == expected)
    }

    @Test func jitterMakesIntervalsLonger() {
        var settings = Self.settings
        settings.intervalJitterPercent = 10
        settings.intervalJitterMs = 20
        // 99 of 100, and 119 mod 20 of 20.
        let wait = ActiveCheckMachine.interval(passed: true, .none, hasTraffic: true, settings) { 199 }
        #expect(wait == 1000 + 99 + 19)
        settings.intervalMs = 0
        settings.intervalJitterMs = 0
        #expect(ActiveCheckMachine.interval(passed: true, .none, hasTraffic: true, settings) { 0 } == 1)
    }
}
