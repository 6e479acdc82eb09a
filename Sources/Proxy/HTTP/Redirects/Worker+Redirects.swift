import CLinux
import Glibc
import ProxyConfig

/// Answers that send a request elsewhere and are followed here (`internal_redirect_policy`). Such a request is kept whole as it went
/// upstream, as one that may be sent again is. Its next pass is through all filters, and from the route on as if it came from the
/// client; what the first has done to its headers stays.
extension Worker {
    /// The request's route follows redirects: it is kept, and what it carries of earlier ones counts for this route too.
    func beginRedirects(_ s: StreamPointer, _ policy: Bytes) {
        if s.pointee.redirect < 0 {
            let slot = redirects.take()
            // Without room redirects are the client's.
            guard slot >= 0 else { return }
            redirects[slot].pointee = RedirectState()
            s.pointee.redirect = slot
        }
        redirects[s.pointee.redirect].pointee.setPolicy(policy)
        s.pointee.flags.insert(.redirects)
    }

    /// The stream is over, has left, or goes on by a route that follows none.
    func dropRedirects(_ s: StreamPointer) {
        s.pointee.flags.remove(.redirects)
        guard s.pointee.redirect >= 0 else { return }
        redirects[s.pointee.redirect].pointee.free()
        redirects.give(s.pointee.redirect)
        s.pointee.redirect = -1
    }

    /// A response head has come, `responseHead`, for a request that is still whole: whether it is followed. Then it is thrown away, and
    /// the connection let go.
    func followsRedirect(_ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer, leftover: Int) -> Bool {
        let head = responseHead.pointee
        guard head.status / 100 == 3, let record = redirectPolicy(s),
            record.policy.statuses.contains(head.status), !willRetry(s)
        else { return false }
        let stats = clusterStats[Int(s.pointee.cluster)]
        guard let route = redirectTarget(s, record) else {
            stats.counters[.upstream_internal_redirect_failed_total].increment()
            return false
        }
        stats.counters[.upstream_internal_redirect_succeeded_total].increment()
        let watch = snapshot.clusters[Int(s.pointee.cluster)].watch
        if !watch.isEmpty { noteResponse(u, s.pointee.cluster, watch) }
        letGoOfAnswered(slot, u, s, leftover: leftover)
        startNextPass(s, route, status: head.status)
        return true
    }

    private func redirectPolicy(_ s: StreamPointer) -> RedirectPolicyRecord? {
        guard s.pointee.redirect >= 0 else { return nil }
        let policy = redirects[s.pointee.redirect].pointee.policy
        // It was found sound when it was made, or came.
        return try? RedirectPolicyRecord(RecordBytes(policy.start, policy.count))
    }

    /// The route of the request that is made of the answer, which stands in `requestHead` then; nil: the answer is the client's.
    private func redirectTarget(_ s: StreamPointer, _ record: RedirectPolicyRecord) -> UnsafePointer<CompiledRoute>? {
        let c = connections[s.pointee.downstream]
        let http = listenerStats[Int(c.pointee.listener)].http
        let policy = record.policy
        let answer = RoutedRequest(head: responseHead)
        // What has not come yet could not be sent again.
        guard s.pointee.flags.contains(.requestEnded), let field = answer.field(Bytes("location")) else { return nil }
        guard let url = RedirectURL(answer.value(field)) else {
            http[.passthrough_internal_redirect_bad_location].increment()
            return nil
        }
        // No client comes by https.
        guard url.isHTTP || policy.crossesSchemes else {
            http[.passthrough_internal_redirect_unsafe_scheme].increment()
            return nil
        }
        let state = redirects[s.pointee.redirect]
        guard state.pointee.count < policy.most else {
            http[.passthrough_internal_redirect_too_many_redirects].increment()
            return nil
        }
        guard writeRedirected(s, url, policy.copiedHeaders, answer), let route = findAgain(c, requestHead) else {
            http[.passthrough_internal_redirect_no_route].increment()
            return nil
        }
        let accepts = policy.predicates.allSatisfy { predicate in
            switch predicate {
            case .safeCrossScheme: url.isHTTP
            case .allowListed(let names): names.contains(route.pointee.name.string)
            case .previousRoutes:
                record.routeName.withUnsafeBufferPointer { name in
                    let own = name.baseAddress.map { Bytes($0, name.count) } ?? Bytes("")
                    return state.pointee.notePrevious(own, route.pointee.name)
                }
            }
        }
        guard accepts else {
            http[.passthrough_internal_redirect_predicate].increment()
            return nil
        }
        state.pointee.count += 1
        return route
    }

