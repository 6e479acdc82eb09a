import CLinux
import Glibc
import ProxyConfig

/// Requests that have filters: on their way through them, and when they have waited for one.
extension Worker {
    /// A request whose route is found, or that has none: through its filters, and on.
    @inline(never)
    func passThroughFilters(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ filters: UnsafePointer<CompiledFilters>,
        _ route: UnsafePointer<CompiledRoute>?, upgrade: Bool
    ) {
        if head.pointee.expectContinue, c.pointee.flags.contains(.inBody) {
            // Before any of them, as in Envoy.
            let generation = c.pointee.generation
            sendContinue(slot, c)
            if c.pointee.generation != generation { return }
        }
        passedChanges.clear()
        let f = Filtered(
            slot: slot, c: c, s: s, head: head, filters: filters, route: route,
            cluster: clusterOf(route, head, c), first: 0)
        pass(f, streamSlot, upgrade: upgrade, hasWaited: false)
    }

    /// Of a route that chooses one for each request, that is done once: its filters may look at it.
    private func clusterOf(
        _ route: UnsafePointer<CompiledRoute>?, _ head: UnsafeMutablePointer<MessageHead>, _ c: ConnectionPointer
    ) -> Int32 {
        guard let route else { return -1 }
        guard let choice = route.pointee.choice else { return route.pointee.cluster }
        return choice.pointee.choose(request(c, head), random: random())
    }

    private func pass(_ f: Filtered, _ streamSlot: Int32, upgrade: Bool, hasWaited: Bool) {
        answerChanges.clear()
        current.pointee = f
        state.pointee.isFiltering = true
        defer { state.pointee.isFiltering = false }
        guard passesFilters(f, hasWaited: hasWaited) else { return }
        guard let route = f.route else { return answerUnrouted(f) }
        goOn(f, streamSlot, route, upgrade: upgrade)
    }

    private func answerUnrouted(_ f: Filtered) {
        if f.s.pointee.log >= 0 { noteNoRoute(f.s, f.c, f.head) }
        let stats = listenerStats[Int(f.c.pointee.listener)]
        stats.http[.rq_total].increment()
        stats.http[.no_route].increment()
        keepChangesOfAnswer(f, nil)
        reply(f.slot, f.c, status: 404, body: "", close: f.head.pointee.method == .connect)
    }

    /// A request that was sent elsewhere, whose head is one of ours.
    func passAgain(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) {
        passedChanges.clear()
        let f = Filtered(
            slot: slot, c: c, s: s, head: head, filters: route.pointee.filters ?? Self.noFilters, route: route,
            cluster: clusterOf(route, head, c), first: 0)
        pass(f, streamSlot, upgrade: false, hasWaited: false)
    }

    // MARK: - After waiting

    /// The time of a filter has come.
    func resumeFiltered(_ slot: Int32, _ c: ConnectionPointer) {
        let streamSlot = c.pointee.stream
        let s = streams[streamSlot]
        let waited = filterStates[s.pointee.filter].pointee
        filterStates[s.pointee.filter].pointee.untilNs = 0
        let generation = c.pointee.generation
        takeWaited(s, waited)
        // However it ends: no other request may find it.
        defer { dropGathered() }
        let head = requestHead
        guard readFiltered(head) else {
            // Only another process could have kept such a thing.
            return reply(slot, c, status: 400, body: "Bad Request", close: true)
        }
        if !s.pointee.flags.contains(.requestEnded) { c.pointee.flags.insert(.inBody) }
        if waited.mostBody > 0, head.pointee.framing == .chunked { giveLength(head) }
        var (route, filters) = (waited.route, waited.filters)
        var upgrade = isUpgrade(head)
        if waited.isAdopted {
            route = findAgain(c, head)
            if let route, upgrade, !mayUpgrade(c, head, route) { return refuseUpgrade(slot, c, s, head) }
            filters =
                route.map { $0.pointee.filters }
                ?? snapshot.listeners[Int(c.pointee.listener)].filters?.pointee.unrouted
            if let route { s.pointee.idleTimeoutNs = route.pointee.idleTimeoutNs }
        }
        upgrade = upgrade && route != nil
        let f = Filtered(
            slot: slot, c: c, s: s, head: head, filters: filters ?? Self.noFilters, route: route,
            cluster: waited.isAdopted ? clusterOf(route, head, c) : waited.cluster, first: waited.position)
        pass(f, streamSlot, upgrade: upgrade, hasWaited: true)
        guard c.pointee.generation == generation, c.pointee.kind == .downstreamHTTP else { return }
        // Its body may have come meanwhile, or a next request.
        if !c.pointee.input.isEmpty || c.pointee.flags.contains(.readPending) { makeReady(slot, c) }
    }

    /// The head, and what passed filters do to its response, out of what the stream has kept.
    private func takeWaited(_ s: StreamPointer, _ waited: FilterState) {
        filteredHead.clear()
        let isGathered = s.pointee.flags.contains(.gathered)
        let headEnd = isGathered ? min(Int(waited.bodyStart), s.pointee.buffer.count) : s.pointee.buffer.count
        filteredHead.append(s.pointee.buffer.bytes, headEnd)
        if isGathered {
            s.pointee.flags.remove(.gathered)
            s.pointee.buffer.consume(headEnd)
            swap(&gatheredBody.pointee, &s.pointee.buffer)
        }
        s.pointee.buffer.free()
        passedChanges.clear()
        let changes = s.pointee.changes
        let passed = min(Int(waited.passedChanges), changes.count)
        if passed > 0 { passedChanges.append(changes.bytes + (changes.count - passed), passed) }
        s.pointee.changes.free()
        s.pointee.flags.remove(.changesResponse)
    }

    /// For what has waited for a filter that the configuration has no more.
    nonisolated(unsafe) private static let noFilters = keepForever(
        CompiledFilters(filters: .allocate(capacity: 1), count: 0))
}
