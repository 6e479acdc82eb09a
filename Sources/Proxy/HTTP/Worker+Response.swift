import Glibc
import ProxyConfig
import Stats

/// The response head as it goes downstream, and what is counted for a response.
extension Worker {
    /// Writes the final response head of `s`, parsed in `responseHead`, behind what is gathered in `out`.
    func startResponse(_ slot: Int32, _ u: ConnectionPointer, _ s: StreamPointer) {
        let down = s.pointee.downstream
        let d = connections[down]
        let listener = snapshot.listeners + Int(d.pointee.listener)
        let stats = listenerStats[Int(d.pointee.listener)]
        let h = responseHead.pointee
        chargeUpstream(s, h.status)
        let watch = snapshot.clusters[Int(s.pointee.cluster)].watch
        if !watch.isEmpty { noteResponse(u, s.pointee.cluster, watch) }
        decideClose(d, s, stats)
        let isUpgrade = makesTunnel(s, h.status)
        if !s.pointee.flags.contains(.requestEnded), !isUpgrade {
            stats.http[.downstream_rq_response_before_rq_complete].increment()
            s.pointee.flags.insert(.closeDownstream)
        }
        if !h.keepsAlive || h.framing == .untilClose { s.pointee.flags.insert(.closeUpstream) }
        chargeDownstream(s, stats, h.status)
        s.pointee.status = h.status
        s.pointee.flags.insert(.responseStarted)
        let start = out.count
        let http10 = s.pointee.flags.contains(.http10)
        if h.status == 200, !http10 {
            out.append("HTTP/1.1 200 OK\r\n")
        } else {
            out.append(http10 ? "HTTP/1.0 " : "HTTP/1.1 ")
            out.append(decimal: UInt64(h.status))
            out.append(byte: ASCII.space)
            out.append(StatusText.reason(h.status))
            out.append("\r\n")
        }
        writeResponseFields(listener, s, h, isUpgrade: isUpgrade)
        if s.pointee.log >= 0 { noteResponse(s, d, from: start) }
        if !isUpgrade { writeResponseFraming(s, h, http10: http10, trailers: listener.pointee.trailers) }
        out.append("\r\n")
    }

    private func writeResponseFields(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ s: StreamPointer, _ h: MessageHead, isUpgrade: Bool
    ) {
        // The time a host took is known once the request was complete.
        let timed = s.pointee.flags.contains(.requestEnded)
        var wroteTime = false
        var wroteServer = false
        for i in 0..<h.count {
            let field = h.fields[i]
            if field.id == .other {
                if !field.isNominated { out.append(field, of: h.base) }
                continue
            }
            switch field.id {
            case .keepAlive, .proxyConnection, .transferEncoding: break
            case .connection, .upgrade: if isUpgrade { out.append(field, of: h.base) }
            case .contentLength: if h.status != 204, !isUpgrade { out.append(field, of: h.base) }
            case .xEnvoyUpstreamServiceTime:
                if timed {
                    if !wroteTime { writeServiceTime(s) }
                    wroteTime = true
                } else {
                    out.append(field, of: h.base)
                }
            case .server:
                if listener.pointee.serverHeader == .overwrite {
                    if !wroteServer { out.field("server: ", listener.pointee.serverName) }
                } else {
                    out.append(field, of: h.base)
                }
                wroteServer = true
            default: out.append(field, of: h.base)
            }
        }
        if timed, !wroteTime { writeServiceTime(s) }
        if !h.present.contains(.date) {
            out.append("date: ")
            appendDate()
            out.append("\r\n")
        }
        if !wroteServer, listener.pointee.serverHeader != .passThrough {
            out.field("server: ", listener.pointee.serverName)
        }
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
    }

    private func writeServiceTime(_ s: StreamPointer) {
        out.append("x-envoy-upstream-service-time: ")
        out.append(decimal: (state.pointee.nowNs &- s.pointee.requestEndNs) / 1_000_000)
        out.append("\r\n")
    }

