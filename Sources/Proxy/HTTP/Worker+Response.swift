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
        let stats = listenerStats + Int(d.pointee.listener)
        let head = responseHead
        let status = head.pointee.status
        chargeUpstream(s, status)
        let watch = snapshot.clusters[Int(s.pointee.cluster)].watch
        if !watch.isEmpty { noteResponse(u, s.pointee.cluster, watch) }
        decideClose(d, s, stats)
        let isUpgrade = makesTunnel(s, status)
        if !s.pointee.flags.contains(.requestEnded), !isUpgrade {
            stats.pointee.http[.downstream_rq_response_before_rq_complete].increment()
            s.pointee.flags.insert(.closeDownstream)
        }
        if !head.pointee.keepsAlive || head.pointee.framing == .untilClose { s.pointee.flags.insert(.closeUpstream) }
        if s.pointee.flags.contains(.healthCheck) { keepHealth(s, status, head) }
        chargeDownstream(s, stats, status)
        s.pointee.status = status
        s.pointee.flags.insert(.responseStarted)
        let start = out.count
        let http10 = s.pointee.flags.contains(.http10)
        if status != 200 || http10 { writeStatusLine(status, http10: http10) }
        writeResponseFields(listener, s, head, isUpgrade: isUpgrade, isOK: status == 200 && !http10)
        if s.pointee.flags.contains(.changesResponse) { changeResponse(s, listener, from: start) }
        if s.pointee.log >= 0 { noteResponse(s, d, from: start) }
        if !isUpgrade { writeResponseFraming(s, head, http10: http10, trailers: listener.pointee.trailers) }
        out.append("\r\n")
        let kept = snapshot.clusters[Int(s.pointee.cluster)].headerCase
        if !listener.pointee.headerCase.union(kept).isEmpty {
            writeNames(listener.pointee.headerCase, from: start, head, kept)
        }
    }

    @inline(never)
    private func writeStatusLine(_ status: UInt16, http10: Bool) {
        out.append(http10 ? "HTTP/1.0 " : "HTTP/1.1 ")
        out.append(decimal: UInt64(status))
        out.append(byte: ASCII.space)
        out.append(StatusText.reason(status))
        out.append("\r\n")
    }

    /// - Parameter isOK: the usual status line is still to be written.
    @inline(__always)
    private func writeResponseFields(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ s: StreamPointer,
        _ head: UnsafeMutablePointer<MessageHead>, isUpgrade: Bool, isOK: Bool
    ) {
        let base = head.pointee.base
        let readable = head.pointee.readable
        // The time a host took is known once the request was complete.
        let timed = s.pointee.flags.contains(.requestEnded) && !listener.pointee.suppressesEnvoyHeaders
        let overwritesServer = listener.pointee.serverHeader == .overwrite
        let hasLength = head.pointee.status != 204 && !isUpgrade
        var wroteTime = false
        var wroteServer = false
        // All of the head, two bytes for each field that is not written as we do, and what is ours: less than 200 bytes and
        // the name.
        let room =
            head.pointee.length &+ 2 &* head.pointee.count &+ 2 &* listener.pointee.serverName.count &+ 512
        var writer = out.open(room)
        if isOK { writer.put("HTTP/1.1 200 OK\r\n") }
        var field = head.pointee.fields
        let end = field + head.pointee.count
        while field < end {
            switch field.pointee.id {
            case .other: if !field.pointee.isNominated { writer.put(field, of: base, readable: readable) }
            case .keepAlive, .proxyConnection, .transferEncoding: break
            case .contentLength: if hasLength { writer.put(field, of: base, readable: readable) }
            case .connection, .upgrade: if isUpgrade { writer.put(field, of: base, readable: readable) }
            case .xEnvoyUpstreamServiceTime:
                if timed {
                    if !wroteTime { writer = putServiceTime(writer, s) }
                    wroteTime = true
                } else {
                    writer.put(field, of: base, readable: readable)
                }
            case .server:
                if overwritesServer {
                    if !wroteServer { writer = putServer(writer, listener) }
                } else {
                    writer.put(field, of: base, readable: readable)
                }
                wroteServer = true
            default: writer.put(field, of: base, readable: readable)
            }
            field += 1
        }
        if timed, !wroteTime { writer = putServiceTime(writer, s) }
        if s.pointee.cookies >= 0 {
            out.close(writer)
            writeCookies(s)
            writer = out.open(room)
        }
        if !head.pointee.present.contains(.date) {
            writer.put("date: ")
            refreshDate()
            writer.put(Bytes(date, 29))
            writer.put("\r\n")
        }
        if !wroteServer, listener.pointee.serverHeader != .passThrough { writer = putServer(writer, listener) }
        out.close(writer)
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
    }

    private func putServer(_ start: HeadWriter, _ listener: UnsafeMutablePointer<CompiledListener>) -> HeadWriter {
        var writer = start
        writer.put("server: ")
        writer.put(listener.pointee.serverName)
        writer.put("\r\n")
        return writer
    }

    private func putServiceTime(_ start: HeadWriter, _ s: StreamPointer) -> HeadWriter {
        var writer = start
        writer.put("x-envoy-upstream-service-time: ")
        writer.put(decimal: (state.pointee.nowNs &- s.pointee.requestEndNs) / 1_000_000)
        writer.put("\r\n")
        return writer
    }

    /// How the body goes downstream (RFC 9112 §6): as upstream sent it, but for a body that ended with its connection.
    @inline(__always)
    private func writeResponseFraming(
        _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, http10: Bool, trailers: Bool
    ) {
        if head.pointee.framing != .length || http10 || s.pointee.flags.contains(.closeDownstream) {
            writeOtherFraming(s, head, http10: http10, trailers: trailers)
        }
    }

    @inline(never)
    private func writeOtherFraming(
        _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, http10: Bool, trailers: Bool
    ) {
        var chunked = false
        switch head.pointee.framing {
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
                !http10 && s.pointee.method == .head && !head.pointee.present.contains(.contentLength)
                && head.pointee.status != 204 && head.pointee.status != 304
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
    @inline(__always)
    func decideClose(_ c: ConnectionPointer, _ s: StreamPointer, _ stats: UnsafeMutablePointer<ListenerStats>) {
        if s.pointee.flags.contains(.closeDownstream) { return }
        if c.pointee.flags.contains(.draining) {
            s.pointee.flags.insert(.closeDownstream)
        } else if drainsNow(c) {
            stats.pointee.http[.downstream_cx_drain_close].increment()
            s.pointee.flags.insert(.closeDownstream)
        } else if state.pointee.overload.isAny, endsKeepalive(stats) {
            s.pointee.flags.insert(.closeDownstream)
        }
    }

    // MARK: Counting

    /// Counts an answer for the cluster, before its first byte goes to the client.
    @inline(__always)
    func chargeUpstream(_ s: StreamPointer, _ status: UInt16) {
        guard s.pointee.cluster >= 0, !s.pointee.flags.contains(.healthCheck) else { return }
        chargeUpstreamCode(s, status)
        let stats = clusterStats[Int(s.pointee.cluster)]
        stats.counters[.upstream_rq_completed].increment()
        origin(s, stats).counters[.upstream_rq_completed].increment()
        if s.pointee.flags.contains(.classified) { chargeClasses(s, status) }
    }

    /// The code and its class.
    @inline(__always)
    func chargeUpstreamCode(_ s: StreamPointer, _ status: UInt16) {
        guard s.pointee.cluster >= 0 else { return }
        let stats = clusterStats[Int(s.pointee.cluster)]
        let origin = origin(s, stats)
        let group = Int(status / 100) - 1
        if group >= 0, group < 5 {
            stats.counters[.upstream_rq_1xx, group].increment()
            origin.counters[.upstream_rq_1xx, group].increment()
        }
        let index = CommonStatus.index(status)
        if index >= 0 {
            stats.codes[index].increment()
            origin.codes[index].increment()
        } else {
            chargeRare(s.pointee.cluster, status, .all)
            chargeRare(s.pointee.cluster, status, s.pointee.flags.contains(.mirror) ? .inside : .external)
        }
    }

    /// Copies say of themselves that they are internal.
    @inline(__always)
    private func origin(_ s: StreamPointer, _ stats: ClusterStats) -> OriginStats {
        s.pointee.flags.contains(.mirror) ? stats.inside : stats.external
    }

    @inline(never)
    func chargeRare(_ cluster: Int32, _ status: UInt16, _ part: RareStatusKey.Part) {
        let key = RareStatusKey(cluster: cluster, status: status, part: part)
        if rareStatus.count(key) { hooks.needStatus(index, key) }
    }

    @inline(__always)
    func recordUpstreamTime(_ s: StreamPointer) {
        guard s.pointee.flags.contains(.requestEnded) else { return }
        let stats = clusterStats[Int(s.pointee.cluster)]
        let time = (state.pointee.nowNs &- s.pointee.requestEndNs) / 1_000_000
        stats.histograms[.upstream_rq_time].record(time)
        origin(s, stats).histograms[.upstream_rq_time].record(time)
        if s.pointee.flags.contains(.classified) { recordTime(ofClasses: s, time) }
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

    /// Another cluster has this place.
    func forget(cluster: Int32) {
        entries = entries.filter { $0.key.cluster != cluster || $0.key.part == .requestClass }
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
