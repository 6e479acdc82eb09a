import CLinux
import ProxyConfig
import StatCatalog
import Stats

/// The hosts of every cluster, on the main thread: static ones at once, DNS ones as they resolve; workers get what
/// changed. `+Health`: which of them are used.
final class ClusterManager {
    /// One cluster's discovery.
    final class Discovered {
        private(set) var cluster: Cluster
        let stats: MembershipStats
        /// Addresses by endpoint, in file order.
        var byEndpoint: [[UpstreamHost]]
        var resolvedOnce: [Bool]
        /// The name server has said something, be it that there is no address.
        var answeredOnce: [Bool]
        var failures: [UInt64]
        /// The next resolution of each endpoint.
        var timers: [MainTimer?]
        var hosts: [UpstreamHost] = []
        /// Of type ORIGINAL_DST: how many workers have a host.
        var originalHosts: [PeerAddress: Int] = [:]
        /// nil: all hosts are used, whatever they are like.
        let health: ClusterHealth?
        /// nil: hosts take turns, or any is as good.
        let balance: ClusterBalance?
        var limits: LimitStats
        /// It is not in use yet: nobody is told of its hosts.
        var isWarming = false
        /// What names resolved to in the cluster of this name that was here before.
        var namesBefore: [HostsRecord.Name] = []
        init(
            cluster: Cluster, stats: MembershipStats, health: ClusterHealth?, balance: ClusterBalance?,
            limits: LimitStats
        ) {
            self.limits = limits
            self.cluster = cluster
            self.stats = stats
            self.health = health
            self.balance = balance
            byEndpoint = Array(repeating: [], count: cluster.endpoints.count)
            resolvedOnce = Array(repeating: false, count: cluster.endpoints.count)
            answeredOnce = resolvedOnce
            failures = Array(repeating: 0, count: cluster.endpoints.count)
            timers = Array(repeating: nil, count: cluster.endpoints.count)
        }

        /// Those that a name resolved to.
        func hosts(_ addresses: [cl_address], endpoint position: Int, _ name: String) -> [UpstreamHost] {
            let endpoint = cluster.endpoints[position]
            // A logical cluster is one host, whatever DNS says: the first address.
            let used = cluster.discovery == .logicalDNS ? addresses.prefix(1) : addresses[...]
            return used.map {
                UpstreamHost(
                    address: $0, hostname: endpoint.hostname.isEmpty ? name : endpoint.hostname,
                    weight: endpoint.weight, endpoint: position)
            }
        }

        /// Other endpoints, all of them addresses.
        func take(_ next: Cluster) {
            cluster = next
            health?.cluster = next
            balance?.cluster = next
            resolvedOnce = Array(repeating: true, count: next.endpoints.count)
            answeredOnce = resolvedOnce
            failures = Array(repeating: 0, count: next.endpoints.count)
            timers = Array(repeating: nil, count: next.endpoints.count)
        }
    }

    let loop: MainLoop
    private let log: Log
    private let store: StatsStore
    private let writer: StatsWriter
    private let concurrency: Int
    private let pacer: CheckPacer
    /// Where events of health checks go.
    let eventLogs: HealthEventLogs
    private let statNames = MembershipStats.Names()
    private var resolver: Resolver?
    /// Of clusters that came while the process ran, by stat name.
    private var knownStats: [String: MembershipStats] = [:]
    /// Of a place without a cluster.
    private lazy var noStats = MembershipStats("", statNames)
    /// By position in the configuration; a place that a cluster has left has one without a name.
    private(set) var clusters: [Discovered] = []
    /// Hosts are checked by this process.
    var isServing = false
    /// Where it is told how many hosts there are; set before `start`.
    var memberships: ClusterMemberships?
    /// Where hosts and their health go: set once there are workers, which then get all there is.
    weak var workers: (any DataPlane)? {
        didSet { for index in clusters.indices { publish(index) } }
    }