    /// A target as requests of the listener have theirs; nil: such a request would be refused, or told to come again.
    private func normalized(_ target: Bytes, _ c: ConnectionPointer) -> Bytes? {
        let normalizer = snapshot.listeners[Int(c.pointee.listener)].normalization.path
        let end = min(cl_scan_path_end(target.start, 0, target.count, target.count), target.count)
        let path = UnsafeBufferPointer(start: target.start, count: end)
        if normalizer.isIdle || normalizer.leavesAlone(path) { return target }
        keptChanges.clear()
        keptChanges.reserve(PathNormalizer.room(for: end) + target.count)
        guard case .path(let count) = normalizer.normalize(path, to: keptChanges.bytes) else { return nil }
        keptChanges.advance(count)
        keptChanges.append(target.start + end, target.count - end)
        return Bytes(keptChanges.bytes, keptChanges.count)
    }

    /// Writes the head of the next pass, as the host had that of the last one; false: it cannot be.
    private func writeRedirected(
        _ s: StreamPointer, _ url: RedirectURL, _ copied: [String], _ answer: RoutedRequest
    ) -> Bool {
        guard url.target.start[0] == UInt8(ascii: "/"), let headEnd = Self.headEnd(s.pointee.buffer),
            let target = normalized(url.target, connections[s.pointee.downstream])
        else { return false }
        out.clear()
        // Without the empty line.
        out.append(s.pointee.buffer.bytes, headEnd - 2)
        let lines = HeadLines(out, from: 0)
        changedValue.clear()
        changedValue.append("http://")
        if let host = lines.find(Bytes("host")) { changedValue.append(lines.value(host)) }
        changedValue.append(lines.word(1))
        for name in copied {
            var name = name
            name.withUTF8 { text in
                guard let start = text.baseAddress else { return }
                let name = Bytes(start, text.count)
                lines.change(.remove, name, Bytes(""))
                var field = answer.field(name)
                while let at = field {
                    lines.change(.append, name, answer.value(at))
                    field = answer.field(name, after: at)
                }
            }
        }
        if let host = lines.find(Bytes("host")) { lines.replace(host.value, host.end, by: url.authority) }
        lines.replaceWord(1, by: target)
        if responseHead.pointee.status == 303, s.pointee.method != .get, s.pointee.method != .head {
            // RFC 9110 §15.4.4.
            lines.replaceWord(0, by: Bytes("GET"))
            lines.change(.remove, Bytes("content-length"), Bytes(""))
            lines.change(.remove, Bytes("transfer-encoding"), Bytes(""))
        }
        lines.change(
            .overwriteOrAdd, Bytes("x-envoy-original-url"), Bytes(changedValue.bytes, changedValue.count))
        out.append("\r\n")
        filteredHead.clear()
        filteredHead.append(out.bytes, out.count)
        out.clear()
        return readFiltered(requestHead)
    }

