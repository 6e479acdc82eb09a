import CLinux
import ProxyConfig
import Stats

/// The rows of listeners that come from a file, and of what has gone and still has connections. Main thread.
final class ListenerRows {
    /// A listener that comes or changes.
    struct One {
        let plan: RowPlan
        let listener: Listener
        let isNew: Bool
        /// Only filter chains have changed.
        let isInPlace: Bool
        let limit: Snapshot.ListenerLimit?
        var compiled: Snapshot.ListenerChange?
        var position: Int { plan.position }
        var new: [Snapshot.NewRow] { compiled?.new ?? [] }
    }

    struct Gone {
        let name: String
        let position: Int
    }

    /// All that a file changes.
    struct Change {
        var changes: [One] = []
        var gone: [Gone] = []
        /// Rows that are free then.
        var free: [Int]
        var sockets: SocketChange?
    }

    private struct Known {
        var position: Int
        var listener: Listener
        var chains: [RowPlan.Old]
        /// nil: it lives as long as the process.
        var limit: Snapshot.ListenerLimit?
        /// Of the table of its filter chains.
        var memory: KeptMemory?
    }

    private let around: ListenerDiscovery.Surroundings
    private let loop: MainLoop
    private let drainNs: UInt64
    private var known: [String: Known] = [:]
    /// Those that have gone and still have connections.
    private var leaving: [Known] = []
    /// Rows that drain, with the number of the change in which they went.
    private var draining: [Int: Int] = [:]
    private var changeCount = 0
    /// A change has been planned and is not in place: which rows are free then is decided.
    private var isChanging = false
    private var free: [Int]
    /// Of rows that were compiled while the process ran.
    private var memories: [Int: (memory: KeptMemory, shares: RuntimeShares)] = [:]
    /// Of rows that nobody is in, but into which requests may point.
    private var retired: [KeptMemory] = []
    private var freeing: MainTimer?
    /// How often it is looked whether connections of what has gone are left.
    private static let freeingMs: UInt64 = 2000

    init(_ bootstrap: Bootstrap, _ around: ListenerDiscovery.Surroundings, loop: MainLoop) {
        self.around = around
        self.loop = loop
        drainNs = UInt64(around.drainSeconds) * 1_000_000_000
        let snapshot = around.pool.snapshot
        free = Array(snapshot.chainCount..<snapshot.rowCount)
        var further = bootstrap.listeners.count
        for (position, listener) in bootstrap.listeners.enumerated() {
            var chains: [RowPlan.Old] = []
            for chain in listener.allChains {
                chains.append(RowPlan.Old(row: chains.isEmpty ? position : further, digest: chain.digest))
                if chains.count > 1 { further += 1 }
            }
            guard listener.isDiscovered else { continue }
            known[listener.name] = Known(position: position, listener: listener, chains: chains)
        }
    }

    /// What has to be done to have these listeners; nil: nothing.
    func plan(_ listeners: [Listener]) throws(DiscoveryProblem) -> Change? {
        var change = Change(free: free)
        let names = Set(listeners.map(\.name))
        change.gone = known.values.filter { !names.contains($0.listener.name) }
            .sorted { $0.position < $1.position }
            .map { Gone(name: $0.listener.name, position: $0.position) }
        for listener in listeners {
            let old = known[listener.name]
            if let old, old.listener.digest == listener.digest { continue }
            // What the listener says of all its connections is in each of its rows.
            let keeps = old?.listener.ownDigest == listener.ownDigest
            let chains = (old?.chains ?? []).map { RowPlan.Old(row: $0.row, digest: keeps ? $0.digest : 0) }
            let plan = RowPlan(
                position: old?.position, old: chains,
                digests: listener.allChains.map { keeps || $0.digest != 0 ? $0.digest : 1 }, free: &change.free)
            guard let plan else {
                throw DiscoveryProblem(
                    reason: "there is no room for listener \(listener.name) before connections of those that have "
                        + "gone have ended; a hot restart makes it", location: listener.location)
            }
            change.changes.append(
                One(
                    plan: plan, listener: listener, isNew: old == nil,
                    isInPlace: old != nil && keeps,
                    limit: old == nil ? around.pool.snapshot.makeLimit(listener.name) : old?.limit))
        }
        return change.changes.isEmpty && change.gone.isEmpty ? nil : change
    }

    /// Makes all of it; nothing is in use yet.
    func compile(_ change: inout Change, node: Node) throws(DiscoveryProblem) {
        let snapshot = around.pool.snapshot
        for i in change.changes.indices {
            let one = change.changes[i]
            guard let limit = one.limit?.number ?? snapshot.listeners[one.position].connectionLimit else { continue }
            var new: [Snapshot.NewRow] = []
            for chain in one.plan.new {
                do throws(DiscoveryProblem) {
                    new.append(
                        try snapshot.compile(
                            one.listener, chain: chain, row: one.plan.rows[chain], position: one.position, limit: limit,
                            node: node, stats: around.pool.stats))
                } catch {
                    throw DiscoveryProblem(reason: error.reason, location: one.listener.location)
                }
            }
            let (table, memory) = snapshot.chainTable(one.listener, rows: one.plan.rows)
            change.changes[i].compiled = Snapshot.ListenerChange(
                position: one.position, listener: one.listener, rows: one.plan.rows, new: new,
                retired: one.plan.retired.map { ($0.row, $0.to) }, toFront: one.plan.toFront, chains: table,
                memory: memory)
        }
    }