    init(
        _ configured: [Cluster], concurrency: Int, loop: MainLoop, store: StatsStore, writer: StatsWriter, log: Log,
        earlyStats: Int = .max
    ) throws(SystemError) {
        self.loop = loop
        self.log = log
        self.store = store
        self.writer = writer
        self.concurrency = concurrency
        pacer = CheckPacer(loop: loop)
        eventLogs = HealthEventLogs { log.error("\($0)") }
        clusters = configured.enumerated().map { index, cluster in make(cluster, hasStats: index < earlyStats) }
        for index in clusters.indices { connectHealth(index) }
        if configured.contains(where: Self.needsDNS) { resolver = try Resolver(loop: loop) }
    }

    private static func needsDNS(_ cluster: Cluster) -> Bool {
        cluster.endpoints.contains {
            if case .socket(let host, _) = $0.address { !SocketAddress.isLiteral(host) } else { false }
        }
    }

    /// - Parameters:
    ///   - firstID: of its hosts.
    ///   - stats: nil: to be made.
    private func make(
        _ cluster: Cluster, hasStats: Bool, firstID: UInt64 = 1, stats known: MembershipStats? = nil
    ) -> Discovered {
        let stats = known ?? MembershipStats(Snapshot.statName(cluster.altStatName ?? cluster.name), statNames)
        // Health keeps its gauges.
        if hasStats || ClusterHealth.isNeeded(cluster) { stats.make(store, writer) }
        let health =
            ClusterHealth.isNeeded(cluster)
            ? ClusterHealth(
                cluster, workers: concurrency, gauges: stats.gauges, loop: loop, pacer: pacer, store: store,
                writer: writer, log: log, eventFiles: eventLogs.files(cluster.healthCheck), firstID: firstID) : nil
        let balance = ClusterBalance.isNeeded(cluster) ? ClusterBalance(cluster, store: store, writer: writer) : nil
        return Discovered(
            cluster: cluster, stats: stats, health: health, balance: balance,
            limits: LimitStats(cluster, store: store, writer: writer))
    }

    /// Some of these may come.
    func expect(_ clusters: [Cluster]) throws(SystemError) {
        if resolver == nil, clusters.contains(where: Self.needsDNS) { resolver = try Resolver(loop: loop) }
    }

    /// Begins with a cluster that comes later and was expected, or in place of another, at the end or at a place that is there; nobody is told of its
    /// hosts until `isWarming` is false.
    func begin(_ cluster: Cluster, at index: Int) {
        let old = index < clusters.count ? clusters[index] : nil
        let statName = Snapshot.statName(cluster.altStatName ?? cluster.name)
        // One that comes again has the cells that it had.
        let state = make(
            cluster, hasStats: true, firstID: old?.health?.nextID ?? 1, stats: knownStats[statName])
        knownStats[statName] = state.stats
        state.isWarming = true
        // Of a cluster with the same name; what is reached is seen again.
        for gauges in state.stats.limits { for gauge in LimitGauge.allCases { gauges[gauge].set(0) } }
        if let old {
            if old.cluster.name == cluster.name { state.namesBefore = resolvedNames(of: old) }
            end(old, isReplaced: old.cluster.name == cluster.name)
            clusters[index] = state
        } else {
            clusters.append(state)
        }
        connectHealth(index)
        for endpoint in cluster.endpoints.indices { resolve(index, endpoint) }
        if cluster.endpoints.isEmpty { merge(index) }
        if isServing { state.health?.start() }
    }

    /// There is no such cluster any more.
    func leave(at index: Int) {
        end(clusters[index], isReplaced: false)
        var none = Cluster(name: "", location: clusters[index].cluster.location)
        none.isDiscovered = true
        clusters[index] = make(none, hasStats: false, stats: noStats)
    }

