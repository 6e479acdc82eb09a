import ProxyConfig

/// Listeners that come, change and go while the process runs (LDS). Each filter chain has a row of the table for itself; those of
/// listeners that come are rows that were left free for them. The first row of a listener, its position, stays the same as long as there
/// is a listener of its name.
extension Snapshot {
    /// A filter chain, compiled and not in use yet.
    struct NewRow {
        let row: Int
        /// In `Listener.allChains`.
        let chain: Int
        let made: Row
        /// What workers count for it, by worker.
        let cells: [ListenerStats]
        /// All of it.
        let memory: KeptMemory
        /// What the runtime can change in it.
        let shares: RuntimeShares
    }

    /// A listener that has come or changed.
    struct ListenerChange {
        let position: Int
        let listener: Listener
        /// Rows of its filter chains, by position in `allChains`.
        let rows: [Int]
        let new: [NewRow]
        /// Rows of filter chains that have gone and may have connections: these go on in other rows.
        let retired: [(row: Int, to: Int)]
        /// A filter chain that stays, and has to be in the first row.
        let toFront: Int?
        /// Which connection gets which filter chain; nil: there is one.
        let chains: UnsafeMutablePointer<FilterChainTable>?
        let memory: KeptMemory
    }

    /// So many rows are left free for listeners that may come.
    static func spareRows(_ bootstrap: Bootstrap, _ count: Int) -> Int {
        bootstrap.listenerSource == nil ? 0 : max(256, 2 * count)
    }

    /// How many connections a listener may have, as the runtime says.
    struct ListenerLimit {
        let number: RuntimeNumber
        let memory: KeptMemory
        let shares: RuntimeShares
    }

    func makeLimit(_ name: String) -> ListenerLimit {
        let shares = RuntimeShares()
        let (number, memory) = KeptMemory.collect {
            shares.makeNumber(.max, key: RuntimeKeys.connectionLimit(of: name))
        }
        return ListenerLimit(number: number, memory: memory, shares: shares)
    }

    func compile(
        _ listener: Listener, chain: Int, row: Int, position: Int, limit: RuntimeNumber, node: Node,
        stats: DataPlaneStats
    ) throws(DiscoveryProblem) -> NewRow {
        let shares = RuntimeShares()
        let context = RowContext(
            clusters: clusterPositions, shares: shares, faultCells: faultCells, rateLimits: rateLimits,
            memberships: memberships, classes: requestClasses, sinks: logSinks.positions, node: node)
        let (made, memory) = KeptMemory.collect {
            Self.row(listener, chain, position: position, limit: limit, context)
        }
        if let what = tooLarge(made) {
            throw DiscoveryProblem(
                reason: "listener \(listener.name): \(what) than this process has room for; a hot restart has it")
        }
        return NewRow(
            row: row, chain: chain, made: made, cells: stats.makeListener(made.name), memory: memory, shares: shares)
    }

    /// Workers have room for what the process began with.
    private func tooLarge(_ row: Row) -> String? {
        if row.compiled.limits.bytes > maxHeadBytes { return "max_request_headers_kb is more" }
        if row.compiled.limits.fields > maxHeaderFields { return "max_headers_count is more" }
        if row.filterCount > maxFilters { return "it has more HTTP filters" }
        if row.addedHeaders > maxAddedHeaders { return "its filters add more headers to a request" }
        return nil
    }

    func chainTable(_ listener: Listener, rows: [Int]) -> (UnsafeMutablePointer<FilterChainTable>?, KeptMemory) {
        KeptMemory.collect {
            FilterChainTable(listener, positions: rows.map { Int32($0) }).map {
                UnsafeMutablePointer(mutating: keepForever($0))
            }
        }
    }

    /// Puts a row in place. The workers are held.
    func put(_ new: NewRow) {
        listeners[new.row] = new.made.compiled
        setName(row: new.row, new.made.name)
    }

    /// The same row elsewhere. The workers are held.
    func copy(row: Int, to other: Int) {
        listeners[other] = listeners[row]
        setName(row: other, listenerNames[row])
    }
}
