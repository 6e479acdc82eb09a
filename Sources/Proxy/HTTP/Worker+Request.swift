import CLinux
import Glibc

/// A complete request head: checked, routed, rewritten and sent on its way.
extension Worker {
    /// - Parameter startNs: when its first byte came.
    func startRequest(
        _ slot: Int32, _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>, startNs: UInt64
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let stats = listenerStats[Int(c.pointee.listener)]
        if listener.pointee.normalizes, !passesUnderscores(slot, c, head) { return }
        c.pointee.requests &+= 1
        c.pointee.flags.insert(.used)
        let streamSlot = streams.take()
        guard streamSlot >= 0 else { return refuse(slot, c, status: 503, body: "overloaded", .overload) }
        let s = streams[streamSlot]
        s.pointee = Stream()
        s.pointee.downstream = slot
        s.pointee.method = head.pointee.method
        s.pointee.startNs = state.pointee.nowNs
        s.pointee.lastActivityNs = state.pointee.nowNs
        if let logs = listener.pointee.log, logs.pointee.logsRequests {
            s.pointee.log = beginLog(c, logs, startNs: startNs)
        }
        c.pointee.stream = streamSlot
        stats.http[.downstream_rq_total].increment()
        stats.http[.downstream_rq_http1_total].increment()
        stats.httpGauges[.downstream_rq_active].add(1)
        beginBody(c, s, head)
        if state.pointee.overload.isAny, refusesRequest(slot, c, s, head) { return }
        if head.pointee.minorVersion == 0 {
            s.pointee.flags.insert(.http10)
            if !listener.pointee.acceptHTTP10 {
                note(s, .lowVersion, .downstreamProtocol)
                return reply(slot, c, status: 426, body: "Upgrade Required", close: true)
            }
            if head.pointee.authorityLength == 0, listener.pointee.defaultHost.count == 0 {
                note(s, .missingHost)
                if s.pointee.log >= 0 { captureRaw(s, c, head) }
                return reply(slot, c, status: 400, body: "", close: true)
            }
        }
        if !head.pointee.keepsAlive { s.pointee.flags.insert(.clientCloses) }
        var closes = !head.pointee.keepsAlive || c.pointee.flags.contains(.draining)
        if listener.pointee.maxRequests > 0, c.pointee.requests >= listener.pointee.maxRequests {
            stats.http[.downstream_cx_max_requests_reached].increment()
            closes = true
        }
        if closes { s.pointee.flags.insert(.closeDownstream) }
        if listener.pointee.normalizes, !normalize(slot, c, s, head) { return }
        let base = head.pointee.base
        let path = Int(head.pointee.target)
        let targetEnd = path &+ Int(head.pointee.targetLength)
        let readable = head.pointee.readable
        let pathEnd = min(cl_scan_path_end(base, path, targetEnd, readable), targetEnd)
        var end = pathEnd
        while end < targetEnd {
            // A fragment never belongs into a request (RFC 9112 §3.2); Envoy refuses it too.
            if base[end] == UInt8(ascii: "#") {
                stats.http[.downstream_rq_failed_path_normalization].increment()
                note(s, .pathNormalizationFailed)
                if s.pointee.log >= 0 { captureRaw(s, c, head) }
                return reply(slot, c, status: 400, body: "", close: !outlivesErrors(c, head))
            }
            end = cl_scan_path_end(base, end &+ 1, targetEnd, readable)
        }
        route(slot, c, streamSlot, s, head, base + path, pathEnd &- path)
    }

    /// Sets up the receiving of the body that follows the head.
    @inline(__always)
    private func beginBody(_ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>) {
        c.pointee.decoder = BodyDecoder(framing: head.pointee.framing, length: head.pointee.contentLength)
        if c.pointee.decoder.isDone {
            s.pointee.flags.insert(.requestEnded)
        } else {
            c.pointee.flags.insert(.inBody)
        }
    }

