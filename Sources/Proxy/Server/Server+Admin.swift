import CLinux
import Glibc
import HotRestart
import ProxyConfig
import Stats

/// The admin listener, and what it may ask of the server.
extension Server: AdminContext {
    /// Opens or inherits the admin listener's socket; it is served from `serveAdmin` on.
    func openAdmin(inherited: ReceivedListener?) throws(StartupError) {
        guard let configured = bootstrap.admin else { return }
        let shares = RuntimeShares()
        admin = AdminServer(
            loop: loop, context: self, store: store, writer: writer, log: log,
            accessLogs: configured.accessLogs, shares: shares)
        runtime.add(shares)
        if let inherited, inherited.record.address == ListenSocket.text(configured.address) {
            adminSocket = inherited.descriptor.take()
            return
        }
        do {
            adminSocket = try Self.openAdminSocket(configured)
        } catch {
            closeListeners()
            throw StartupError("\(configured.location): \(error)")
        }
    }

    /// After a take-back, where it was released to the child.
    func reopenAdmin() {
        guard let configured = bootstrap.admin, adminSocket == nil else { return }
        do {
            adminSocket = try Self.openAdminSocket(configured)
        } catch {
            log.error("\(error); there is no admin listener")
        }
    }

    private static func openAdminSocket(_ configured: Admin) throws(ListenError) -> Int32? {
        var listener = Listener(name: "admin", address: configured.address, location: configured.location)
        listener.reusePort = false
        return try ListenSocket.open(listener, position: 0, concurrency: 1, probe: false).members.first?.descriptor
    }

    func serveAdmin() {
        guard let admin, let adminSocket else { return }
        do {
            try admin.serve(adminSocket)
            if let path = options.adminAddressPath, let address = SocketAddress.local(of: adminSocket) {
                try OutputFile.write(path, SocketAddress.text(address))
            }
        } catch {
            log.error("admin: \(error)")
        }
    }

    func closeAdmin() {
        admin?.stopAccepting()
        admin?.closeConnections()
        if let adminSocket { _ = cl_close(adminSocket) }
        adminSocket = nil
    }

    var hotRestartVersion: String { HotRestartVersion.text(options) }

    var uptime: (currentEpoch: UInt64, allEpochs: UInt64) {
        let now = cl_realtime_ns()
        let all = now > claim.firstStartNs ? (now - claim.firstStartNs) / 1_000_000_000 : 0
        return ((cl_monotonic_ns() - startNs) / 1_000_000_000, all)
    }

    var memory: (allocated: UInt64, held: UInt64, resident: UInt64) { ServerStats.memory() }

    func statsSource() -> StatsSource {
        refreshGauges()
        finishClusterStats()
        if bootstrap.statsFlushOnAdmin { flushStats() }
        return store.source()
    }

    var clusters: [(cluster: Cluster, hosts: [UpstreamHost])] { clusterManager.described }

    var configInUse: ConfigInUse {
        // No worker may wait for the stats of a cluster while the texts are read.
        finishClusterStats()
        return ConfigInUse(
            texts: texts, loadedMs: loadedMs, clusters: clusterDiscovery?.shown, listeners: listenerDiscovery?.shown,
            routes: routeDiscovery.shown)
    }

    /// As Envoy does: `/ready` and `server.live` say no, and every response asks its client to go elsewhere.
    func failHealthCheck(_ fails: Bool) {
        healthCheckFailed = fails
        pool.failHealthCheck(fails)
        if role == .serving { showLive() }
    }

    /// What a serving process says of itself.
    func showLive() {
        state = healthCheckFailed ? .draining : .live
        stats.gauges[.live].set(healthCheckFailed ? 0 : 1)
    }

    var isHandingOver: Bool { parentSession != nil && role == .serving }

    func resetCounters() {
        finishClusterStats()
        store.resetCounters()
    }

    /// SIGUSR1 and `POST /reopen_logs`.
    func reopenLogs() {
        log.reopen()
        admin?.reopenAccessLog()
        clusterManager.eventLogs.reopen()
        // What was logged so far goes into the old files.
        if let accessLog { pool.flushLogs { accessLog.reopen() } }
    }

    func quit() {
        log.info("exiting: POST /quitquitquit")
        // The answer goes out in this turn of the loop.
        loop.after(ms: 0) { [weak self] in self?.terminateNow() }
    }
}

/// The version string that says which builds can hand over to each other.
public enum HotRestartVersion {
    /// As `--hot-restart-version` and `/hot_restart_version` print it.
    public static func text(_ options: ServerOptions) -> String {
        options.disableHotRestart ? "disabled" : "1.envoyd.\(Wire.major).\(Wire.minor)"
    }
}
