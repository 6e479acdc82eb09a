import CLinux
import ProxyConfig
import StatCatalog
import Stats

/// The health of all hosts of one cluster, on the main thread: what checks, outlier detection and the configuration say of
/// them, and which of them the workers may use.
///
/// `+Checks` runs the active checks, `+Outliers` the outlier detection, `+Record` takes the state of a process whose place
/// this one takes. Clusters with none of these have no such object, and all their hosts are used.
final class ClusterHealth {
    /// What it does to the rest of the process.
    struct Outlet {
        /// The selection has changed.
        var publish: () -> Void = {}
        /// A host has just become unhealthy: connections to it are let go.
        var failed: (HostHealth) -> Void = { _ in }
        /// A host that was only kept for its health may go.
        var dropRemoved: () -> Void = {}
        /// So many hosts there are, and so many of them are healthy or degraded.
        var counted: (_ total: Int, _ healthy: Int) -> Void = { _, _ in }
        /// The cluster has had a connection.
        var hasTraffic: () -> Bool = { false }
    }

    /// Its endpoints may change.
    var cluster: Cluster
    let loop: MainLoop
    let pacer: CheckPacer
    let log: Log
    /// Where its events are written.
    let eventFiles: [HealthEventFile]
    let checkStats: HealthCheckStats?
    let outlierStats: OutlierStats?
    let gauges: GaugeGroup<MembershipGauge>
    var outlet = Outlet()
    /// In the order of the cluster's list.
    private(set) var hosts: [HostHealth] = []
    private let workers: Int
    /// Of the next host; no other one of this place ever had it.
    private(set) var nextID: UInt64
    private var positions: [UInt64: Int] = [:]
    private var isPublishing = false
    /// Checks run and intervals pass.
    var isRunning = false
    /// Only hosts of which nothing is known are checked: this process does not serve yet.
    var isPreparing = false
    var hadTraffic = false
    var revision: UInt64 = 0
    var outlierTimer: MainTimer?
    var nextIntervalNs: UInt64 = 0
    /// What a running process knows of hosts that are not there yet, by address.
    var inherited: [String: HostHealthRecord.Host] = [:]

    static func isNeeded(_ cluster: Cluster) -> Bool {
        cluster.healthCheck != nil || cluster.outlierDetection != nil
            || cluster.slowStart != nil || cluster.discovery == .eds
            || cluster.endpoints.contains { !$0.health.isUsable || $0.health == .degraded }
    }

    init(
        _ cluster: Cluster, workers: Int, gauges: GaugeGroup<MembershipGauge>, loop: MainLoop, pacer: CheckPacer,
        store: StatsStore, writer: StatsWriter, log: Log, eventFiles: [HealthEventFile] = [], firstID: UInt64 = 1
    ) {
        self.cluster = cluster
        nextID = firstID
        self.workers = workers
        self.gauges = gauges
        self.loop = loop
        self.pacer = pacer
        self.log = log
        self.eventFiles = eventFiles
        let name = Snapshot.statName(cluster.altStatName ?? cluster.name)
        checkStats = cluster.healthCheck == nil ? nil : HealthCheckStats(name, store, writer)
        outlierStats = cluster.outlierDetection == nil ? nil : OutlierStats(name, store, writer)
    }

    // MARK: - Members

    /// Takes over a new list. What is known of a host stays known.
    func setHosts(_ list: [UpstreamHost]) {
        var known: [String: [HostHealth]] = [:]
        for host in hosts { known[SocketAddress.text(host.address), default: []].append(host) }
        // The one host of a logical cluster is the same whatever its address is.
        let isLogical = cluster.discovery == .logicalDNS && hosts.count == 1 && list.count == 1
        var next: [HostHealth] = []
        for member in list {
            let key = SocketAddress.text(member.address)
            let isKnown = cluster.endpoints.indices.contains(member.endpoint)
            let endpoint = isKnown ? cluster.endpoints[member.endpoint] : nil
            let found = isLogical ? hosts.first : known[key]?.first
            // One that is to be checked otherwise is another one, as in Envoy.
            if let host = found, isLogical || isCheckedAlike(host.endpoint, endpoint) {
                if !isLogical { known[key]?.removeFirst() }
                host.address = member.address
                host.endpoint = endpoint ?? host.endpoint
                next.append(host)
            } else {
                next.append(makeHost(member.address, endpoint, key))
            }
        }
        let kept = Set(next.map(\.cells.id))
        for host in hosts where !kept.contains(host.cells.id) { host.stop() }
        hosts = next
        positions = [:]
        for (position, host) in hosts.enumerated() { positions[host.cells.id] = position }
        if isRunning || isPreparing { planChecks() }
        refreshGauges()
    }

    private func isCheckedAlike(_ old: Endpoint?, _ new: Endpoint?) -> Bool {
        guard cluster.healthCheck != nil, let old, let new else { return true }
        return new.isSameCheck(as: old)
    }

    private func makeHost(_ address: cl_address, _ endpoint: Endpoint?, _ key: String) -> HostHealth {
        let cells = HostCells(id: nextID, workers: workers)
        nextID += 1
        let isChecked = cluster.healthCheck != nil && endpoint?.disablesHealthCheck != true
        let host = HostHealth(address: address, endpoint: endpoint, cells: cells, isChecked: isChecked)
        // Who takes over must know since when it is there.
        if cluster.slowStart != nil { touch(host) }
        if let record = inherited.removeValue(forKey: key) { adopt(record, for: host) }
        return host
    }