    /// The request is another one from here: in `requestHead`, whose bytes are in `filteredHead`.
    private func startNextPass(_ s: StreamPointer, _ route: UnsafePointer<CompiledRoute>, status: UInt16) {
        let slot = s.pointee.downstream
        let c = connections[slot]
        let streamSlot = c.pointee.stream
        let stats = listenerStats + Int(c.pointee.listener)
        let head = requestHead
        endPass(s, c, route, status: status)
        s.pointee.method = head.pointee.method
        s.pointee.idleTimeoutNs = route.pointee.idleTimeoutNs
        s.pointee.lastActivityNs = state.pointee.nowNs
        (s.pointee.endNs, s.pointee.upstreamEndNs) = (0, 0)
        if let duration = route.pointee.duration { limitDuration(slot, s, head, duration.pointee) }
        stats.pointee.http[.downstream_rq_total].increment()
        stats.pointee.http[.downstream_rq_http1_total].increment()
        stats.pointee.httpHistograms[.downstream_rq_time].record(
            (state.pointee.nowNs &- s.pointee.startNs) / 1_000_000)
        takeBody(s, keeps: head.pointee.framing == .chunked || head.pointee.present.contains(.contentLength))
        // However it ends: no other request may find it.
        defer { dropGathered() }
        if s.pointee.log >= 0 { noteRoute(s, c, route.pointee) }
        passAgain(slot, c, streamSlot, s, head, route)
    }

    /// What the last pass had is let go; its line is written.
    private func endPass(
        _ s: StreamPointer, _ c: ConnectionPointer, _ route: UnsafePointer<CompiledRoute>, status: UInt16
    ) {
        if s.pointee.log >= 0 {
            let entry = accessLog.entries[s.pointee.log]
            let logs = snapshot.listeners[Int(c.pointee.listener)].log
            let passes = redirects[s.pointee.redirect].pointee.count
            let received = entry.pointee.bytesReceived
            // As in Envoy, which has changed the headers already.
            entry.pointee.details = .internalRedirect
            if let logs {
                out.clear()
                if let name = entry.pointee.values.get(Int(logs.pointee.virtualCluster)) { out.append(name) }
                entry.pointee.values.reset(names: logs.pointee.nameCount)
                if out.count > 0 {
                    entry.pointee.values.set(Int(logs.pointee.virtualCluster), UnsafePointer(out.bytes), out.count)
                }
                noteCluster(entry, logs, Int(s.pointee.cluster))
                if logs.pointee.route >= 0, route.pointee.name.count > 0 {
                    entry.pointee.values.set(
                        Int(logs.pointee.route), route.pointee.name.start, route.pointee.name.count)
                }
            }
            s.pointee.status = status
            out.clear()
            out.append(filteredHead.bytes, filteredHead.count - 2)
            captureRequest(s, c, from: 0, scheme: snapshot.listeners[Int(c.pointee.listener)].scheme ?? Bytes("http"))
            out.clear()
            let startNs = entry.pointee.startNs
            finishLog(s)
            if let logs { s.pointee.log = beginLog(c, logs, startNs: startNs) }
            // What it is sent again with counts again.
            let body = s.pointee.method == requestHead.pointee.method ? received / UInt64(max(passes, 1)) : 0
            if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.bytesReceived = received + body }
        }
        s.pointee.status = 0
        if s.pointee.flags.contains(.countsRequest) { use(Int(s.pointee.cluster), .requests, -1) }
        s.pointee.changes.free()
        dropFilterState(s, c.pointee.listener)
        if s.pointee.retry >= 0 { dropRetries(s) }
        if s.pointee.cookies >= 0 { dropCookies(s) }
        if s.pointee.flags.contains(.mirrored) { endMirroring(s) }
        s.pointee.flags.formIntersection([.requestEnded, .http10, .closeDownstream, .clientCloses, .redirects])
        s.pointee.cluster = -1
        s.pointee.host = -1
    }

    /// What is kept of the body, framed as it goes upstream, goes along as one that a filter has waited for.
    private func takeBody(_ s: StreamPointer, keeps: Bool) {
        if keeps, let headEnd = Self.headEnd(s.pointee.buffer) {
            let length = s.pointee.buffer.count - headEnd
            s.pointee.buffer.consume(headEnd)
            if length > 0 { swap(&gatheredBody.pointee, &s.pointee.buffer) }
        }
        s.pointee.buffer.free()
    }
}
