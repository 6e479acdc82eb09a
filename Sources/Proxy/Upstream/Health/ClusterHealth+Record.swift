import CLinux
import ProxyConfig

/// The state of a cluster's health in a hot restart.
extension ClusterHealth {
    /// - Parameter since: only hosts with a later revision; nil: all.
    func record(since: UInt64? = nil) -> HostHealthRecord.Cluster {
        var record = HostHealthRecord.Cluster()
        record.name = cluster.name
        record.hadTraffic = hadTraffic || outlet.hasTraffic()
        record.nextIntervalNs = cluster.outlierDetection == nil ? 0 : nextIntervalNs
        record.hosts = hosts.filter { $0.revision > since ?? 0 || since == nil }.map { self.record($0) }
        return record
    }

    private func record(_ host: HostHealth) -> HostHealthRecord.Host {
        var record = HostHealthRecord.Host()
        record.address = host.address
        if let check = host.check, !check.isUnchecked {
            record.flags.insert(.checked)
            if check.isFailed { record.flags.insert(.failedActiveCheck) }
            if check.hasTimedOut { record.flags.insert(.timedOut) }
            if check.isExcluded { record.flags.insert(.excluded) }
            if check.isDegraded { record.flags.insert(.degraded) }
            record.successes = check.successes
            record.failures = check.failures
            record.nextCheckNs = host.nextCheckNs
        }
        if host.outlier.isEjected { record.flags.insert(.ejected) }
        record.sinceNs = cluster.slowStart == nil ? 0 : host.sinceNs
        record.ejectedNs = host.outlier.ejectedNs
        record.backoff = host.outlier.backoff
        record.jitterMs = host.outlier.jitterMs
        record.consecutive = host.cells.consecutive
        return record
    }

    /// Uses what a running process knows. Hosts that are not there yet get it when they come.
    func adopt(_ record: HostHealthRecord.Cluster) {
        hadTraffic = hadTraffic || record.hadTraffic
        if let outliers = cluster.outlierDetection, record.nextIntervalNs > 0 {
            nextIntervalNs = bounded(record.nextIntervalNs, outliers.intervalMs)
        }
        for host in record.hosts { inherited[SocketAddress.text(host.address)] = host }
        for host in hosts {
            if let known = inherited.removeValue(forKey: SocketAddress.text(host.address)) { adopt(known, for: host) }
        }
        publishNow()
    }

    func adopt(_ record: HostHealthRecord.Host, for host: HostHealth) {
        if let settings = cluster.healthCheck, host.check != nil, record.flags.contains(.checked) {
            // A check that was begun meanwhile would say less.
            host.stop()
            var check = ActiveCheckMachine()
            check.isUnchecked = false
            check.isFailed = record.flags.contains(.failedActiveCheck)
            check.hasTimedOut = record.flags.contains(.timedOut)
            check.isExcluded = record.flags.contains(.excluded)
            check.isDegraded = record.flags.contains(.degraded)
            check.successes = record.successes
            check.failures = record.failures
            host.check = check
            let longest = max(settings.intervalMs, settings.noTrafficIntervalMs, settings.noTrafficHealthyIntervalMs)
            host.nextCheckNs = bounded(record.nextCheckNs, longest)
        }
        if record.sinceNs > 0 { host.sinceNs = min(record.sinceNs, cl_monotonic_ns()) }
        guard let outliers = cluster.outlierDetection else { return }
        host.outlier.isEjected = record.flags.contains(.ejected)
        host.outlier.ejectedNs = min(record.ejectedNs, cl_monotonic_ns())
        host.outlier.backoff = min(record.backoff, 1 << 32)
        host.outlier.jitterMs = min(record.jitterMs, ProxyTime.longestMs)
        let limits = [
            outliers.consecutive5xx, outliers.consecutiveGatewayFailure, outliers.consecutiveLocalOriginFailure,
        ]
        // Below the limit: who reaches it is told of, and a count beyond would never be.
        for (position, count) in record.consecutive.prefix(3).enumerated() where limits[position] > 0 {
            host.cells.setConsecutive(position, min(count, UInt64(limits[position]) - 1))
        }
    }

    /// Another configuration, or another process's mistake, must not put a check off for long.
    private func bounded(_ timeNs: UInt64, _ limitMs: UInt64) -> UInt64 {
        let limit = cl_monotonic_ns() &+ limitMs &* 1_000_000 &* 2
        return min(timeNs, limit)
    }
}
