import Glibc

/// Why the upstream side of a request failed before its response began.
enum UpstreamFailure {
    case connectFailure(Int32)
    case connectTimeout
    case overflow
    /// The host closed the connection without an answer.
    case terminated
    case protocolError

    var status: UInt16 {
        if case .protocolError = self { return 502 }
        return 503
    }

    /// This host could not even try.
    var isLocal: Bool {
        guard case .connectFailure(let code) = self else { return false }
        switch code {
        case EADDRNOTAVAIL, EACCES, EPERM: return true
        // What a socket is configured to have (`upstream_bind_config`) and cannot.
        case EINVAL, EAFNOSUPPORT, ENOPROTOOPT, EOPNOTSUPP: return true
        default: return SystemShortage.isShortage(code)
        }
    }

    /// Envoy's words behind "reset reason: ".
    var reason: StaticString {
        switch self {
        case .connectFailure: return isLocal ? "local connection failure" : "remote connection failure"
        case .connectTimeout: return "connection timeout"
        case .overflow: return "overflow"
        case .terminated: return "connection termination"
        case .protocolError: return "protocol error"
        }
    }
}

/// Answers that the proxy gives itself, in Envoy's words and order of fields.
extension Worker {
    /// Answers the request in flight of `c` and ends it. Nothing of the response may have been sent.
    ///
    /// - Parameters:
    ///   - close: the connection ends with it. It does so too while the request is not complete: what still comes of it
    ///     cannot be told from a next request.
    ///   - cluster: the answer stands for one of the cluster and is counted there.
    ///   - isMapped: `local_reply_config` may change it.
    ///   - lateFlags: what only access logs say of it, and no mapper of that.
    func reply(
        _ slot: Int32, _ c: ConnectionPointer, status: UInt16, body: StaticString, close: Bool = false,
        cluster: Bool = false, overloaded: Bool = false, isMapped: Bool = true, lateFlags: LogFlags = []
    ) {
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return }
        let s = streams[streamSlot]
        if cluster { chargeUpstream(s, status) }
        beginReply(c, s, status: status, close: close)
        if body.utf8CodeUnitCount > 0 {
            out.append("content-length: ")
            out.append(decimal: UInt64(body.utf8CodeUnitCount))
            out.append("\r\ncontent-type: text/plain\r\n")
        }
        if overloaded, !suppressesEnvoyHeaders(c) { out.append("x-envoy-overloaded: true\r\n") }
        finishReply(slot, c, s, Bytes(body), isMapped: isMapped, lateFlags: lateFlags)
    }

    /// Answers for an upstream that failed.
    func reply(_ slot: Int32, _ c: ConnectionPointer, _ failure: UpstreamFailure) {
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return }
        let s = streams[streamSlot]
        let prefix: StaticString =
            wasRetried(s)
            ? "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
            : "upstream connect error or disconnect/reset before headers. reset reason: "
        let reason = failure.reason
        noteFailure(s, failure, responseStarted: false)
        chargeUpstream(s, failure.status)
        beginReply(c, s, status: failure.status, close: false)
        out.append("content-length: ")
        out.append(decimal: UInt64(prefix.utf8CodeUnitCount + reason.utf8CodeUnitCount))
        out.append("\r\ncontent-type: text/plain\r\n")
        if case .overflow = failure, !suppressesEnvoyHeaders(c) { out.append("x-envoy-overloaded: true\r\n") }
        finishReply(slot, c, s, Bytes(prefix), Bytes(reason))
    }

    /// `direct_response` or `redirect` of a route.
    func directReply(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ route: CompiledRoute,
        _ head: UnsafeMutablePointer<MessageHead>, _ request: RoutedRequest
    ) {
        beginReply(c, s, status: route.directStatus, close: false)
        if let redirect = route.redirect {
            out.append("location: ")
            redirect.pointee.write(request, matched: route.matchedLength(request.path.count), to: out)
            out.append("\r\n")
        } else if route.directStatus == 201 || route.directStatus / 100 == 3 {
            out.append("location: ")
            out.append(request.scheme)
            out.append("://")
            out.append(head.pointee.base + Int(head.pointee.authority), Int(head.pointee.authorityLength))
            out.append(head.pointee.base + Int(head.pointee.target), Int(head.pointee.targetLength))
            out.append("\r\n")
        }
        if route.directBody.count > 0 {
            out.append("content-length: ")
            out.append(decimal: UInt64(route.directBody.count))
            out.append("\r\ncontent-type: text/plain\r\n")
        }
        finishReply(slot, c, s, route.directBody)
    }

    /// An answer that sends the client elsewhere.
    func replyRedirect(_ slot: Int32, _ c: ConnectionPointer, status: UInt16, _ location: Bytes) {
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return }
        let s = streams[streamSlot]
        beginReply(c, s, status: status, close: false)
        out.field("location: ", location)
        finishReply(slot, c, s, Bytes(""))
    }

    private func beginReply(_ c: ConnectionPointer, _ s: StreamPointer, status: UInt16, close: Bool) {
        let stats = listenerStats + Int(c.pointee.listener)
        decideClose(c, s, stats)
        if close { s.pointee.flags.insert(.closeDownstream) }
        if !s.pointee.flags.contains(.requestEnded) {
            stats.pointee.http[.downstream_rq_response_before_rq_complete].increment()
            s.pointee.flags.insert(.closeDownstream)
        }
        s.pointee.status = status
        out.clear()
        out.append(s.pointee.flags.contains(.http10) && acceptsHTTP10(c) ? "HTTP/1.0 " : "HTTP/1.1 ")
        out.append(decimal: UInt64(status))
        out.append(byte: ASCII.space)
        out.append(StatusText.reason(status))
        out.append("\r\n")
    }

    private func suppressesEnvoyHeaders(_ c: ConnectionPointer) -> Bool {
        snapshot.listeners[Int(c.pointee.listener)].suppressesEnvoyHeaders
    }

    private func acceptsHTTP10(_ c: ConnectionPointer) -> Bool {
        snapshot.listeners[Int(c.pointee.listener)].acceptHTTP10
    }

    private func finishReply(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ beginning: Bytes, _ rest: Bytes = Bytes(""),
        isMapped: Bool = true, lateFlags: LogFlags = []
    ) {
        var (first, second) = (beginning, rest)
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let replies = isMapped ? listener.pointee.log?.pointee.replies : nil
        if let replies {
            if s.pointee.flags.contains(.changesResponse) { changeResponse(s, listener, from: 0) }
            (first, second) = (mapReply(c, s, replies, first, second), Bytes(""))
        }
        if lateFlags != [] { noteFlags(s, lateFlags) }
        if s.pointee.flags.contains(.healthCheck) { keepHealth(s, s.pointee.status, nil) }
        chargeDownstream(s, listenerStats + Int(c.pointee.listener), s.pointee.status)
        let lines = HeadLines(out, from: 0)
        if replies == nil || lines.find(Bytes("date")) == nil {
            out.append("date: ")
            appendDate()
            out.append("\r\n")
        }
        if replies == nil || lines.find(Bytes("server")) == nil { out.field("server: ", listener.pointee.serverName) }
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
        if replies == nil, s.pointee.flags.contains(.changesResponse) { changeResponse(s, listener, from: 0) }
        if s.pointee.flags.contains(.closeDownstream) {
            out.append("connection: close\r\n")
        } else if s.pointee.flags.contains(.http10) {
            out.append("connection: keep-alive\r\n")
        }
        if s.pointee.log >= 0 {
            captureResponse(s, c, from: 0)
            if s.pointee.method != .head {
                accessLog.entries[s.pointee.log].pointee.bytesSent &+= UInt64(first.count + second.count)
            }
        }
        if first.count + second.count == 0, s.pointee.status != 204, s.pointee.status != 304 {
            // Envoy's way with HEAD: the body it leaves out has no length.
            let head = s.pointee.method == .head && !s.pointee.flags.contains(.http10)
            out.append(head ? "transfer-encoding: chunked\r\n" : "content-length: 0\r\n")
        }
        out.append("\r\n")
        if listener.pointee.headerCase.contains(.proper) { ProperCase.write(out, from: 0) }
        if s.pointee.method != .head {
            out.append(first)
            out.append(second)
        }
        s.pointee.flags.insert([.responseStarted, .responseEnded])
        let generation = c.pointee.generation
        flushScratch(to: slot, c)
        if c.pointee.generation != generation { return }
        finishStream(slot, c, s)
    }

    // MARK: Requests that never became a stream

    /// Refuses a message that is not HTTP as it should be, and closes.
    func refuse(_ slot: Int32, _ c: ConnectionPointer, _ error: ParseError, head: UnsafeBufferPointer<UInt8>) {
        let stats = listenerStats[Int(c.pointee.listener)]
        // Such a request is a message like any other to Envoy.
        if error != .missingHost {
            stats.http[.downstream_cx_protocol_error].increment()
            stats.http[.downstream_rq_rx_reset].increment()
        }
        let details = LogDetails(error, head: head)
        let body: StaticString =
            switch error {
            case .headTooLarge, .tooManyHeaders: "Request Header Fields Too Large"
            case .badTransferEncoding: "Not Implemented"
            case .versionNotSupported: "Upgrade Required"
            case .missingHost: ""
            default: "Bad Request"
            }
        refuse(slot, c, status: error.status, body: body, details)
    }

    /// Answers without a request that could be served, and closes.
    func refuse(
        _ slot: Int32, _ c: ConnectionPointer, status: UInt16, body: StaticString, _ details: LogDetails
    ) {
        let stats = listenerStats[Int(c.pointee.listener)]
        let startNs = c.pointee.flags.contains(.headStarted) ? c.pointee.deadlineNs : state.pointee.nowNs
        c.pointee.flags.remove(.headStarted)
        let streamSlot = streams.take()
        guard streamSlot >= 0 else { return close(slot, c) }
        let s = streams[streamSlot]
        s.pointee = Stream()
        s.pointee.downstream = slot
        s.pointee.startNs = state.pointee.nowNs
        if let logs = snapshot.listeners[Int(c.pointee.listener)].log {
            if logs.pointee.logsRequests { s.pointee.log = beginLog(c, logs, startNs: startNs) }
            noteRefusal(s, c, details)
        }
        if details == .missingHost {
            let head = requestHead.pointee
            if BodyDecoder(framing: head.framing, length: head.contentLength).isDone {
                s.pointee.flags.insert(.requestEnded)
            }
        }
        c.pointee.stream = streamSlot
        c.pointee.requests &+= 1
        stats.http[.downstream_rq_total].increment()
        stats.http[.downstream_rq_http1_total].increment()
        stats.httpGauges[.downstream_rq_active].add(1)
        reply(slot, c, status: status, body: body, close: true)
    }

    /// The body of a request in flight is malformed: it ends here, in both directions.
    func failRequest(_ slot: Int32, _ c: ConnectionPointer, _ error: ParseError) {
        let stats = listenerStats[Int(c.pointee.listener)]
        stats.http[.downstream_cx_protocol_error].increment()
        stats.http[.downstream_rq_rx_reset].increment()
        if c.pointee.stream >= 0 { note(streams[c.pointee.stream], LogDetails(error), .downstreamProtocol) }
        replyAndAbort(slot, c, status: 400, body: "Bad Request")
    }

    /// Gives up the upstream side and answers; a response that has begun can only be cut off.
    func replyAndAbort(_ slot: Int32, _ c: ConnectionPointer, status: UInt16, body: StaticString) {
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return }
        let s = streams[streamSlot]
        let hadCluster = s.pointee.cluster >= 0
        if hadCluster { cancelUpstream(streamSlot, s) }
        c.pointee.flags.remove(.readPaused)
        if s.pointee.flags.contains(.responseStarted) { return cutOff(slot, c) }
        reply(slot, c, status: status, body: body, cluster: hadCluster && status == 504)
    }

    /// Ends a response in the middle: the client sees that it is not complete, since the connection closes too early.
    func cutOff(_ slot: Int32, _ c: ConnectionPointer) {
        let stats = listenerStats[Int(c.pointee.listener)]
        let streamSlot = c.pointee.stream
        guard streamSlot >= 0 else { return close(slot, c) }
        stats.http[.downstream_rq_tx_reset].increment()
        stats.http[.rq_reset_after_downstream_response_started].increment()
        let s = streams[streamSlot]
        c.pointee.stream = -1
        freeStream(streamSlot, s, listenerStats + Int(c.pointee.listener))
        closeAfterFlush(slot, c)
    }

    /// The upstream side of a stream failed; its connection is gone already.
    func upstreamFailed(_ streamSlot: Int32, _ s: StreamPointer, _ failure: UpstreamFailure) {
        let slot = s.pointee.downstream
        guard slot >= 0 else { return }
        let c = connections[slot]
        if !snapshot.clusters[Int(s.pointee.cluster)].watch.isEmpty { noteFailure(s.pointee.host, status: 503) }
        if s.pointee.flags.contains(.retains), retries(s, .failure(failure)) { return }
        s.pointee.buffer.free()
        resumeReading(slot, c)
        if s.pointee.flags.contains(.responseStarted) {
            noteFailure(s, failure, responseStarted: true)
            return cutOff(slot, c)
        }
        reply(slot, c, failure)
    }

    // MARK: Counting

    @inline(__always)
    func chargeDownstream(_ s: StreamPointer, _ stats: UnsafeMutablePointer<ListenerStats>, _ status: UInt16) {
        if s.pointee.flags.contains(.healthCheck) { return }
        let group = Int(status / 100) - 1
        stats.pointee.http[.downstream_rq_completed].increment()
        stats.pointee.listenerHTTP[.downstream_rq_completed].increment()
        if group >= 0, group < 5 {
            stats.pointee.http[.downstream_rq_1xx, group].increment()
            stats.pointee.listenerHTTP[.downstream_rq_1xx, group].increment()
        }
    }

    /// `date` in the IMF-fixdate form (RFC 9110 §5.6.7), formatted once a second.
    func appendDate() {
        refreshDate()
        out.append(date, 29)
    }

    @inline(__always)
    func refreshDate() {
        let second = time(nil)
        if Int64(second) != state.pointee.dateSecond { formatDate(second) }
    }

    @inline(never)
    private func formatDate(_ second: time_t) {
        state.pointee.dateSecond = Int64(second)
        var parts = tm()
        var copy = second
        gmtime_r(&copy, &parts)
        date.withMemoryRebound(to: CChar.self, capacity: 32) {
            _ = strftime($0, 32, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        }
    }
}