    private func route(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ path: UnsafePointer<UInt8>, _ pathLength: Int
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let stats = listenerStats[Int(c.pointee.listener)]
        let table = listener.pointee.routes
        var authority = Bytes(head.pointee.base + Int(head.pointee.authority), Int(head.pointee.authorityLength))
        if authority.count == 0 { authority = listener.pointee.defaultHost }
        let isConnect = head.pointee.method == .connect
        let found = table?._withUnsafeGuaranteedRef { table in
            if table.hasConditions {
                return findByConditions(table, listener, head, authority, Bytes(path, pathLength))
            }
            // CONNECT has no path to match; its routes come with their own matcher.
            return isConnect
                ? table.findConnect(authority: authority.start, authority.count)
                : table.find(authority: authority.start, authority.count, path: path, pathLength)
        }
        guard let found else {
            let upgrade = head.pointee.connectionUpgrade && head.pointee.upgradeField >= 0 && !isHTTP2Upgrade(head)
            if !upgrade, let filters = listener.pointee.filters?.pointee.unrouted {
                return passThroughFilters(slot, c, streamSlot, s, head, filters, nil, upgrade: false)
            }
            if s.pointee.log >= 0 { noteNoRoute(s, c, head) }
            if upgrade {
                stats.http[.downstream_rq_ws_on_non_ws_route].increment()
                note(s, .upgradeFailed)
                return reply(slot, c, status: 403, body: "", close: true)
            }
            stats.http[.rq_total].increment()
            stats.http[.no_route].increment()
            return reply(slot, c, status: 404, body: "", close: isConnect)
        }
        s.pointee.idleTimeoutNs = found.pointee.idleTimeoutNs
        if let duration = found.pointee.duration { limitDuration(slot, s, head, duration.pointee) }
        if s.pointee.log >= 0 { noteRoute(s, c, found.pointee, head) }
        var upgrade = false
        if isConnect || head.pointee.connectionUpgrade && head.pointee.upgradeField >= 0 && !isHTTP2Upgrade(head) {
            guard mayUpgrade(c, head, found) else { return refuseUpgrade(slot, c, s, head) }
            upgrade = true
        }
        if let filters = found.pointee.filters {
            return passThroughFilters(slot, c, streamSlot, s, head, filters, found, upgrade: upgrade)
        }
        goOn(
            slot, c, streamSlot, s, head, found, authority, Bytes(path, pathLength), upgrade: upgrade,
            isFiltered: false)
    }

    /// Whether the route allows the upgrade that the client asks for.
    func mayUpgrade(
        _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) -> Bool {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let isConnect = head.pointee.method == .connect
        return upgradeAllowed(listener, route.pointee, isConnect ? Bytes("connect") : upgradeToken(head))
    }

    func refuseUpgrade(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>
    ) {
        listenerStats[Int(c.pointee.listener)].http[.downstream_rq_ws_on_non_ws_route].increment()
        note(s, .upgradeFailed)
        if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
        reply(slot, c, status: 403, body: "", close: true)
    }

    /// A request that has passed its filters.
    @inline(never)
    func goOn(_ f: Filtered, _ streamSlot: Int32, _ route: UnsafePointer<CompiledRoute>, upgrade: Bool) {
        let request = request(f)
        goOn(
            f.slot, f.c, streamSlot, f.s, f.head, route, request.authority, request.path, upgrade: upgrade,
            isFiltered: true)
    }

    /// What the router does, behind all filters. Inlined twice, so that a request without filters is not asked again whether it
    /// has some.
    @inline(__always)
    private func goOn(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ found: UnsafePointer<CompiledRoute>, _ authority: Bytes,
        _ path: Bytes, upgrade: Bool, isFiltered: Bool
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let stats = listenerStats[Int(c.pointee.listener)]
        let isConnect = head.pointee.method == .connect
        stats.http[.rq_total].increment()
        var cluster = found.pointee.cluster
        if isFiltered, cluster == CompiledRoute.chosenCluster, current.pointee.cluster >= 0 {
            cluster = current.pointee.cluster
            if s.pointee.log >= 0 { noteChosen(s, c, found.pointee, cluster) }
        }
        if cluster < 0 {
            keepChangesOfReply(c, s, head, found)
            let request = routed(listener, head, authority, path)
            cluster = chooseCluster(slot, c, s, head, found.pointee, request)
            if cluster < 0 { return }
        }
        needStats(cluster: Int(cluster))
        s.pointee.cluster = cluster
        if let classes = found.pointee.classes { classify(s, c, classes, routed(listener, head, authority, path)) }
        if upgrade {
            // Such a request does not end before the tunnel does, so the route's timeout never begins to run.
            s.pointee.flags.insert([.upgrade, .closeDownstream])
            if isConnect { s.pointee.flags.insert(found.pointee.terminatesConnect ? .connectTerminates : .connect) }
            s.pointee.flags.remove(.requestEnded)
        }
        var found = found
        // Of a head that filters have made, what stands there is said by them or by an internal client.
        if head.pointee.present.contains(.xEnvoyInternalOnly),
            head.pointee.isInternal || isFiltered && self.isFiltered(head)
        {
            found = obey(listener, head, found)
        }
        s.pointee.timeoutNs = found.pointee.timeoutNs
        if !isFiltered, head.pointee.expectContinue, c.pointee.flags.contains(.inBody) {
            let generation = c.pointee.generation
            sendContinue(slot, c)
            if c.pointee.generation != generation { return }
        }
        if isFiltered { return forward(current.pointee, streamSlot, found) }
        forward(slot, c, streamSlot, s, head, found)
    }

