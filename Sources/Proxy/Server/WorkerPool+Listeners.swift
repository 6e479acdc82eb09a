import ProxyConfig

/// Listeners that come, change and go while the process runs.
extension WorkerPool {
    /// Puts listeners in place between two turns of all workers' loops.
    ///
    /// - Parameters:
    ///   - gone: rows of listeners that go: their connections stay there, and drain.
    ///   - drain: of these connections, and of those of filter chains that go.
    ///   - addresses: of all listeners that there are then.
    ///   - inPlace: runs while the workers are held: what it posts to them is done first of all then.
    func change(
        _ changes: [Snapshot.ListenerChange], gone: [Int], drain: RowDrain, addresses: ListenerAddresses,
        inPlace: @escaping () -> Void, after: @escaping () -> Void
    ) {
        stats.requestClasses.prepare(snapshot.requestClasses)
        let change = { [self] in
            stats.addRateLimits(snapshot.rateLimits, to: workers)
            stats.requestClasses.add(snapshot.requestClasses)
            for change in changes { put(change, drain) }
            for row in gone { snapshot.listeners[row].drain = drain }
            snapshot.listenerAddresses = addresses
            if !gone.isEmpty || changes.contains(where: { !$0.retired.isEmpty }) {
                for worker in workers { worker.setDrainingRows(true) }
            }
            inPlace()
        }
        whileHeld(change, after: after)
    }

    private func put(_ change: Snapshot.ListenerChange, _ drain: RowDrain) {
        for (row, other) in change.retired {
            move(row: row, to: other)
            snapshot.listeners[other].drain = drain
            // It is no listener's first.
            snapshot.listeners[other].chains = nil
        }
        if let row = change.toFront { move(row: row, to: change.position) }
        for new in change.new {
            snapshot.put(new)
            for (worker, cells) in zip(workers, new.cells) { worker.setStats(row: new.row, cells) }
        }
        snapshot.listeners[change.position].chains = change.chains
        for worker in workers { worker.renewWaiting(row: Int32(change.position)) }
        snapshot.setListener(at: change.position, change.listener.name)
    }

    private func move(row: Int, to other: Int) {
        snapshot.copy(row: row, to: other)
        for worker in workers {
            worker.listenerStats[other] = worker.listenerStats[row]
            worker.moveConnections(fromRow: row, to: other)
        }
    }

    /// Ends connections of these rows.
    func close(rows: Set<Int>) { for worker in workers { worker.mailbox.post(.closeRows(rows)) } }

    /// Whether a listener has no connections.
    func hasConnections(listener position: Int) -> Bool { open.count(listener: position) > 0 }

    /// Runs `done` with those of the rows that no connection is in any more, and those of the memories into which no request points;
    /// the workers are held meanwhile.
    func unused(
        rows: Set<Int>, _ memories: [KeptMemory], _ done: @escaping (_ rows: Set<Int>, _ memories: [KeptMemory]) -> Void
    ) {
        var used: Set<Int> = []
        var pointers: [UnsafeRawPointer] = []
        whileHeld(
            { [self] in
                used = workers.reduce(into: Set()) { $0.formUnion($1.rowsInUse(of: rows)) }
                pointers = workers.flatMap { $0.keptPointers() }
            },
            after: {
                done(
                    rows.subtracting(used),
                    memories.filter { memory in !pointers.contains { memory.contains($0) } })
            })
    }

    /// No row drains any more, or some do.
    func setDrainingRows(_ drains: Bool) {
        whileHeld({ [self] in for worker in workers { worker.setDrainingRows(drains) } }, after: {})
    }
}