    /// How the body goes downstream (RFC 9112 §6): as upstream sent it, but for a body that ended with its connection.
    private func writeResponseFraming(_ s: StreamPointer, _ h: MessageHead, http10: Bool, trailers: Bool) {
        var chunked = false
        switch h.framing {
        case .chunked, .untilClose:
            if http10 {
                s.pointee.flags.insert([.responseUntilClose, .closeDownstream])
            } else {
                chunked = true
                s.pointee.flags.insert(.responseChunked)
                if trailers { s.pointee.flags.insert(.trailers) }
            }
        case .none:
            // The head of a response whose body has no length (RFC 9110 §9.3.2).
            chunked =
                !http10 && s.pointee.method == .head && !h.present.contains(.contentLength) && h.status != 204
                && h.status != 304
        case .length: break
        }
        if s.pointee.flags.contains(.closeDownstream) {
            out.append("connection: close\r\n")
        } else if http10 {
            out.append("connection: keep-alive\r\n")
        }
        if chunked { out.append("transfer-encoding: chunked\r\n") }
    }

    /// Whether the client is asked to go away with this response: because the proxy drains.
    func decideClose(_ c: ConnectionPointer, _ s: StreamPointer, _ stats: ListenerStats) {
        if s.pointee.flags.contains(.closeDownstream) { return }
        if c.pointee.flags.contains(.draining) {
            s.pointee.flags.insert(.closeDownstream)
        } else if drainsNow() {
            stats.http[.downstream_cx_drain_close].increment()
            s.pointee.flags.insert(.closeDownstream)
        } else if state.pointee.overload.isAny, endsKeepalive(stats) {
            s.pointee.flags.insert(.closeDownstream)
        }
    }

    // MARK: Counting

    /// Counts an answer for the cluster, before its first byte goes to the client.
    func chargeUpstream(_ s: StreamPointer, _ status: UInt16) {
        guard s.pointee.cluster >= 0 else { return }
        chargeUpstreamCode(s, status)
        let stats = clusterStats[Int(s.pointee.cluster)]
        stats.counters[.upstream_rq_completed].increment()
        stats.external.counters[.upstream_rq_completed].increment()
    }

    /// The code and its class.
    func chargeUpstreamCode(_ s: StreamPointer, _ status: UInt16) {
        guard s.pointee.cluster >= 0 else { return }
        let stats = clusterStats[Int(s.pointee.cluster)]
        let group = Int(status / 100) - 1
        if group >= 0, group < 5 {
            stats.counters[.upstream_rq_1xx, group].increment()
            stats.external.counters[.upstream_rq_1xx, group].increment()
        }
        let index = CommonStatus.index(status)
        if index >= 0 {
            stats.codes[index].increment()
            stats.external.codes[index].increment()
        } else {
            chargeRare(s.pointee.cluster, status, .all)
            chargeRare(s.pointee.cluster, status, .external)
        }
    }

    @inline(never)
    func chargeRare(_ cluster: Int32, _ status: UInt16, _ part: RareStatusKey.Part) {
        let key = RareStatusKey(cluster: cluster, status: status, part: part)
        if rareStatus.count(key) { hooks.needStatus(index, key) }
    }

    func recordUpstreamTime(_ s: StreamPointer) {
        guard s.pointee.flags.contains(.requestEnded) else { return }
        let stats = clusterStats[Int(s.pointee.cluster)]
        let time = (state.pointee.nowNs &- s.pointee.requestEndNs) / 1_000_000
        stats.histograms[.upstream_rq_time].record(time)
        stats.external.histograms[.upstream_rq_time].record(time)
    }
}

/// A stat cell on its way from the main thread to the worker whose plane it lies in.
struct StatusCell: @unchecked Sendable {
    let counter: Counter
}

/// Status codes outside `CommonStatus`: the first of each waits here until the main thread has made its cell.
final class RareStatus {
    private struct Entry {
        var waiting: UInt64 = 0
        var cell: Counter?
    }
    private var entries: [RareStatusKey: Entry] = [:]

    /// Counts one; true when the cell must be asked for.
    func count(_ key: RareStatusKey) -> Bool {
        var entry = entries[key] ?? Entry()
        defer { entries[key] = entry }
        if let cell = entry.cell {
            cell.increment()
            return false
        }
        entry.waiting += 1
        return entry.waiting == 1
    }

    /// The cell is there: what has waited is added.
    func resolve(_ key: RareStatusKey, _ cell: Counter) {
        var entry = entries[key] ?? Entry()
        cell.add(entry.waiting)
        entry.waiting = 0
        entry.cell = cell
        entries[key] = entry
    }
}
