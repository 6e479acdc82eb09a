import CLinux
import ProxyConfig

/// The HTTP filters in front of the router: what they do to a request, one after the other.
///
/// A filter lets the request go on, answers it, or lets it wait; what it does to the response is put together when the request
/// goes on or is answered (`Worker+FilterChanges`), and kept with the stream.
extension Worker {
    /// A request with its filters, as they look at it.
    struct Filtered: BitwiseCopyable {
        let slot: Int32
        let c: ConnectionPointer
        let s: StreamPointer
        let head: UnsafeMutablePointer<MessageHead>
        let filters: UnsafePointer<CompiledFilters>
        /// nil: it has none.
        let route: UnsafePointer<CompiledRoute>?
        /// Of the route, or what it has chosen; less than 0: none.
        let cluster: Int32
        /// Filters that stand before it, in `http_filters`, have been passed before the request waited.
        let first: Int32
    }

    /// Runs the filters of a request. False: one has answered it, or it waits.
    ///
    /// - Parameter hasWaited: it has waited for the first that is still to be passed.
    func passesFilters(_ f: Filtered, hasWaited: Bool) -> Bool {
        // Those behind one that answers are asked for their part in the response too.
        for i in 0..<f.filters.pointee.count { filterNotes[i] = .nothing }
        for i in 0..<f.filters.pointee.count {
            let filter = f.filters.pointee.filters + i
            if filter.pointee.position < f.first { continue }
            let passes: Bool
            switch filter.pointee.action {
            case .fault(let fault):
                passes = passesFault(
                    f, fault.pointee, filter.pointee.position,
                    hasWaited: hasWaited && filter.pointee.position == f.first)
            case .cors(let policy): passes = passesCORS(f, policy, i)
            case .localRateLimit(let limit): passes = passesLimit(f, limit, i)
            case .headerMutation(let mutation):
                passes = mutation.pointee.request.map { changeFiltered(f, $0) } ?? true
            case .buffer(let most):
                passes = passesBuffer(
                    f, filter.pointee.position, most: most, hasWaited: hasWaited && filter.pointee.position == f.first)
            case .healthCheck(let check):
                passes = passesHealthCheck(
                    f, check, i, hasWaited: hasWaited && filter.pointee.position == f.first)
            }
            if !passes { return false }
        }
        return true
    }

    /// The request as conditions of filters look at it.
    func request(_ f: Filtered) -> RoutedRequest { request(f.c, f.head) }

    func request(_ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) -> RoutedRequest {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        var authority = Bytes(head.pointee.base + Int(head.pointee.authority), Int(head.pointee.authorityLength))
        if authority.count == 0 { authority = listener.pointee.defaultHost }
        return routed(listener, head, authority, pathOf(head))
    }

    /// Without its query.
    private func pathOf(_ head: UnsafeMutablePointer<MessageHead>) -> Bytes {
        let path = Int(head.pointee.target)
        let end = path &+ Int(head.pointee.targetLength)
        let pathEnd = min(cl_scan_path_end(head.pointee.base, path, end, head.pointee.readable), end)
        return Bytes(head.pointee.base + path, pathEnd &- path)
    }

    /// Answers in place of the router. What the filter itself adds to the answer is in `answerChanges`.
    func answer(
        _ f: Filtered, status: UInt16, body: StaticString, _ details: LogDetails, _ flags: LogFlags = [],
        lateFlags: LogFlags = []
    ) {
        note(f.s, details, flags)
        if f.s.pointee.log >= 0 { captureUnrouted(f.s, f.c, f.head) }
        // As in Envoy a route that answers itself changes nothing of other answers.
        let isForwarding = f.route.map { $0.pointee.cluster != CompiledRoute.noCluster } ?? false
        keepChangesOfAnswer(f, isForwarding ? f.route : nil)
        // Envoy closes after this status, where the answer is its own.
        reply(f.slot, f.c, status: status, body: body, close: status == 400, lateFlags: lateFlags)
    }

    // MARK: - The head

    /// Whether filters have changed the head: it is one of ours then, with all that is added to a client's.
    func isFiltered(_ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        head.pointee.base == UnsafePointer(filteredHead.bytes)
    }

    /// Makes the head what the router would get from the client, so that it can be changed and kept. False: the request has been
    /// answered.
    func makeFiltered(_ f: Filtered) -> Bool {
        if isFiltered(f.head) { return true }
        // Writing a head notes how its body would go; nothing of it goes.
        let (flags, log) = (f.s.pointee.flags, f.s.pointee.log)
        f.s.pointee.log = -1
        if f.head.pointee.connectionUpgrade, f.head.pointee.upgradeField >= 0, f.head.pointee.method != .connect {
            f.s.pointee.flags.insert(.upgrade)
        }
        out.clear()
        state.pointee.keepsOrders = true
        withUnsafePointer(to: CompiledRoute.none) { writeRequestHead(f.c, f.s, f.head, $0) }
        state.pointee.keepsOrders = false
        (f.s.pointee.flags, f.s.pointee.log) = (flags, log)
        let kept = snapshot.listeners[Int(f.c.pointee.listener)].headerCase
        if kept.contains(.preserve) { PreserveCase.write(out, from: 0, f.head, kept) }
        return takeFiltered(f)
    }

