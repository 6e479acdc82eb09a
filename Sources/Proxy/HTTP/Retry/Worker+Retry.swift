import Glibc
import StatCatalog

/// Requests that are sent again (Envoy's router, "Retry semantics"): as long as no response has gone to the client, the
/// request is kept in `stream.buffer` (`Stream.Flags.retains`), whole and as it went upstream.
extension Worker {
    enum Lapse {
        /// A response came that asks for another try.
        ///
        /// - Parameter resetNs: when it may come again, in nanoseconds from now; 0: the host did not say.
        case status(UInt16, isRateLimited: Bool, hasHeader: Bool, resetNs: UInt64)
        /// None came.
        case failure(UpstreamFailure)
        case perTryTimeout
    }

    // MARK: Keeping

    /// The route has a policy: the head, which is in `out`, is the first that is kept.
    ///
    /// - Parameters:
    ///   - head: what came from the client.
    ///   - bodyLimit: the route's; `.max`: it has none.
    func beginRetries(
        _ s: StreamPointer, _ policy: CompiledRetry, _ head: UnsafeMutablePointer<MessageHead>, bodyLimit: UInt64
    ) {
        // CONNECT and upgrades become tunnels, of which nothing can be kept.
        if s.pointee.flags.contains(.upgrade) { return }
        var policy = policy
        if let tests = policy.requestHeaders, !tests.pointee.anyHolds(RoutedRequest(head: head)) {
            guard s.pointee.flags.contains(.redirects) else { return }
            policy.conditions = []
        }
        let slot = retries.take()
        // Without room it is tried once.
        guard slot >= 0 else { return }
        retries[slot].pointee = RetryState()
        retries[slot].pointee.policy = policy
        if policy.hasNames { retries[slot].pointee.headerNames.append(orderedNames.bytes, orderedNames.count) }
        if clusters[Int(s.pointee.cluster)].needsCare { retries[slot].pointee.key = state.pointee.hashKey }
        retries[slot].pointee.bodyLimit = bodyLimit == .max ? bodyLimitOfListener(s) : bodyLimit
        // What filters have waited for stands behind the head already.
        retries[slot].pointee.bodyBytes = UInt64(gatheredBody.pointee.count)
        s.pointee.retry = slot
        if keepsTooMuch(s) {
            clusterStats[Int(s.pointee.cluster)].counters[.retry_or_shadow_abandoned].increment()
            return
        }
        s.pointee.flags.insert(.retains)
        s.pointee.buffer.append(out.bytes, out.count)
    }

    /// Keeps what is in `out`, as long as it is not too much; then the request is not sent again.
    func keepForRetry(_ s: StreamPointer) {
        s.pointee.buffer.append(out.bytes, out.count)
        if !keepsTooMuch(s) { return }
        if s.pointee.upstream < 0 { pauseReading(connections[s.pointee.downstream]) } else { abandonRetries(s) }
    }

    private func keepsTooMuch(_ s: StreamPointer) -> Bool {
        retries[s.pointee.retry].pointee.bodyBytes > retries[s.pointee.retry].pointee.bodyLimit
    }

    private func bodyLimitOfListener(_ s: StreamPointer) -> UInt64 {
        let limit = snapshot.listeners[Int(connections[s.pointee.downstream].pointee.listener)].bufferLimit
        return limit == 0 ? .max : UInt64(limit)
    }

    private func abandonRetries(_ s: StreamPointer) {
        clusterStats[Int(s.pointee.cluster)].counters[.retry_or_shadow_abandoned].increment()
        endRetries(s)
    }

    /// It is not sent again any more; what it has been through stays known until its end.
    func endRetries(_ s: StreamPointer) {
        guard s.pointee.flags.contains(.retains) else { return }
        s.pointee.flags.remove(.retains)
        s.pointee.buffer.free()
        returnToken(s)
    }

    /// The stream is over.
    func dropRetries(_ s: StreamPointer) {
        returnToken(s)
        if retries[s.pointee.retry].pointee.againNs > 0 { letGo(s.pointee.host) }
        giveRetry(s.pointee.retry)
        s.pointee.retry = -1
    }