    /// Chooses the upstream and sends the head there.
    private func forward(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) {
        guard choosesUpstream(slot, c, streamSlot, s, head, route) else { return }
        out.clear()
        writeRequestHead(c, s, head, route)
        sendHead(slot, c, streamSlot, s, head, route)
    }

    /// The same of a request that has filters.
    private func forward(_ f: Filtered, _ streamSlot: Int32, _ route: UnsafePointer<CompiledRoute>) {
        guard choosesUpstream(f.slot, f.c, streamSlot, f.s, f.head, route) else { return }
        out.clear()
        writeHead(f.c, f.s, f.head, route)
        keepFilterChanges(f)
        if !gatheredBody.pointee.isEmpty { out.append(body: gatheredBody.pointee.bytes, gatheredBody.pointee.count) }
        sendHead(f.slot, f.c, streamSlot, f.s, f.head, route)
    }

    /// False: there is none, and the request has been answered; or it is a CONNECT that ends here.
    @inline(__always)
    private func choosesUpstream(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) -> Bool {
        let cluster = Int(s.pointee.cluster)
        let stats = clusterStats[cluster]
        if let maintenance = snapshot.clusters[cluster].maintenance, !maintenance.isNone, maintenance.contains(random())
        {
            stats.counters[.upstream_rq_maintenance_mode].increment()
            note(s, .maintenanceMode, .overflow)
            if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
            keepChangesOfReply(c, s, head, route)
            reply(slot, c, status: 503, body: "maintenance mode", cluster: true, overloaded: true)
            return false
        }
        s.pointee.host =
            clusters[cluster].needsCare ? chooseHost(c, s, head, route) : nextHost(clusters + cluster)
        if s.pointee.host < 0 {
            stats.counters[.upstream_cx_none_healthy].increment()
            note(s, .noHealthyUpstream, .noHealthyUpstream)
            if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
            keepChangesOfReply(c, s, head, route)
            reply(slot, c, status: 503, body: "no healthy upstream", cluster: true)
            return false
        }
        if s.pointee.log >= 0 { noteHost(s) }
        if s.pointee.flags.contains(.connectTerminates) {
            if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
            keepChangesOfReply(c, s, head, route)
            terminateConnect(slot, c, streamSlot, s)
            return false
        }
        return true
    }

    /// Sends the head, which is in `out`, or lets it wait for a connection.
    @inline(__always)
    private func sendHead(
        _ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) {
        if let mirrors = route.pointee.mirrors { startMirrors(c, streamSlot, s, head, route, mirrors.pointee) }
        let names = snapshot.clusters[Int(s.pointee.cluster)].headerCase
        let kept = snapshot.listeners[Int(c.pointee.listener)].headerCase
        if !names.union(kept).isEmpty { writeNames(names, from: 0, head, kept) }
        if let policy = route.pointee.retry {
            if let follows = route.pointee.redirects {
                beginRedirects(s, follows.pointee)
            } else if s.pointee.redirect >= 0 {
                dropRedirects(s)
            }
            beginRetries(s, policy.pointee, head, bodyLimit: route.pointee.bodyLimit)
        }
        switch attach(streamSlot, s) {
        case .connected:
            let up = s.pointee.upstream
            if s.pointee.flags.contains(.retains) { beginTry(s) }
            flushScratch(to: up, connections[up])
        case .pending:
            if s.pointee.flags.contains(.retains) { out.clear() } else { flushUpstreamBody(s) }
        case .overflow:
            out.clear()
            endRetries(s)
            return reply(slot, c, .overflow)
        case .failed(let code):
            out.clear()
            return upstreamFailed(streamSlot, s, .connectFailure(code))
        }
        // The write may have failed, and the failure may have ended the stream.
        if c.pointee.stream != streamSlot { return }
        let now = state.pointee.nowNs
        if s.pointee.flags.contains(.requestEnded), s.pointee.retry < 0 {
            // As `requestEnded` does, with one timer for both.
            s.pointee.requestEndNs = now
            let (idle, whole) = (s.pointee.idleTimeoutNs, s.pointee.timeoutNs)
            // 0, none, is more than all others.
            let first = min(idle &- 1, whole &- 1) &+ 1
            if first > 0 { arm(slot, deadlineNs: now &+ first) }
            return
        }
        if s.pointee.idleTimeoutNs > 0 { arm(slot, deadlineNs: now &+ s.pointee.idleTimeoutNs) }
        // Else its body is to come in time.
        if s.pointee.flags.contains(.requestEnded) { requestEnded(slot, s) } else { armIdle(slot, c) }
    }
}
