import CLinux
import ProxyConfig

/// Active checks: when each host is asked, and what its answers make of it.
extension ClusterHealth {
    /// Plans a check of every host that has none coming.
    func planChecks() {
        guard let settings = cluster.healthCheck else { return }
        let now = cl_monotonic_ns()
        for host in hosts {
            guard let check = host.check, host.timer == nil, !host.isChecking else { continue }
            if isPreparing, !check.isUnchecked { continue }
            if host.nextCheckNs == 0 {
                let jitter = settings.initialJitterMs > 0 ? UInt64.random(in: 0..<settings.initialJitterMs) : 0
                host.nextCheckNs = now &+ jitter &* 1_000_000
            }
            plan(host, atNs: host.nextCheckNs)
        }
    }

    private func plan(_ host: HostHealth, atNs: UInt64) {
        host.nextCheckNs = atNs
        let now = cl_monotonic_ns()
        let waitMs = atNs > now ? (atNs - now + 999_999) / 1_000_000 : 0
        host.timer?.cancel()
        host.timer = loop.after(ms: waitMs) { [weak self, weak host] in
            guard let self, let host else { return }
            // Whoever stops the host, or plans anew, takes the timer away.
            let timer = host.timer
            self.pacer.start { [weak self, weak host] in
                guard let self, let host, host.timer === timer, !host.isChecking else { return }
                host.timer = nil
                self.begin(host)
            }
        }
    }

    private func begin(_ host: HostHealth) {
        guard let settings = cluster.healthCheck, host.check != nil, isRunning || isPreparing else { return }
        checkStats?.counters[.attempt].increment()
        host.isChecking = true
        let prober = host.prober ?? makeProber(host, settings)
        host.prober = prober
        host.timer = loop.after(ms: settings.timeoutMs) { [weak self, weak host] in
            guard let self, let host else { return }
            host.timer = nil
            host.prober?.glance()
            guard host.isChecking else { return }
            host.prober?.cancel()
            self.finished(host, ProbeResult(failure: .timeout, reason: "no answer within \(settings.timeoutMs) ms"))
        }
        prober.begin()
    }

    private func makeProber(_ host: HostHealth, _ settings: HealthCheck) -> HealthProber {
        let address: () -> cl_address = { [weak host] in host?.checkAddress ?? cl_address() }
        let done: (ProbeResult) -> Void = { [weak self, weak host] result in
            if let self, let host { self.finished(host, result) }
        }
        let header: ProxyHeader.Version? = cluster.proxyProtocol.map { $0 == .v1 ? .v1 : .v2 }
        let sockets = SocketSettings(cluster)
        switch settings.method {
        case .tcp(let tcp):
            return TCPHealthProber(
                tcp, reuses: settings.reusesConnection, loop: loop, header: header, sockets: sockets,
                address: address, done: done)
        case .http(let http):
            let own = host.endpoint?.healthCheckHostname ?? ""
            let name = !own.isEmpty ? own : !http.host.isEmpty ? http.host : cluster.name
            return HTTPHealthProber(
                http, reuses: settings.reusesConnection, host: name, loop: loop, header: header, sockets: sockets,
                address: address, done: done)
        }
    }

    private func finished(_ host: HostHealth, _ result: ProbeResult) {
        guard let settings = cluster.healthCheck, var check = host.check, host.isChecking else { return }
        host.timer?.cancel()
        host.timer = nil
        host.isChecking = false
        let before = check
        if result.isImmediate { check.isExcluded = true }
        let change: ActiveCheckMachine.Change
        if let failure = result.failure {
            change = check.failed(failure, settings)
            checkStats?.counters[.failure].increment()
            if failure.isNetwork { checkStats?.counters[.network_failure].increment() }
        } else {
            if check.isFailed { host.sinceNs = cl_monotonic_ns() }
            change = check.succeeded(settings, isDegraded: result.isDegraded)
            checkStats?.counters[.success].increment()
        }
        host.check = check
        report(host, result, change, wasUnchecked: before.isUnchecked, settings)
        writeEvents(of: host, result, before: before, settings)
        settle(host, before: before)
        if result.failure == nil { unejectAfterSuccess(host) }
        guard isRunning || isPreparing else { return }
        if !hadTraffic { hadTraffic = outlet.hasTraffic() }
        let wait = ActiveCheckMachine.interval(
            passed: result.failure == nil, change, hasTraffic: hadTraffic, settings,
            dice: { UInt64.random(in: 0...UInt64.max) })
        plan(host, atNs: cl_monotonic_ns() &+ wait &* 1_000_000)
    }

    /// Tells whoever must know what a result has changed.
    private func settle(_ host: HostHealth, before: ActiveCheckMachine) {
        guard let check = host.check, check != before else { return }
        touch(host)
        if check.isFailed, !before.isFailed { outlet.failed(host) }
        // Counts of results are of no interest to the workers.
        if check.isFailed != before.isFailed || check.isExcluded != before.isExcluded
            || check.isDegraded != before.isDegraded
        {
            changed()
        }
    }

    private func report(
        _ host: HostHealth, _ result: ProbeResult, _ change: ActiveCheckMachine.Change, wasUnchecked: Bool,
        _ settings: HealthCheck
    ) {
        if result.failure != nil {
            if change == .turned {
                log.warning("\(describe(host)) is unhealthy: \(result.reason)")
            } else if wasUnchecked || settings.alwaysLogsFailures {
                log.warning("\(describe(host)) failed its health check: \(result.reason)")
            }
        } else if change == .turned {
            log.info("\(describe(host)) is \(host.check?.isDegraded == true ? "degraded" : "healthy")")
        } else if settings.alwaysLogsSuccess {
            log.info("\(describe(host)) passed its health check")
        }
    }

    /// A response of the host to a request said that it is not well.
    func failedPassively(_ host: HostHealth) {
        guard let settings = cluster.healthCheck, var check = host.check else { return }
        let before = check
        check.isExcluded = true
        let change = check.failed(.passive, settings)
        checkStats?.counters[.failure].increment()
        checkStats?.counters[.passive_failure].increment()
        host.check = check
        let result = ProbeResult(
            failure: .passive, reason: "a response said so (x-envoy-immediate-health-check-fail)")
        report(host, result, change, wasUnchecked: false, settings)
        writeEvents(of: host, result, before: before, settings)
        settle(host, before: before)
    }
}