    func apply(_ change: Change, _ owner: any ListenerSocketOwner, _ done: @escaping () -> Void) {
        isChanging = true
        let snapshot = around.pool.snapshot
        let goneRows = change.gone.flatMap { known[$0.name]?.chains.map(\.row) ?? [] }
        let drain = RowDrain(
            startNs: cl_monotonic_ns(), lengthNs: around.drainStrategy == .immediate ? 0 : drainNs)
        for one in change.changes {
            if one.isNew, let limit = one.limit { around.runtime.add(limit.shares) }
            for new in one.new { around.runtime.add(new.shares) }
        }
        var addresses: (table: ListenerAddresses, memory: KeptMemory)?
        if let sockets = change.sockets {
            let all = sockets.listeners.sorted { $0.key < $1.key }.map { (offset: $0.key, element: $0.value) }
            let (table, memory) = KeptMemory.collect { ListenerAddresses(all) }
            addresses = (table, memory)
        }
        around.pool.change(
            change.changes.compactMap(\.compiled), gone: goneRows, drain: drain,
            addresses: addresses?.table ?? snapshot.listenerAddresses,
            inPlace: { if let sockets = change.sockets { owner.apply(sockets) } },
            after: { [weak self] in
                guard let self else { return }
                if let memory = addresses?.memory { self.addressMemory = memory }
                self.note(change)
                done()
            })
    }

    /// Of `Snapshot.listenerAddresses`.
    private var addressMemory: KeptMemory?

    private func note(_ change: Change) {
        isChanging = false
        changeCount += 1
        free = change.free
        for gone in change.gone {
            guard let old = known.removeValue(forKey: gone.name) else { continue }
            leaving.append(old)
            for chain in old.chains { draining[chain.row] = changeCount }
        }
        for one in change.changes {
            for move in one.plan.retired {
                self.move(move.row, to: move.to)
                draining[move.to] = changeCount
            }
            if let row = one.plan.toFront { move(row, to: one.position) }
            for new in one.new {
                memories[new.row] = (new.memory, new.shares)
                around.tables.add(row: new.row, one.listener, chain: new.chain)
            }
            known[one.listener.name] = Known(
                position: one.position, listener: one.listener,
                chains: zip(one.plan.rows, one.listener.allChains).map { RowPlan.Old(row: $0, digest: $1.digest) },
                limit: one.limit, memory: one.compiled?.memory)
        }
        endDrainLater()
        freeRows()
    }

    private func move(_ row: Int, to other: Int) {
        memories[other] = memories.removeValue(forKey: row)
        around.tables.move(row, to: other)
        around.routes.move(row, to: other)
    }

    /// When the drain time is over what is left is closed.
    private func endDrainLater() {
        let number = changeCount
        guard draining.values.contains(number) else { return }
        loop.after(ms: drainNs / 1_000_000) { [weak self] in
            guard let self else { return }
            let rows = Set(self.draining.filter { $0.value == number }.keys)
            guard !rows.isEmpty else { return }
            self.around.pool.close(rows: rows)
            self.freeRows()
        }
    }

    /// Rows go when no connection is in them any more; until then it is looked now and then.
    private func freeRows() {
        freeing?.cancel()
        freeing = nil
        tellDraining()
        guard !draining.isEmpty || !retired.isEmpty || !leaving.isEmpty else { return }
        around.pool.unused(rows: Set(draining.keys), retired) { [weak self] rows, unused in
            guard let self else { return }
            self.retired.removeAll { memory in unused.contains { $0 === memory } }
            // Its end looks again.
            if self.isChanging { return }
            self.free(rows)
            self.tellDraining()
            guard !self.draining.isEmpty || !self.retired.isEmpty || !self.leaving.isEmpty else {
                return self.around.pool.setDrainingRows(false)
            }
            self.freeing = self.loop.after(ms: Self.freeingMs) { [weak self] in self?.freeRows() }
        }
    }

    private func free(_ rows: Set<Int>) {
        let snapshot = around.pool.snapshot
        // The first row of a listener is what its connections are counted by, and what others of it are found by.
        let held = leaving.filter { state in
            around.pool.hasConnections(listener: state.position) || state.chains.contains { !rows.contains($0.row) }
        }
        let heldRows = Set(held.flatMap { $0.chains.map(\.row) })
        for row in rows.subtracting(heldRows).sorted() {
            draining[row] = nil
            around.tables.remove(row: row)
            around.routes.remove(row: row)
            if let (memory, shares) = memories.removeValue(forKey: row) {
                around.runtime.remove(shares)
                retired.append(memory)
            }
            free.append(row)
        }
        for state in leaving where !heldRows.contains(state.position) {
            snapshot.forgetListener(at: state.position)
            if let limit = state.limit {
                around.runtime.remove(limit.shares)
                retired.append(limit.memory)
            }
        }
        leaving = held
    }

    private func tellDraining() {
        let gauges = around.stats.listenerGauges
        gauges[.total_listeners_draining].set(UInt64(leaving.count))
        let ofLeaving = leaving.reduce(0) { $0 + $1.chains.count }
        gauges[.total_filter_chains_draining].set(UInt64(max(draining.count - ofLeaving, 0)))
    }
}
