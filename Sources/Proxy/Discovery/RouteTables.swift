import ProxyConfig

/// The routes of all listeners as they are now, and the memory of those that came while the process ran. Main thread.
final class RouteTables {
    private let bootstrap: Bootstrap
    private let pool: WorkerPool
    private let runtime: Runtime
    private let loop: MainLoop
    /// By row of the table of listeners.
    private var managers: [Int: Snapshot.Manager]
    private var proxies: [Int: TCPProxy]
    /// By row; none: as the process has begun with them.
    private var inUse: [Int: Snapshot.RouteChange] = [:]
    /// Memory that is in use no more, and into which requests may still point.
    private var retired: [KeptMemory] = []

    init(_ bootstrap: Bootstrap, pool: WorkerPool, runtime: Runtime, loop: MainLoop) {
        self.bootstrap = bootstrap
        self.pool = pool
        self.runtime = runtime
        self.loop = loop
        let list = Snapshot.managers(bootstrap)
        managers = Dictionary(uniqueKeysWithValues: list.map { ($0.row, $0) })
        proxies = Dictionary(uniqueKeysWithValues: Snapshot.proxies(bootstrap))
    }

    /// Runs `body` when no change waits for the workers: one that is compiled meanwhile would be for rows that have changed by the
    /// time it is put in place. At once, unless a worker has been slow or a hand-over has the workers.
    func whenSettled(_ body: @escaping () -> Void) {
        if pool.isSettled { return body() }
        loop.after(ms: 1) { [weak self] in self?.whenSettled(body) }
    }

    /// The connection managers in the order of their rows.
    var all: [Snapshot.Manager] { managers.values.sorted { $0.row < $1.row } }

    /// Compiles other routes for some connection managers; nothing is in use yet.
    ///
    /// - Throws: what is wrong with them.
    func compile(_ routes: RouteConfiguration, rows: [Int]) throws(DiscoveryProblem) -> (
        changes: [Snapshot.RouteChange], warnings: [ConfigDiagnostic]
    ) {
        var changes: [Snapshot.RouteChange] = []
        var warnings: [ConfigDiagnostic] = []
        for row in rows {
            guard var manager = managers[row] else { continue }
            manager.http.routes = routes
            let found = DiscoveryLoader.check(manager.http)
            warnings += found.warnings
            if let first = found.errors.first { throw DiscoveryProblem(reason: "\(first)") }
            guard let change = pool.snapshot.compile(manager, of: bootstrap) else {
                throw DiscoveryProblem(
                    reason: "its filters add more headers to a request than this process has room for; a restart has it"
                )
            }
            changes.append(change)
        }
        for row in rows { managers[row]?.http.routes = routes }
        return (changes, warnings)
    }

    /// All of them once more: clusters are elsewhere.
    func compileAll() -> [Snapshot.RouteChange] {
        all.compactMap { pool.snapshot.compile($0, of: bootstrap) }
            + proxies.sorted { $0.key < $1.key }.map { pool.snapshot.compile($0.value, row: $0.key, of: bootstrap) }
    }

    /// A filter chain of a listener has come, into this row.
    func add(row: Int, _ listener: Listener, chain: Int) {
        managers[row] = Snapshot.manager(row: row, listener, chain: chain)
        if case .tcpProxy(let proxy) = listener.allChains[chain].filter {
            proxies[row] = proxy
        } else {
            proxies[row] = nil
        }
    }

    /// It has another row.
    func move(_ row: Int, to other: Int) {
        managers[other] = managers.removeValue(forKey: row)
        managers[other]?.row = other
        proxies[other] = proxies.removeValue(forKey: row)
        inUse[other] = inUse.removeValue(forKey: row)
    }

    /// It has gone, and nobody is there any more.
    func remove(row: Int) {
        managers[row] = nil
        proxies[row] = nil
        guard let old = inUse.removeValue(forKey: row) else { return }
        runtime.remove(old.shares)
        retired.append(old.memory)
    }

    func manager(row: Int) -> Snapshot.Manager? { managers[row] }

    /// What the runtime says counts in them; before they are put in place.
    func prepare(_ changes: [Snapshot.RouteChange]) { for change in changes { runtime.add(change.shares) } }

    /// They are in place.
    func note(_ changes: [Snapshot.RouteChange], retired more: [KeptMemory] = []) {
        retired += more
        for change in changes {
            guard let old = inUse.updateValue(change, forKey: change.row) else { continue }
            runtime.remove(old.shares)
            retired.append(old.memory)
        }
        freeRetired()
    }

    /// Memory goes when no request points into it; until then it is looked after now and then.
    private func freeRetired() {
        guard !retired.isEmpty else { return }
        pool.unused(retired) { [weak self] unused in
            guard let self else { return }
            self.retired.removeAll { memory in unused.contains { $0 === memory } }
            if !self.retired.isEmpty { self.loop.after(ms: 10_000) { [weak self] in self?.freeRetired() } }
        }
    }
}
