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

    /// A machine under test: an expectation cannot change a value.
    private final class Host {
        var machine = ActiveCheckMachine()
        func passes() -> ActiveCheckMachine.Change { machine.succeeded(settings) }
        func fails(_ failure: ActiveCheckMachine.Failure, _ other: HealthCheck? = nil) -> ActiveCheckMachine.Change {
            machine.failed(failure, other ?? settings)
        }
    }

    private static var healthy: Host {
        let host = Host()
        _ = host.passes()
        return host
    }

    @Test func theFirstResultDecidesAlone() {
        let good = Host()
        #expect(good.machine.isFailed && good.machine.isUnchecked)
        #expect(good.passes() == .turned)
        #expect(!good.machine.isFailed && !good.machine.isUnchecked)
        let bad = Host()
        #expect(bad.fails(.network) == .none)
        #expect(bad.machine.isFailed && !bad.machine.isUnchecked)
        // From then on the threshold counts.
        #expect(bad.passes() == .pending)
        #expect(bad.machine.isFailed)
        #expect(bad.passes() == .turned)
        #expect(!bad.machine.isFailed)
    }

    @Test(arguments: [ActiveCheckMachine.Failure.network, .timeout, .answer(retriable: true)])
    func failuresInARowTurnAHost(_ failure: ActiveCheckMachine.Failure) {
        let host = Self.healthy
        #expect(host.fails(failure) == .pending)
        #expect(host.fails(failure) == .pending)
        // A success between them, and counting begins anew.
        #expect(host.passes() == .none)
        #expect(host.fails(failure) == .pending)
        #expect(host.fails(failure) == .pending)
        #expect(!host.machine.isFailed)
        #expect(host.fails(failure) == .turned)
        #expect(host.machine.isFailed)
        #expect(host.machine.hasTimedOut == (failure == .timeout))
        #expect(host.fails(.network) == .none)
        #expect(!host.machine.hasTimedOut)
    }

    @Test(arguments: [ActiveCheckMachine.Failure.passive, .answer(retriable: false)])
    func aWrongAnswerTurnsAHostAtOnce(_ failure: ActiveCheckMachine.Failure) {
        let host = Self.healthy
        #expect(host.fails(failure) == .turned)
        #expect(host.machine.isFailed)
    }

    @Test func successesMustBeInARowToo() {
        let host = Self.healthy
        _ = host.fails(.passive)
        host.machine.isExcluded = true
        #expect(host.passes() == .pending)
        #expect(host.fails(.network) == .none)
        #expect(host.passes() == .pending)
        #expect(host.machine.isExcluded)
        #expect(host.passes() == .turned)
        #expect(!host.machine.isExcluded)
    }

    /// A check that passes may say that its host is degraded; that is so until another one passes.
    @Test func degradedHosts() {
        let host = Self.healthy
        func passes(isDegraded: Bool) -> ActiveCheckMachine.Change {
            host.machine.succeeded(Self.settings, isDegraded: isDegraded)
        }
        #expect(passes(isDegraded: true) == .turned)
        #expect(host.machine.isDegraded && !host.machine.isFailed)
        #expect(passes(isDegraded: true) == .none)
        #expect(host.fails(.answer(retriable: false)) == .turned)
        #expect(host.machine.isDegraded)
        #expect(passes(isDegraded: false) == .pending)
        #expect(!host.machine.isDegraded)
    }

    @Test func aThresholdOf0IsNeverReached() {
        var settings = Self.settings
        settings.unhealthyThreshold = 0
        let host = Self.healthy
        for _ in 0..<10 { #expect(host.fails(.network, settings) == .pending) }
        #expect(!host.machine.isFailed)
    }

    /// Counts that came from a process with larger thresholds are not overlooked.
    @Test func aCountBeyondTheThresholdTurnsToo() {
        let host = Self.healthy
        host.machine.failures = 7
        #expect(host.fails(.network) == .turned)
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