    /// Gives a place in the slab back, with what it keeps.
    func giveRetry(_ slot: Int32) {
        retries[slot].pointee.headerNames.free()
        retries.give(slot)
    }

    /// Keeps a host until `letGo`, also when it is no longer a member of its cluster and has no connection: a stream that
    /// waits to be sent again names it.
    func hold(_ host: Int32) {
        if host >= 0 { hosts[host].pointee.retrying += 1 }
    }

    func letGo(_ host: Int32) {
        guard host >= 0 else { return }
        hosts[host].pointee.retrying -= 1
        freeHostIfUnused(host, hosts[host])
    }

    private func returnToken(_ s: StreamPointer) {
        let r = retries[s.pointee.retry]
        guard r.pointee.countsRetry else { return }
        r.pointee.countsRetry = false
        use(Int(s.pointee.cluster), .retries, -1)
    }

    /// Whether `responseHead` lets it be sent again, as far as its policy decides.
    func willRetry(_ s: StreamPointer) -> Bool {
        let r = retries[s.pointee.retry]
        return r.pointee.attempts < r.pointee.policy.retries && isRetriable(r, lapse(of: s))
    }

    /// What `responseHead` says.
    private func lapse(of s: StreamPointer) -> Lapse {
        let head = responseHead.pointee
        let r = retries[s.pointee.retry]
        let response = RoutedRequest(head: responseHead)
        return .status(
            head.status, isRateLimited: head.present.contains(.xEnvoyRateLimited),
            hasHeader: r.pointee.policy.responseHeaders?.pointee.anyHolds(response) ?? false
                || r.pointee.hasNamedHeader(response),
            resetNs: r.pointee.policy.resets?.pointee.wait(response) ?? 0)
    }

    /// Whether it was sent more than once.
    func wasRetried(_ s: StreamPointer) -> Bool {
        s.pointee.retry >= 0 && retries[s.pointee.retry].pointee.attempts > 0
    }

    // MARK: Deciding

