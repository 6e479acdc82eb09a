import ProxyConfig

/// Why a host is taken out. The order is that of the stats.
enum OutlierKind: Int, CaseIterable {
    case consecutive5xx, consecutiveGatewayFailure, consecutiveLocalOriginFailure
    case successRate, localOriginSuccessRate, failurePercentage, localOriginFailurePercentage

    /// The chance in percent with which it has a consequence.
    func enforcing(_ settings: OutlierDetection) -> UInt32 {
        switch self {
        case .consecutive5xx: settings.enforcing5xx
        case .consecutiveGatewayFailure: settings.enforcingGatewayFailure
        case .consecutiveLocalOriginFailure: settings.enforcingLocalOriginFailure
        case .successRate: settings.enforcingSuccessRate
        case .localOriginSuccessRate: settings.enforcingLocalOriginSuccessRate
        case .failurePercentage: settings.enforcingFailurePercentage
        case .localOriginFailurePercentage: settings.enforcingLocalOriginFailurePercentage
        }
    }

    var text: String {
        switch self {
        case .consecutive5xx: "consecutive 5xx"
        case .consecutiveGatewayFailure: "consecutive gateway failures"
        case .consecutiveLocalOriginFailure: "consecutive failures to reach it"
        case .successRate: "its success rate"
        case .localOriginSuccessRate: "the rate at which it was reached"
        case .failurePercentage: "its share of failures"
        case .localOriginFailurePercentage: "its share of failures to reach it"
        }
    }
}

/// The ejections of one host. Pure: times in, decisions out. The rules are Envoy's.
struct OutlierHost: Equatable {
    /// `failed_outlier_check`.
    var isEjected = false
    /// CLOCK_MONOTONIC: when it was taken out last.
    var ejectedNs: UInt64 = 0
    /// How many times the base time the next ejection lasts; one less with each interval without.
    var backoff: UInt64 = 0
    /// Milliseconds that this ejection lasts longer.
    var jitterMs: UInt64 = 0

    mutating func eject(_ settings: OutlierDetection, nowNs: UInt64, jitterMs: UInt64) {
        isEjected = true
        ejectedNs = nowNs
        self.jitterMs = jitterMs
        let base = settings.baseEjectionTimeMs
        if Self.times(base, backoff) < base &+ settings.maxEjectionTimeMs { backoff += 1 }
    }

    /// Once an interval. Returns whether the host comes back.
    mutating func intervalPassed(_ settings: OutlierDetection, nowNs: UInt64) -> Bool {
        if !isEjected {
            if backoff > 0 { backoff -= 1 }
            return false
        }
        guard nowNs >= endNs(settings) else { return false }
        isEjected = false
        return true
    }

    /// When the ejection may end.
    func endNs(_ settings: OutlierDetection) -> UInt64 {
        let ms = min(Self.times(settings.baseEjectionTimeMs, backoff), settings.maxEjectionTimeMs) &+ jitterMs
        return ejectedNs &+ min(ms, ProxyTime.longestMs) &* 1_000_000
    }

    private static func times(_ base: UInt64, _ count: UInt64) -> UInt64 {
        let (product, overflow) = base.multipliedReportingOverflow(by: count)
        return overflow ? UInt64.max >> 1 : product
    }
}

/// Answers of one host within an interval.
struct OutlierSample: Equatable {
    /// Position among the members.
    var host: Int
    var total: UInt64
    var successes: UInt64
    /// Percent.
    var rate: Double { total == 0 ? 0 : Double(successes) * 100 / Double(total) }
}

/// The decisions over all hosts of a cluster. Pure.
enum OutlierRules {
    /// Whether one more host may be taken out.
    static func mayEject(_ settings: OutlierDetection, ejected: Int, members: Int) -> Bool {
        if settings.alwaysEjectsOne, ejected == 0 { return true }
        guard members > 0 else { return false }
        return 100 * Double(ejected + 1) / Double(members) <= Double(settings.maxEjectionPercent)
    }

    /// The hosts whose rate lies further below the mean than the standard deviation allows.
    ///
    /// - Parameters:
    ///   - members: hosts of the cluster, ejected ones included.
    ///   - samples: of those that are not ejected.
    static func bySuccessRate(_ settings: OutlierDetection, members: Int, _ samples: [OutlierSample]) -> [Int] {
        let valid = samples.filter { $0.total > 0 && $0.total >= UInt64(settings.successRateRequestVolume) }
        let least = Int(settings.successRateMinimumHosts)
        guard members >= least, !valid.isEmpty, valid.count >= least else { return [] }
        let mean = valid.reduce(0) { $0 + $1.rate } / Double(valid.count)
        let variance = valid.reduce(0) { $0 + ($1.rate - mean) * ($1.rate - mean) } / Double(valid.count)
        let threshold = mean - variance.squareRoot() * Double(settings.successRateStdevFactor) / 1000
        return valid.filter { $0.rate < threshold }.map(\.host)
    }

    /// The hosts that fail too large a share of their requests.
    static func byFailurePercentage(_ settings: OutlierDetection, members: Int, _ samples: [OutlierSample]) -> [Int] {
        let valid = samples.filter { $0.total > 0 && $0.total >= UInt64(settings.failurePercentageRequestVolume) }
        let least = Int(settings.failurePercentageMinimumHosts)
        guard members >= least, !valid.isEmpty, valid.count >= least else { return [] }
        return valid.filter { 100 - $0.rate >= Double(settings.failurePercentageThreshold) }.map(\.host)
    }
}
