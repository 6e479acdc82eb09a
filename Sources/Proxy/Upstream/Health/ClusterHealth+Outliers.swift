import CLinux
import ProxyConfig
import StatCatalog

/// Outlier detection: hosts that answer badly are taken out, and come back after a while.
extension ClusterHealth {
    func handle(_ event: HostEvent, _ host: HostHealth) {
        switch event {
        case .consecutive5xx: crossed(.consecutive5xx, host)
        case .consecutiveGatewayFailure: crossed(.consecutiveGatewayFailure, host)
        case .consecutiveLocalOriginFailure: crossed(.consecutiveLocalOriginFailure, host)
        case .immediateFailure: failedPassively(host)
        }
    }

    /// A worker has counted up to a limit.
    private func crossed(_ kind: OutlierKind, _ host: HostHealth) {
        guard cluster.outlierDetection != nil, isRunning, !host.outlier.isEjected else { return }
        if kind == .consecutive5xx { outlierStats?.counters[.ejections_consecutive_5xx].increment() }
        detected(kind, host)
        // Counting begins anew, so that the next row of failures is noticed too.
        host.cells.setConsecutive(kind.rawValue, 0)
    }

    private func detected(_ kind: OutlierKind, _ host: HostHealth) {
        guard let settings = cluster.outlierDetection, let stats = outlierStats, !host.outlier.isEjected else { return }
        stats.counters[.ejections_detected_consecutive_5xx, kind.rawValue].increment()
        let active = hosts.count { $0.outlier.isEjected }
        guard OutlierRules.mayEject(settings, ejected: active, members: hosts.count) else {
            stats.counters[.ejections_overflow].increment()
            log.debug("\(describe(host)) is not ejected for \(kind.text): max_ejection_percent is reached")
            return
        }
        if kind == .consecutive5xx || kind == .successRate { stats.counters[.ejections_total].increment() }
        guard UInt32.random(in: 0..<100) < kind.enforcing(settings) else { return }
        stats.counters[.ejections_enforced_total].increment()
        stats.counters[.ejections_enforced_consecutive_5xx, kind.rawValue].increment()
        let most = settings.maxEjectionTimeJitterMs
        let now = cl_monotonic_ns()
        host.outlier.eject(settings, nowNs: now, jitterMs: most > 0 ? UInt64.random(in: 0..<most) : 0)
        let seconds = (host.outlier.endNs(settings) - now) / 1_000_000_000
        log.warning("\(describe(host)) is ejected for \(kind.text), for \(seconds) s at least")
        touch(host)
        outlet.failed(host)
        changed()
    }

    func planInterval() {
        guard let settings = cluster.outlierDetection, isRunning else { return }
        let now = cl_monotonic_ns()
        if nextIntervalNs == 0 { nextIntervalNs = now &+ settings.intervalMs &* 1_000_000 }
        let waitMs = nextIntervalNs > now ? (nextIntervalNs - now + 999_999) / 1_000_000 : 0
        outlierTimer?.cancel()
        outlierTimer = loop.after(ms: waitMs) { [weak self] in
            guard let self else { return }
            self.intervalPassed()
            self.nextIntervalNs = 0
            self.planInterval()
        }
    }

    func intervalPassed() {
        guard let settings = cluster.outlierDetection else { return }
        let now = cl_monotonic_ns()
        for host in hosts {
            let before = host.outlier
            if host.outlier.intervalPassed(settings, nowNs: now) { comeBack(host) }
            if host.outlier != before { touch(host) }
        }
        let samples = hosts.enumerated().map { position, host in
            let totals = host.cells.totals
            defer { host.totals = totals }
            return zip(totals, host.totals).map { $0 &- $1 } + [UInt64(position)]
        }
        // The order is Envoy's: what comes from answers, then what comes from connections.
        eject(samples, HostCells.Total.answers, .successRate, .failurePercentage, settings)
        eject(samples, HostCells.Total.attempts, .localOriginSuccessRate, .localOriginFailurePercentage, settings)
    }

    private func eject(
        _ samples: [[UInt64]], _ total: Int, _ byRate: OutlierKind, _ byShare: OutlierKind, _ settings: OutlierDetection
    ) {
        let valid = samples.map {
            OutlierSample(host: Int($0[HostCells.Total.count]), total: $0[total], successes: $0[total + 1])
        }.filter { !hosts[$0.host].outlier.isEjected }
        for position in OutlierRules.bySuccessRate(settings, members: hosts.count, valid) {
            outlierStats?.counters[.ejections_success_rate].increment()
            detected(byRate, hosts[position])
        }
        for position in OutlierRules.byFailurePercentage(settings, members: hosts.count, valid) {
            detected(byShare, hosts[position])
        }
    }

    /// `successful_active_health_check_uneject_host`.
    func unejectAfterSuccess(_ host: HostHealth) {
        guard let settings = cluster.outlierDetection, settings.checkUnejects, host.outlier.isEjected,
            host.check?.isFailed == false
        else { return }
        host.outlier.isEjected = false
        touch(host)
        comeBack(host)
    }

    private func comeBack(_ host: HostHealth) {
        host.cells.resetConsecutive()
        log.info("\(describe(host)) is not ejected any more")
        changed()
    }
}