    private func end(_ state: Discovered, isReplaced: Bool) {
        for timer in state.timers { timer?.cancel() }
        state.health?.pause()
        if isReplaced { return }
        for gauge in MembershipGauge.allCases { state.stats.gauges[gauge].set(0) }
    }

    /// It is in use from now on.
    func use(at index: Int) {
        // Whoever does not answer in time does not take hosts away either.
        adopt(clusters[index].namesBefore, cluster: index)
        clusters[index].isWarming = false
        planCleaning(index)
        publish(index)
    }

    /// All hosts are known, and have been checked once.
    func isReady(at index: Int) -> Bool {
        let state = clusters[index]
        return state.resolvedOnce.allSatisfy { $0 } && state.health?.isInitialized != false
    }

    /// Makes the stats of a cluster, unless they are there.
    func makeStats(cluster index: Int) {
        // Workers have more: clusters once more for another priority.
        if clusters.indices.contains(index) { clusters[index].stats.make(store, writer) }
    }

    /// Begins discovery. Literal addresses are there when this returns.
    func start() {
        for index in clusters.indices {
            for endpoint in clusters[index].cluster.endpoints.indices { resolve(index, endpoint) }
            if clusters[index].cluster.endpoints.isEmpty { merge(index) }
        }
        startCleaning()
    }

    /// Whether every endpoint has been asked for at least once, and every host checked: Envoy does not listen before that.
    var isInitialized: Bool {
        clusters.indices.allSatisfy { isReady(at: $0) }
    }

    /// How long the first round of checks may take.
    var firstChecksMs: UInt64 {
        clusters.compactMap(\.cluster.healthCheck).map { $0.timeoutMs + $0.initialJitterMs }.max() ?? 0
    }

    /// Runs `done` once all hosts are known, or after the time limit.
    func whenInitialized(limitMs: UInt64, _ done: @escaping () -> Void) {
        if isInitialized { return done() }
        let end = cl_monotonic_ns() + limitMs * 1_000_000
        func look() {
            if isInitialized || cl_monotonic_ns() >= end { return done() }
            loop.after(ms: 1) { look() }
        }
        look()
    }

    /// Asks again for everything: after a standby takes over again its answers may be old.
    func refresh() {
        for index in clusters.indices where clusters[index].cluster.discovery.isDNS {
            for endpoint in clusters[index].cluster.endpoints.indices { resolve(index, endpoint) }
        }
    }

    private func resolve(_ index: Int, _ position: Int) {
        let state = clusters[index]
        let endpoint = state.cluster.endpoints[position]
        guard case .socket(let host, let port) = endpoint.address, !SocketAddress.isLiteral(host) else {
            // A literal or a Unix socket is its own answer, for DNS clusters too.
            if state.cluster.discovery.isDNS { state.stats.counters[.update_attempt].increment() }
            let address = SocketAddress.make(endpoint.address)
            answered(index, position, address.map { .addresses([$0], ttl: 0) } ?? .failed("not an address"))
            return
        }
        state.stats.counters[.update_attempt].increment()
        resolver?.resolve(host, port: port, family: state.cluster.dnsFamily) { [weak self, weak state] answer in
            // Another cluster may have its place by now.
            guard let self, let state, self.clusters[index] === state else { return }
            self.answered(index, position, answer)
        }
    }