    /// Whether the request is sent again; then it waits for that, and nothing of this try goes to the client.
    func retries(_ s: StreamPointer, _ lapse: Lapse) -> Bool {
        let r = retries[s.pointee.retry]
        returnToken(s)
        // More may have come than is kept, while there was no connection.
        if keepsTooMuch(s) {
            abandonRetries(s)
            return false
        }
        guard isRetriable(r, lapse) else {
            if r.pointee.attempts > 0 { countRetry(s, .upstream_rq_retry_success, .upstream_rq_retry_success) }
            endRetries(s)
            return false
        }
        guard r.pointee.attempts < r.pointee.policy.retries else {
            countRetry(s, .upstream_rq_retry_limit_exceeded, .upstream_rq_retry_limit_exceeded)
            if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.flags.insert(.retryLimit) }
            endRetries(s)
            return false
        }
        let usage = snapshot.usage(of: Int(s.pointee.cluster))
        guard usage.retries < retryLimit(s, usage) else {
            countRetry(s, .upstream_rq_retry_overflow, .upstream_rq_retry_overflow)
            endRetries(s)
            return false
        }
        use(Int(s.pointee.cluster), .retries, 1)
        r.pointee.countsRetry = true
        r.pointee.attempts += 1
        r.pointee.tryNs = 0
        r.pointee.wasSent = false
        let wait = backOff(r, lapse, clusterStats[Int(s.pointee.cluster)])
        r.pointee.againNs = max(state.pointee.nowNs &+ wait, 1)
        hold(s.pointee.host)
        countRetry(s, .upstream_rq_retry, .upstream_rq_retry)
        arm(s.pointee.downstream, deadlineNs: r.pointee.againNs)
        return true
    }

    /// How long it waits for its next try: as the host has said, and then up to half of that longer, or at random.
    private func backOff(
        _ r: UnsafeMutablePointer<RetryState>, _ lapse: Lapse, _ stats: ClusterStats
    ) -> UInt64 {
        if case .status(_, _, _, let resetNs) = lapse, resetNs > 1 {
            stats.counters[.upstream_rq_retry_backoff_ratelimited].increment()
            r.pointee.limitedTries += 1
            return resetNs &+ random() % (resetNs / 2)
        }
        stats.counters[.upstream_rq_retry_backoff_exponential].increment()
        return r.pointee.backOff(random())
    }

    /// For the cluster, and for what the request is counted by beside it.
    private func countRetry(_ s: StreamPointer, _ ofCluster: ClusterCounter, _ ofClass: RequestClassCounter) {
        clusterStats[Int(s.pointee.cluster)].counters[ofCluster].increment()
        if s.pointee.flags.contains(.classified) { count(ofClass, s) }
    }

    /// How many requests of its cluster may wait to be sent again, or be again under way.
    private func retryLimit(_ s: StreamPointer, _ usage: ClusterUsage) -> UInt64 {
        let cluster = Int(s.pointee.cluster)
        let limits = snapshot.clusters + cluster
        guard let budget = limits.pointee.retryBudget, budget.isOn else { return UInt64(limits.pointee.maxRetries) }
        // The try that has just failed counts as active, as in Envoy, whether or not it still has its connection.
        let counted = s.pointee.upstream >= 0 || s.pointee.flags.contains(.pending)
        return budget.limit(active: activity.requests(cluster: cluster) &+ usage.pending &+ (counted ? 0 : 1))
    }

    private func isRetriable(_ r: UnsafeMutablePointer<RetryState>, _ lapse: Lapse) -> Bool {
        let policy = r.pointee.policy
        switch lapse {
        case .status(let status, let isRateLimited, let hasHeader, _):
            return policy.retries(status: status, isRateLimited: isRateLimited, hasHeader: hasHeader)
        case .perTryTimeout: return policy.retriesReset(isConnecting: false, wasSent: r.pointee.wasSent)
        case .failure(let failure):
            switch failure {
            // As in Envoy: it would only make things worse.
            case .overflow: return false
            case .connectFailure, .connectTimeout: return policy.retriesReset(isConnecting: true, wasSent: false)
            case .terminated, .protocolError:
                return policy.retriesReset(isConnecting: false, wasSent: r.pointee.wasSent)
            }
        }
    }

    /// A response head has come, `responseHead`: whether it is thrown away and the request sent again. Then the connection
    /// is let go, too.
    func retriesResponse(_ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer, leftover: Int) -> Bool {
        guard retries(s, lapse(of: s)) else { return false }
        let watch = snapshot.clusters[Int(s.pointee.cluster)].watch
        if !watch.isEmpty { noteResponse(u, s.pointee.cluster, watch) }
        chargeRetried(s, responseHead.pointee.status)
        letGoOfAnswered(slot, u, s, leftover: leftover, countsReset: true)
        return true
    }

    /// The connection of an answer that nobody gets, `responseHead`: it serves on if that was all of it.
    func letGoOfAnswered(
        _ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer, leftover: Int, countsReset: Bool = false
    ) {
        let head = responseHead.pointee
        let most = snapshot.clusters[Int(s.pointee.cluster)].maxRequestsPerConnection
        let isWhole = BodyDecoder(framing: head.framing, length: head.contentLength).isDone
        let reusable =
            isWhole && leftover == 0 && head.keepsAlive && u.pointee.output.isEmpty
            && s.pointee.flags.contains(.requestEnded) && !s.pointee.flags.contains(.closeUpstream)
            && (most == 0 || u.pointee.requests < most)
            && u.pointee.flags.isDisjoint(with: [.readEnded, .peerClosing, .inOutbox])
        // That was said of this connection, not of the next.
        s.pointee.flags.remove(.closeUpstream)
        if reusable {
            detachUpstream(s, u)
            u.pointee.input.free()
            u.pointee.flags.insert(.used)
            u.pointee.flags.remove(.readPaused)
            serveNext(slot, u)
        } else {
            if countsReset { clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_tx_reset].increment() }
            close(slot, u)
            detachUpstream(s, u)
        }
    }

    /// The stats of `cluster.<name>.retry.`: few, so that the main thread makes them when they are needed.
    private func chargeRetried(_ s: StreamPointer, _ status: UInt16) {
        for number in [status, status / 100, 0] { chargeRare(s.pointee.cluster, number, .retry) }
    }

    // MARK: Again

    /// The time has come.
    func retryNow(_ slot: Int32, _ c: ConnectionPointer, _ streamSlot: Int32, _ s: StreamPointer) {
        let r = retries[s.pointee.retry]
        let cluster = Int(s.pointee.cluster)
        r.pointee.againNs = 0
        if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.attempts += 1 }
        let before = s.pointee.host
        defer { letGo(before) }
        // A cluster that the configuration has no more is left with the host that the request had, as is one whose host the client
        // has named.
        if cluster < snapshot.clusterCount, snapshot.clusters[cluster].balancing.policy != .originalDst {
            r.pointee.attempted.note(before)
            let isByPriority = r.pointee.policy.priorityFrequency > 0
            if isByPriority, before >= 0 { r.pointee.tried.note(hosts[before].pointee.priority) }
            for attempt in 0..<max(r.pointee.policy.hostAttempts, 1) {
                if isByPriority, let level = retryLevel(cluster: cluster, r) {
                    s.pointee.host = chooseNow(cluster: cluster, r.pointee.key, attempt: attempt, level: level)
                } else {
                    s.pointee.host =
                        clusters[cluster].needsCare
                        ? chooseCarefully(cluster: cluster, r.pointee.key, attempt: attempt)
                        : nextHost(clusters + cluster)
                }
                if s.pointee.host < 0 || !avoids(s.pointee.host, r) { break }
            }
        }
        if s.pointee.host < 0 {
            clusterStats[cluster].counters[.upstream_cx_none_healthy].increment()
            note(s, .noHealthyUpstream, .noHealthyUpstream)
            endRetries(s)
            return reply(slot, c, status: 503, body: "no healthy upstream", cluster: true)
        }
        if s.pointee.log >= 0 { noteHost(s) }
        if !r.pointee.policy.marks.isEmpty { markTry(s, r.pointee) }
        out.clear()
        switch attach(streamSlot, s) {
        case .connected:
            let up = s.pointee.upstream
            sendKept(up, connections[up], s)
            if s.pointee.upstream == up,
                connections[up].pointee.output.count <= Int(connections[up].pointee.bufferLimit)
            {
                resumeReading(slot, c)
            }
        case .pending: break
        case .overflow:
            endRetries(s)
            return reply(slot, c, .overflow)
        case .failed(let code): return upstreamFailed(streamSlot, s, .connectFailure(code))
        }
        if c.pointee.stream == streamSlot { armIdle(slot, c) }
    }

    /// The host takes too long for one try, whatever the route's timeout says.
    func perTryTimedOut(_ slot: Int32, _ c: ConnectionPointer, _ counter: ClusterCounter, _ details: LogDetails) {
        let streamSlot = c.pointee.stream
        let s = streams[streamSlot]
        let cluster = Int(s.pointee.cluster)
        clusterStats[cluster].counters[counter].increment()
        if !snapshot.clusters[cluster].watch.isEmpty { noteFailure(s.pointee.host, status: 504) }
        let host = s.pointee.host
        hold(host)
        defer { letGo(host) }
        cancelUpstream(streamSlot, s)
        if s.pointee.flags.contains(.retains), retries(s, .perTryTimeout) { return }
        note(s, details, .upstreamTimeout)
        replyAndAbort(slot, c, status: 504, body: "upstream request timeout")
    }

    /// Sends all of the request that has come so far on a connection that was just bound to it.
    func sendKept(_ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer) {
        beginTry(s)
        // The write may end the stream and with it the buffer.
        let kept = s.pointee.buffer
        write(slot, u, kept.bytes, kept.count)
        // More may have come at once than is to be kept, while there was no connection yet.
        if s.pointee.upstream == slot, s.pointee.flags.contains(.retains), keepsTooMuch(s) { abandonRetries(s) }
    }

    /// What has come of the request goes out, or has gone.
    func beginTry(_ s: StreamPointer) {
        let r = retries[s.pointee.retry]
        r.pointee.wasSent = true
        if s.pointee.flags.contains(.requestEnded) { r.pointee.tryNs = state.pointee.nowNs }
    }
}
