import ProxyConfig

/// Requests that may not take longer in all than they are told (`max_stream_duration`), whatever they are in the middle of.
extension Worker {
    /// The route is known: what it allows counts from the request's begin.
    @inline(never)
    func limitDuration(
        _ slot: Int32, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, _ duration: CompiledDuration
    ) {
        let request = RoutedRequest(head: head)
        let limit = duration.limit(request.field(Bytes("grpc-timeout")).map { request.value($0) })
        s.pointee.endNs = limit > 0 ? s.pointee.startNs &+ limit : 0
        if limit > 0 { arm(slot, deadlineNs: s.pointee.endNs) }
    }

    /// It has a connection to a host of a cluster with a limit of its own.
    @inline(never)
    func limitUpstream(_ s: StreamPointer, _ limitNs: UInt64) {
        s.pointee.upstreamEndNs = state.pointee.nowNs &+ limitNs
        arm(s.pointee.downstream, deadlineNs: s.pointee.upstreamEndNs)
    }

    /// The request has taken too long.
    func durationPassed(_ slot: Int32, _ c: ConnectionPointer) {
        let streamSlot = c.pointee.stream
        let s = streams[streamSlot]
        listenerStats[Int(c.pointee.listener)].http[.downstream_rq_max_duration_reached].increment()
        note(s, .maxDurationTimeout)
        if c.pointee.kind == .tunnelDownstream { return closeTunnel(slot, c) }
        if s.pointee.cluster >= 0 { cancelUpstream(streamSlot, s) }
        endLate(slot, c, s, body: "downstream duration timeout")
    }

    /// One try has taken longer than its cluster allows.
    func upstreamDurationPassed(_ slot: Int32, _ c: ConnectionPointer) {
        let streamSlot = c.pointee.stream
        let s = streams[streamSlot]
        clusterStats[Int(s.pointee.cluster)].counters[.upstream_rq_max_duration_reached].increment()
        let host = s.pointee.host
        hold(host)
        defer { letGo(host) }
        cancelUpstream(streamSlot, s)
        s.pointee.upstreamEndNs = 0
        if s.pointee.flags.contains(.retains), retries(s, .perTryTimeout) { return }
        note(s, .upstreamMaxDuration, LogFlags(.upstreamMaxStreamDurationReached))
        endLate(slot, c, s, body: "upstream max stream duration reached")
    }

    private func endLate(_ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, body: StaticString) {
        c.pointee.flags.remove(.readPaused)
        if s.pointee.flags.contains(.responseStarted) { return cutOff(slot, c) }
        reply(slot, c, status: s.pointee.flags.contains(.requestEnded) ? 504 : 408, body: body)
    }
}
