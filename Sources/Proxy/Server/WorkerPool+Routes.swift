import StatCatalog
import Stats

/// Routes that change while the process runs.
extension WorkerPool {
    /// Puts compiled routes in place between two turns of all workers' loops: no request sees half of it. Requests that wait for a
    /// filter find their route anew, as in a hot restart; others have what they need of theirs.
    func change(_ changes: [Snapshot.RouteChange], _ done: @escaping () -> Void) {
        stats.requestClasses.prepare(snapshot.requestClasses)
        whileHeld({ [self] in put(changes) }, after: done)
    }

    /// Workers are held.
    func put(_ changes: [Snapshot.RouteChange]) {
        stats.addRateLimits(snapshot.rateLimits, to: workers)
        stats.requestClasses.add(snapshot.requestClasses)
        for change in changes {
            snapshot.apply(change)
            for worker in workers { worker.forgetRoutes(row: Int32(change.row)) }
        }
    }

    /// Runs `done` with those of the memories into which no request points any more; the workers are held meanwhile.
    func unused(_ memories: [KeptMemory], _ done: @escaping ([KeptMemory]) -> Void) {
        var pointers: [UnsafeRawPointer] = []
        whileHeld(
            { [self] in pointers = workers.flatMap { $0.keptPointers() } },
            after: { done(memories.filter { memory in !pointers.contains { memory.contains($0) } }) })
    }

}

extension Worker {
    /// Held: requests of these connections that wait for a filter point at no route any more.
    func forgetRoutes(row: Int32) {
        forEachStream { d, s in
            guard d.pointee.listener == row, s.pointee.filter >= 0 else { return }
            let state = filterStates[s.pointee.filter]
            state.pointee.isAdopted = true
            state.pointee.route = nil
            state.pointee.filters = nil
            state.pointee.healthCheck = nil
        }
    }

    /// Held: what requests under way keep of the configuration.
    func keptPointers() -> [UnsafeRawPointer] {
        var pointers: [UnsafeRawPointer] = []
        forEachStream { _, s in
            if s.pointee.redirect >= 0, let policy = redirects[s.pointee.redirect].pointee.compiled {
                pointers.append(UnsafeRawPointer(policy.start))
            }
            guard s.pointee.retry >= 0 else { return }
            let policy = retries[s.pointee.retry].pointee.policy
            if let tests = policy.responseHeaders { pointers.append(UnsafeRawPointer(tests)) }
            if let tests = policy.requestHeaders { pointers.append(UnsafeRawPointer(tests)) }
            if let tests = policy.avoidedLabels { pointers.append(UnsafeRawPointer(tests)) }
            if let headers = policy.resets { pointers.append(UnsafeRawPointer(headers)) }
        }
        return pointers
    }

    private func forEachStream(_ body: (ConnectionPointer, StreamPointer) -> Void) {
        for slot in 0..<connections.count {
            let d = connections[slot]
            guard d.pointee.kind == .downstreamHTTP, d.pointee.stream >= 0 else { continue }
            body(d, streams[d.pointee.stream])
        }
    }
}