    /// What is in `out` becomes the head.
    private func takeFiltered(_ f: Filtered) -> Bool {
        filteredHead.clear()
        filteredHead.append(out.bytes, out.count)
        out.clear()
        if readFiltered(f.head) { return true }
        // More fields than there is room for, which is what filters may add to the most that a client may send.
        reply(f.slot, f.c, status: 431, body: "Request Header Fields Too Large", close: true)
        return false
    }

    /// Reads the head that is in `filteredHead`; false: it is none, which can only be if it came from another process.
    func readFiltered(_ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        filteredHead.reserve(MessageHead.slack)
        let limits = HeadLimits(bytes: .max, fields: head.pointee.capacity)
        let result = head.pointee.parseRequest(
            filteredHead.bytes, filteredHead.count, limits: limits, slack: MessageHead.slack)
        guard case .complete(filteredHead.count) = result else { return false }
        // Only the head of an internal request keeps that field on its way to the filters.
        head.pointee.isInternal = RoutedRequest(head: head).saysInternal
        return true
    }

    /// Changes the request's head. False: it has been answered.
    func changeFiltered(_ f: Filtered, _ changes: CompiledChanges) -> Bool {
        guard makeFiltered(f) else { return false }
        out.clear()
        // Without the empty line.
        out.append(filteredHead.bytes, filteredHead.count - 2)
        let cluster = f.s.pointee.cluster
        f.s.pointee.cluster = f.cluster
        withRoute(f.route) { changeRequest(f.c, f.s, f.head, $0, changes, from: 0) }
        f.s.pointee.cluster = cluster
        out.append("\r\n")
        return takeFiltered(f)
    }

    func withRoute<Result>(
        _ route: UnsafePointer<CompiledRoute>?, _ body: (UnsafePointer<CompiledRoute>) -> Result
    ) -> Result {
        if let route { return body(route) }
        return withUnsafePointer(to: CompiledRoute.none) { body($0) }
    }

    /// Writes a head for the upstream, or as if there was one.
    func writeHead(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) {
        if isFiltered(head) {
            writeFilteredHead(c, s, head, route)
        } else {
            writeRequestHead(c, s, head, route)
        }
    }

    // MARK: - Waiting

    /// Lets the request wait for a filter. Nothing is left of it but what its stream keeps, so that it may leave the process.
    ///
    /// - Parameter mostBody: it waits for its body, which may have so many bytes; 0: that waits too.
    func hold(
        _ f: Filtered, _ state: UnsafeMutablePointer<FilterState>, _ position: Int32, untilNs: UInt64,
        mostBody: UInt64 = 0
    ) {
        // What answers it meanwhile is changed as if it had been passed by all filters.
        let passed = keepChangesOfAnswer(f, f.route, heldAt: position)
        guard makeFiltered(f) else { return }
        f.s.pointee.buffer.free()
        f.s.pointee.buffer.append(filteredHead.bytes, filteredHead.count)
        keepGathered(f.s, state, mostBody: mostBody)
        state.pointee.untilNs = untilNs
        state.pointee.position = position
        state.pointee.passedChanges = UInt32(truncatingIfNeeded: passed)
        state.pointee.isAdopted = false
        state.pointee.route = f.route
        state.pointee.filters = f.filters
        state.pointee.cluster = f.cluster
        // Else its body waits, unread, as a next request would.
        if mostBody == 0 { f.c.pointee.flags.remove(.inBody) }
        armIdle(f.slot, f.c)
    }

    /// What a stream keeps of filters; nil: there is no room.
    func filterState(_ s: StreamPointer) -> UnsafeMutablePointer<FilterState>? {
        if s.pointee.filter < 0 {
            let slot = filterStates.take()
            guard slot >= 0 else { return nil }
            filterStates[slot].pointee = FilterState()
            s.pointee.filter = slot
            s.pointee.flags.insert(.filtered)
        }
        return filterStates[s.pointee.filter]
    }

    /// The stream is over, or has left.
    @inline(never)
    func dropFilterState(_ s: StreamPointer, _ listener: Int32) {
        guard s.pointee.filter >= 0 else { return }
        if filterStates[s.pointee.filter].pointee.hasFault { countFault(listener, -1) }
        filterStates.give(s.pointee.filter)
        s.pointee.filter = -1
        s.pointee.flags.remove([.filtered, .gathered])
    }
}
