import ProxyConfig

/// What the checks of one host have said so far, and what that makes of it. Pure: results in, changes out. The rules are
/// Envoy's.
struct ActiveCheckMachine: Equatable {
    /// How a check failed.
    enum Failure: Equatable {
        /// Without an answer.
        case network, timeout
        /// With a wrong one; `retriable`: it counts towards the threshold, another one turns the host at once.
        case answer(retriable: Bool)
        /// A response to a request said so (`x-envoy-immediate-health-check-fail`).
        case passive

        var isNetwork: Bool { self == .network || self == .timeout }
    }

    enum Change: Equatable {
        case none
        /// More results of the same kind would turn the host.
        case pending
        case turned
    }

    /// `failed_active_hc`: as every host begins.
    var isFailed = true
    /// No check has come to a result yet; the first one decides alone.
    var isUnchecked = true
    /// `active_hc_timeout`: the last check of a failed host timed out.
    var hasTimedOut = false
    /// `excluded_via_immediate_hc_fail`.
    var isExcluded = false
    /// `degraded_active_hc`: the last check that passed said so.
    var isDegraded = false
    var successes: UInt32 = 0
    var failures: UInt32 = 0

    mutating func succeeded(_ settings: HealthCheck, isDegraded: Bool = false) -> Change {
        failures = 0
        var change = Change.none
        if isFailed {
            successes &+= 1
            if isUnchecked || (settings.healthyThreshold > 0 && successes >= settings.healthyThreshold) {
                isFailed = false
                hasTimedOut = false
                isExcluded = false
                successes = 0
                change = .turned
            } else {
                change = .pending
            }
        }
        isUnchecked = false
        if isDegraded != self.isDegraded {
            self.isDegraded = isDegraded
            if change == .none { change = .turned }
        }
        return change
    }

    mutating func failed(_ failure: Failure, _ settings: HealthCheck) -> Change {
        successes = 0
        var change = Change.none
        if !isFailed {
            let counts = failure.isNetwork || failure == .answer(retriable: true)
            if counts { failures &+= 1 }
            if !counts || (settings.unhealthyThreshold > 0 && failures >= settings.unhealthyThreshold) {
                isFailed = true
                failures = 0
                change = .turned
            } else {
                change = .pending
            }
        }
        if isFailed { hasTimedOut = failure == .timeout }
        isUnchecked = false
        return change
    }

    /// Milliseconds until the next check.
    ///
    /// - Parameters:
    ///   - passed: the last check did.
    ///   - hasTraffic: the cluster has ever had a connection.
    ///   - dice: a random number.
    static func interval(
        passed: Bool, _ change: Change, hasTraffic: Bool, _ settings: HealthCheck, dice: () -> UInt64
    ) -> UInt64 {
        var base: UInt64
        switch (hasTraffic, passed, change) {
        case (false, true, _): base = settings.noTrafficHealthyIntervalMs
        case (false, false, _): base = settings.noTrafficIntervalMs
        case (true, false, .pending): base = settings.unhealthyEdgeIntervalMs
        case (true, false, _): base = settings.unhealthyIntervalMs
        case (true, true, .pending): base = settings.healthyEdgeIntervalMs
        case (true, true, _): base = settings.intervalMs
        }
        let part =
            base / 100 * UInt64(settings.intervalJitterPercent)
            + base % 100 * UInt64(settings.intervalJitterPercent) / 100
        if part > 0 { base += dice() % part }
        if settings.intervalJitterMs > 0 { base += dice() % settings.intervalJitterMs }
        return min(max(base, 1), ProxyTime.longestMs)
    }
}

/// Bounds of times.
enum ProxyTime {
    /// A century: a point in time in nanoseconds cannot overflow.
    static let longestMs: UInt64 = 3_155_760_000_000
}
