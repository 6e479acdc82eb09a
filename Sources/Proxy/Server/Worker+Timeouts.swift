import Glibc

/// Deadlines. A connection's entry in the wheel may fire early; what is really due is worked out here, from the times
/// that the connection and its stream carry.
extension Worker {
    private enum Reason {
        case none
        case idle, headers, request, streamIdle, response, linger, grace, connect, tunnelIdle, maxDuration, retry,
            perTry, perTryIdle, proxyHeader, leaving, filter, duration, upstreamDuration
    }

    private struct Due {
        var atNs: UInt64 = .max
        var reason = Reason.none
        /// Considers a time; 0 means that there is none.
        @inline(__always)
        mutating func consider(at timeNs: UInt64, _ why: Reason) {
            if timeNs > 0 { consider(timeNs &- 1, 1, why) }
        }
        /// Considers `start + length`; a length of 0 means that this timeout is off.
        @inline(__always)
        mutating func consider(_ startNs: UInt64, _ lengthNs: UInt64, _ why: Reason) {
            if lengthNs == 0 { return }
            let at = startNs &+ lengthNs
            if at < atNs {
                atNs = at
                reason = why
            }
        }
    }

    func timerFired(_ slot: Int32, _ c: ConnectionPointer) {
        let due = self.due(c)
        guard due.reason != .none else { return }
        if due.atNs > state.pointee.nowNs { return arm(slot, deadlineNs: due.atNs) }
        act(slot, c, due.reason)
        if c.pointee.kind != .free, c.pointee.timer.tick == 0 {
            let next = self.due(c)
            if next.reason != .none { arm(slot, deadlineNs: max(next.atNs, state.pointee.nowNs &+ 1_000_000)) }
        }
    }

    private func due(_ c: ConnectionPointer) -> Due {
        var due = Due()
        switch c.pointee.kind {
        case .free: break
        case .downstreamHTTP: dueDownstream(c, &due)
        case .upstreamHTTP:
            if c.pointee.flags.contains(.connecting) {
                due.consider(c.pointee.deadlineNs, 1, .connect)
            } else if c.pointee.stream < 0 {
                let cluster = snapshot.clusters + self.cluster(of: c)
                due.consider(c.pointee.lastActivityNs, cluster.pointee.idleTimeoutNs, .idle)
            }
        case .tunnelDownstream:
            let listener = snapshot.listeners + Int(c.pointee.listener)
            let last = max(
                c.pointee.lastActivityNs,
                c.pointee.peer >= 0 ? connections[c.pointee.peer].pointee.lastActivityNs : 0)
            let idle =
                c.pointee.stream >= 0
                ? streams[c.pointee.stream].pointee.idleTimeoutNs : listener.pointee.idleTimeoutNs
            due.consider(last, idle, .tunnelIdle)
            if c.pointee.stream >= 0 { due.consider(at: streams[c.pointee.stream].pointee.endNs, .duration) }
            due.consider(c.pointee.createdNs, listener.pointee.maxDurationNs, .maxDuration)
        case .tunnelUpstream:
            if c.pointee.flags.contains(.connecting) {
                due.consider(c.pointee.deadlineNs, 1, .connect)
            } else if c.pointee.flags.contains(.spare) {
                due.consider(c.pointee.lastActivityNs, Self.spareIdleNs, .idle)
            }
        case .awaitingHeader:
            if c.pointee.deadlineNs > 0 { due.consider(c.pointee.deadlineNs, 1, .proxyHeader) }
        case .echo: break
        case .mirror:
            guard c.pointee.stream >= 0 else { break }
            let s = streams[c.pointee.stream]
            if s.pointee.flags.contains(.requestEnded) {
                due.consider(s.pointee.requestEndNs, s.pointee.timeoutNs, .response)
            }
            if s.pointee.upstream >= 0 { due.consider(at: s.pointee.upstreamEndNs, .upstreamDuration) }
        case .leaving: if c.pointee.deadlineNs > 0 { due.consider(c.pointee.deadlineNs, 1, .leaving) }
        }
        return due
    }

