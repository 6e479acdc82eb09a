import CLinux
import Glibc
import ProxyConfig
import Stats

/// Intervals of stats, and the sinks that get what was counted in them.
extension Server {
    /// How long sinks may keep a process from ending.
    private static let finishLimitMs: Int32 = 3000

    /// nil: there are none.
    static func makeSinks(_ bootstrap: Bootstrap, _ log: Log) throws(SystemError) -> StatsSinks? {
        guard !bootstrap.statsSinks.isEmpty else { return nil }
        return try StatsSinks(
            bootstrap.statsSinks,
            connectMs: { name in bootstrap.clusters.first { $0.name == name }?.connectTimeoutMs ?? 5000 },
            report: { log.warning("\($0)") })
    }

    /// This process has begun to serve: it is the one that sends.
    ///
    /// - Parameter totals: what had been counted before.
    func beginSending(_ totals: RegionTotals?) {
        if sinks == nil {
            // What comes from now on is owed to nobody.
            if let region = claim.region, region.lastSender != 0 { region.forgetSender() }
        } else if sender == nil {
            let sender = StatsSender(store, view: statsView)
            sender.begin(totals)
            self.sender = sender
        }
    }

    /// Whether the intervals of the base id's stats are this process's to end.
    private var endsIntervals: Bool {
        switch role {
        case .serving: true
        case .leaving: sender != nil && claim.region?.isNewestToServe != false
        case .starting, .standby: false
        }
    }

    /// Ends an interval; sinks get what came in it.
    func flushStats() {
        guard endsIntervals else { return }
        store.closeInterval()
        sendStats()
    }

    private func sendStats() {
        guard let sinks, let sender else { return }
        refreshGauges()
        guard let sending = sender.prepare() else { return }
        let mailbox = loop.mailbox
        let finish = MainThreadOnly { [weak self] in self?.sender?.finish(sending) }
        sinks.send(sending, hosts: sinks.configured.map(hosts)) { mailbox.post { finish.take()() } }
    }

    /// Where a sink of a cluster may go: its healthy hosts, or all when none is.
    private func hosts(_ sink: StatsSink) -> [cl_address] {
        guard case .cluster(let name) = sink.target,
            let hosts = clusterManager.described.first(where: { $0.cluster.name == name })?.hosts
        else { return [] }
        let healthy = hosts.filter { $0.health.isEmpty }
        return (healthy.isEmpty ? hosts : healthy).map(\.address)
    }

    /// The workers have ended: sinks get the rest, unless another process serves.
    func finishSinks() {
        guard let sinks else { return }
        // One that is on its way is handed back first.
        let end = cl_monotonic_ns() + UInt64(Self.finishLimitMs) * 500_000
        while sender?.isSending == true, cl_monotonic_ns() < end {
            var entry = pollfd(fd: loop.mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, 100)
            loop.mailbox.run()
        }
        flushStats()
        if !sinks.finish(limitMs: Self.finishLimitMs) {
            log.warning("stats sinks: not everything could be sent within \(Self.finishLimitMs / 1000) s")
        }
    }
}