    private func answered(_ index: Int, _ position: Int, _ answer: Resolver.Answer) {
        let state = clusters[index]
        let endpoint = state.cluster.endpoints[position]
        let isDNS = state.cluster.discovery.isDNS
        var isLiteral = true
        if case .socket(let host, _) = endpoint.address { isLiteral = SocketAddress.isLiteral(host) }
        var delay = state.cluster.dnsRefreshMs
        switch answer {
        case .addresses(let addresses, let ttl):
            state.answeredOnce[position] = true
            if isDNS { state.stats.counters[.update_success].increment() }
            state.failures[position] = 0
            if state.cluster.respectDNSTTL, ttl > 0 { delay = UInt64(ttl) * 1000 }
            let name: String
            if case .socket(let host, _) = endpoint.address, !isLiteral { name = host } else { name = "" }
            state.byEndpoint[position] = state.hosts(addresses, endpoint: position, name)
        case .empty:
            state.answeredOnce[position] = true
            state.stats.counters[.update_empty].increment()
            state.stats.counters[.update_success].increment()
            if state.cluster.discovery == .strictDNS { state.byEndpoint[position] = [] }
        case .failed(let reason):
            state.stats.counters[.update_failure].increment()
            // The hosts that were known stay.
            adopt(state.namesBefore, cluster: index)
            delay = failureDelay(state, position)
            log.debug("cluster \(state.cluster.name): \(endpoint.hostname): \(reason)")
        }
        state.resolvedOnce[position] = true
        merge(index)
        guard isDNS, !isLiteral else { return }
        state.timers[position]?.cancel()
        state.timers[position] = loop.after(ms: max(delay, 1)) { [weak self, weak state] in
            guard let self, let state, self.clusters[index] === state else { return }
            self.resolve(index, position)
        }
    }

    /// Exponential from the base to the maximum (`dns_failure_refresh_rate`).
    private func failureDelay(_ state: Discovered, _ position: Int) -> UInt64 {
        guard let base = state.cluster.dnsFailureBaseMs else { return state.cluster.dnsRefreshMs }
        let most = state.cluster.dnsFailureMaxMs ?? base &* 10
        let doubled = base << min(state.failures[position], 20)
        state.failures[position] += 1
        return min(doubled, most)
    }

    /// Tells everybody of the hosts that there are now.
    ///
    /// - Parameter before: the cluster when its hosts were as they are known now; nil: it has not changed.
    func merge(_ index: Int, before: Cluster? = nil) {
        let state = clusters[index]
        let old = before ?? state.cluster
        guard state.resolvedOnce.allSatisfy({ $0 }) else { return }
        var hosts = state.byEndpoint.flatMap { $0 }
        let listed = hosts.count
        if let health = state.health {
            hosts += state.hosts.filter { old in
                health.outlivesRemoval(old.address) && !hosts.contains { SocketAddress.equal($0.address, old.address) }
            }
        }
        let isSame =
            hosts.count == state.hosts.count
            && zip(hosts, state.hosts).allSatisfy {
                SocketAddress.equal($0.address, $1.address) && $0.weight == $1.weight && $0.hostname == $1.hostname
                    && state.cluster.groupPosition(of: $0) == state.cluster.groupPosition(of: $1)
            } && (before.map { Self.isSame($0, state.cluster) } ?? true)
        guard !isSame || hosts.isEmpty else {
            state.stats.counters[.update_no_rebuild].increment()
            return
        }
        state.stats.counters[.membership_change].add(
            UInt64(HostSpread.changes(from: (old, state.hosts), to: (state.cluster, hosts))))
        state.stats.gauges[.membership_total].set(UInt64(hosts.count))
        if let health = state.health {
            health.setHosts(hosts)
            for (position, host) in health.hosts.enumerated() {
                host.isPendingRemoval = position >= listed
                hosts[position].cells = host.cells
            }
        } else {
            state.stats.gauges[.membership_healthy].set(UInt64(hosts.count))
            memberships?.set(cluster: index, total: hosts.count, healthy: hosts.count)
        }
        state.balance?.fill(&hosts, known: state.hosts)
        state.hosts = hosts
        publish(index)
    }

    /// Whether the endpoints say the same of their hosts.
    private static func isSame(_ old: Cluster, _ new: Cluster) -> Bool {
        old.endpoints.count == new.endpoints.count && old.groups == new.groups
            && old.overprovisioning == new.overprovisioning
            && zip(old.endpoints, new.endpoints).allSatisfy { $0.isSame(as: $1) && $0.group == $1.group }
    }
}