    func host(id: UInt64) -> HostHealth? { positions[id].map { hosts[$0] } }

    /// Whether a host that DNS, or a file, has no more is still used: because it passes its checks.
    func outlivesRemoval(_ address: cl_address) -> Bool {
        guard cluster.discovery == .strictDNS || cluster.discovery == .eds, !cluster.ignoresHealthOnRemoval else {
            return false
        }
        return hosts.contains { $0.check?.isFailed == false && SocketAddress.equal($0.address, address) }
    }

    /// Every host has been asked once.
    var isInitialized: Bool { hosts.allSatisfy { $0.check?.isUnchecked != true } }

    // MARK: - Which hosts are used

    /// nil: all of them, and all alike.
    var selection: HostSelection? {
        HostSpread.selection(
            cluster,
            hosts.map {
                HostSpread.Member(group: $0.endpoint?.group ?? 0, state: $0.state, isExcluded: $0.isExcluded)
            })
    }

    func refreshGauges() {
        let healthy = hosts.count { $0.state == .healthy }
        let degraded = hosts.count { $0.state == .degraded }
        gauges[.membership_healthy].set(UInt64(healthy))
        gauges[.membership_degraded].set(UInt64(degraded))
        outlet.counted(hosts.count, healthy + degraded)
        gauges[.membership_excluded].set(UInt64(hosts.count { $0.isExcluded }))
        checkStats?.gauges[.healthy].set(UInt64(hosts.count { $0.check?.isFailed == false }))
        checkStats?.gauges[.degraded].set(UInt64(hosts.count { $0.check?.isDegraded == true }))
        outlierStats?.gauges[.ejections_active].set(UInt64(hosts.count { $0.outlier.isEjected }))
    }

    /// Something has changed that another process should know.
    func touch(_ host: HostHealth) {
        revision += 1
        host.revision = revision
    }

    /// Workers and gauges learn of it at the end of this turn of the loop: many hosts may turn in one.
    func changed() {
        if isPublishing { return }
        isPublishing = true
        loop.after(ms: 0) { [weak self] in self?.publishNow() }
    }

    func publishNow() {
        isPublishing = false
        refreshGauges()
        outlet.publish()
        if hosts.contains(where: { $0.isPendingRemoval && $0.check?.isFailed != false }) { outlet.dropRemoved() }
    }

    func describe(_ host: HostHealth) -> String { "cluster \(cluster.name): host \(SocketAddress.text(host.address))" }

    // MARK: - Start and stop

    /// Checks hosts of which nothing is known; those that a running process checks are left to it.
    func prepare() {
        guard !isRunning else { return }
        isPreparing = true
        planChecks()
    }

    /// This process serves.
    func start() {
        guard !isRunning else { return }
        isPreparing = false
        isRunning = true
        inherited = [:]
        planChecks()
        planInterval()
    }

    /// Another process serves and checks: what is known stays as it is.
    func pause() {
        isRunning = false
        isPreparing = false
        outlierTimer?.cancel()
        outlierTimer = nil
        for host in hosts {
            host.timer?.cancel()
            host.timer = nil
            if host.isChecking { host.stop() }
        }
        loop.after(ms: 0) { [weak self] in self?.closeSome(from: 0) }
    }

    /// Connections that were kept for the next checks: thousands take a while, and nobody is to wait for it.
    private func closeSome(from start: Int) {
        guard !isRunning, !isPreparing, start < hosts.count else { return }
        let end = min(start + 64, hosts.count)
        for host in hosts[start..<end] { host.stop() }
        loop.after(ms: 0) { [weak self] in self?.closeSome(from: end) }
    }

    /// After a pause: everything may have changed meanwhile, so that all hosts are asked at once, and one success is enough.
    func resume() {
        guard !isRunning else { return }
        for host in hosts {
            host.check?.isUnchecked = true
            host.nextCheckNs = 0
            host.cells.resetConsecutive()
            host.totals = host.cells.totals
        }
        nextIntervalNs = 0
        start()
        intervalPassed()
    }
}

/// `cluster.<name>.health_check.`
struct HealthCheckStats {
    let counters: CounterGroup<HealthCheckCounter>
    let gauges: GaugeGroup<HealthCheckGauge>

    init(_ name: String, _ store: StatsStore, _ writer: StatsWriter) {
        counters = GroupIDs(store, in: ClusterHealthCheckScope(name)).cells(writer)
        gauges = GroupIDs(store, in: ClusterHealthCheckScope(name)).cells(writer)
    }
}

/// `cluster.<name>.outlier_detection.`
struct OutlierStats {
    let counters: CounterGroup<OutlierCounter>
    let gauges: GaugeGroup<OutlierGauge>

    init(_ name: String, _ store: StatsStore, _ writer: StatsWriter) {
        counters = GroupIDs(store, in: ClusterOutlierScope(name)).cells(writer)
        gauges = GroupIDs(store, in: ClusterOutlierScope(name)).cells(writer)
    }
}
