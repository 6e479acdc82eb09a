import CLinux
import Glibc
import ProxyConfig

/// `slow_start_config` as workers see it: plain data. The rules are Envoy's.
struct CompiledSlowStart: BitwiseCopyable {
    /// Nanoseconds; 0: hosts have all of their weight at once.
    var windowNs: UInt64 = 0
    /// nil: 1.
    var aggression: RuntimeReal?
    /// From 0 to 1.
    var minimum = 0.1

    init() {}

    init(_ config: SlowStart?, _ shares: RuntimeShares) {
        guard let config else { return }
        windowNs = min(config.windowMs, ProxyTime.longestMs) &* 1_000_000
        aggression = config.aggression.map { shares.makeReal($0.fallback, key: $0.key) }
        minimum = config.minimumPercent / 100
    }

    /// Whether a host has less than its weight.
    ///
    /// - Parameter sinceNs: when it joined or became healthy; 0: that is not known, or it is not healthy.
    func isStarting(_ sinceNs: UInt64, nowNs: UInt64) -> Bool {
        sinceNs > 0 && nowNs < sinceNs &+ windowNs
    }

    /// What it has of its weight.
    func part(_ sinceNs: UInt64, nowNs: UInt64) -> Double {
        guard isStarting(sinceNs, nowNs: nowNs) else { return 1 }
        let elapsedMs = max(1, (nowNs > sinceNs ? nowNs - sinceNs : 0) / 1_000_000)
        let time = Double(elapsedMs) / Double(windowNs / 1_000_000)
        var power = aggression?.value ?? 1
        if !(power > 0) { power = 1 }
        let part = power == 1 ? time : pow(time, 1 / power)
        return max(part, minimum, .leastNormalMagnitude)
    }
}