    @inline(__always)
    private func dueDownstream(_ c: ConnectionPointer, _ due: inout Due) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        if !c.pointee.flags.isDisjoint(with: [.lingering, .closeAfterFlush]) {
            if c.pointee.flags.contains(.lingering) { return due.consider(c.pointee.deadlineNs, 1, .linger) }
            if c.pointee.stream < 0 {
                return due.consider(c.pointee.lastActivityNs, listener.pointee.delayedCloseNs, .linger)
            }
        }
        if c.pointee.stream >= 0 {
            let s = streams[c.pointee.stream]
            due.consider(s.pointee.lastActivityNs, s.pointee.idleTimeoutNs, .streamIdle)
            if s.pointee.flags.contains(.requestEnded) {
                due.consider(s.pointee.requestEndNs, s.pointee.timeoutNs, .response)
            } else if !s.pointee.flags.contains(.responseStarted) {
                due.consider(s.pointee.startNs, listener.pointee.requestTimeoutNs, .request)
            }
            due.consider(at: s.pointee.endNs, .duration)
            if s.pointee.upstream >= 0 { due.consider(at: s.pointee.upstreamEndNs, .upstreamDuration) }
            if s.pointee.retry >= 0 { dueRetry(s, retries[s.pointee.retry], &due) }
            if s.pointee.filter >= 0 {
                let until = filterStates[s.pointee.filter].pointee.untilNs
                if until > 0, until != FilterState.never { due.consider(until &- 1, 1, .filter) }
            }
        } else if c.pointee.flags.contains(.headStarted) {
            due.consider(c.pointee.lastActivityNs, listener.pointee.streamIdleTimeoutNs, .streamIdle)
            due.consider(c.pointee.deadlineNs, listener.pointee.headersTimeoutNs, .headers)
            due.consider(c.pointee.deadlineNs, listener.pointee.requestTimeoutNs, .request)
        } else if c.pointee.flags.contains(.draining) {
            due.consider(c.pointee.deadlineNs, 1, .grace)
        } else {
            due.consider(c.pointee.lastActivityNs, listener.pointee.idleTimeoutNs, .idle)
        }
        due.consider(c.pointee.createdNs, listener.pointee.maxDurationNs, .maxDuration)
    }

    @inline(never)
    private func dueRetry(_ s: StreamPointer, _ r: UnsafeMutablePointer<RetryState>, _ due: inout Due) {
        if r.pointee.againNs > 0 {
            if s.pointee.flags.contains(.retains) { due.consider(r.pointee.againNs &- 1, 1, .retry) }
        } else if r.pointee.tryNs > 0, s.pointee.upstream >= 0 {
            if !s.pointee.flags.contains(.responseStarted) {
                due.consider(r.pointee.tryNs, r.pointee.policy.perTryNs, .perTry)
            }
            let last = max(r.pointee.tryNs, s.pointee.lastActivityNs)
            due.consider(last, r.pointee.policy.perTryIdleNs, .perTryIdle)
        }
    }

    /// Arms the timer of a downstream connection that is idle, or in the middle of a request.
    func armIdle(_ slot: Int32, _ c: ConnectionPointer) {
        var due = Due()
        dueDownstream(c, &due)
        if due.reason != .none { arm(slot, deadlineNs: due.atNs) }
    }

    /// Arms the timer of a connection of any kind by what it carries.
    func armWhatIsDue(_ slot: Int32, _ c: ConnectionPointer) {
        let due = self.due(c)
        if due.reason != .none { arm(slot, deadlineNs: due.atNs) }
    }

    private func act(_ slot: Int32, _ c: ConnectionPointer, _ reason: Reason) {
        switch reason {
        case .none: break
        case .linger:
            listenerStats[Int(c.pointee.listener)].http[.downstream_cx_delayed_close_timeout].increment()
            close(slot, c)
        case .grace: closeAfterFlush(slot, c)
        case .idle:
            if c.pointee.kind == .upstreamHTTP || c.pointee.kind == .tunnelUpstream {
                clusterStats[cluster(of: c)].counters[.upstream_cx_idle_timeout].increment()
                close(slot, c)
            } else {
                listenerStats[Int(c.pointee.listener)].http[.downstream_cx_idle_timeout].increment()
                close(slot, c)
            }
        case .headers:
            listenerStats[Int(c.pointee.listener)].http[.downstream_rq_header_timeout].increment()
            refuse(slot, c, status: 408, body: "request header timeout", .requestHeaderTimeout)
        case .request:
            listenerStats[Int(c.pointee.listener)].http[.downstream_rq_timeout].increment()
            if c.pointee.stream >= 0 {
                note(streams[c.pointee.stream], .requestOverallTimeout)
                replyAndAbort(slot, c, status: 408, body: "request timeout")
            } else {
                refuse(slot, c, status: 408, body: "request timeout", .requestOverallTimeout)
            }
        case .streamIdle:
            listenerStats[Int(c.pointee.listener)].http[.downstream_rq_idle_timeout].increment()
            guard c.pointee.stream >= 0 else {
                return refuse(slot, c, status: 408, body: "stream timeout", .streamIdleTimeout)
            }
            note(streams[c.pointee.stream], .streamIdleTimeout, .streamIdle)
            let ended = streams[c.pointee.stream].pointee.flags.contains(.requestEnded)
            replyAndAbort(slot, c, status: ended ? 504 : 408, body: "stream timeout")
        case .response:
            let s = streams[c.pointee.stream]
            clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_timeout].increment()
            if s.pointee.flags.contains(.classified) { count(.upstream_rq_timeout, s) }
            note(s, .responseTimeout, .upstreamTimeout)
            // A host that was not asked, since the request waits, has not failed.
            if s.pointee.upstream >= 0, !s.pointee.flags.contains(.responseStarted),
                !snapshot.clusters[Int(s.pointee.cluster)].watch.isEmpty
            {
                noteFailure(s.pointee.host, status: 504)
            }
            replyAndAbort(slot, c, status: 504, body: "upstream request timeout")
        case .retry:
            let streamSlot = c.pointee.stream
            retryNow(slot, c, streamSlot, streams[streamSlot])
        case .perTry: perTryTimedOut(slot, c, .upstream_rq_per_try_timeout, .perTryTimeout)
        case .perTryIdle: perTryTimedOut(slot, c, .upstream_rq_per_try_idle_timeout, .perTryIdleTimeout)
        case .connect: connectTimedOut(slot, c)
        case .proxyHeader: headerTimedOut(slot, c)
        case .leaving: close(slot, c)
        case .filter: resumeFiltered(slot, c)
        case .duration: durationPassed(slot, c)
        case .upstreamDuration: upstreamDurationPassed(slot, c)
        case .tunnelIdle:
            if c.pointee.flags.contains(.upgraded) {
                listenerStats[Int(c.pointee.listener)].http[.downstream_rq_idle_timeout].increment()
                if c.pointee.stream >= 0 { note(streams[c.pointee.stream], .streamIdleTimeout, .streamIdle) }
            } else {
                listenerStats[Int(c.pointee.listener)].tcp[.idle_timeout].increment()
            }
            closeTunnel(slot, c)
        case .maxDuration:
            if c.pointee.kind == .tunnelDownstream {
                if !c.pointee.flags.contains(.upgraded) {
                    listenerStats[Int(c.pointee.listener)].tcp[.max_downstream_connection_duration].increment()
                }
                closeTunnel(slot, c)
            } else {
                listenerStats[Int(c.pointee.listener)].http[.downstream_cx_max_duration_reached].increment()
                // A request in flight is finished first; its response says so.
                c.pointee.createdNs = .max &- (1 << 62)
                c.pointee.flags.insert(.draining)
                if c.pointee.stream < 0 { closeAfterFlush(slot, c) }
            }
        }
    }
}
