import CLinux
import Glibc
import ProxyConfig

/// Headers that routes add and remove. Those of the request are changed where it is written; what is to be done to the
/// response's is put together then too, since it may need the request, and kept with the stream.
extension Worker {
    /// - Parameter start: where the head begins in `out`.
    @inline(never)
    func changeRequest(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ changes: CompiledChanges, from start: Int
    ) {
        let lines = HeadLines(out, from: start)
        let source = HeaderSource(
            c: c, s: s, head: head, route: route, lines: lines, isWritten: false,
            scheme: scheme(snapshot.listeners + Int(c.pointee.listener), head))
        keptChanges.clear()
        for i in 0..<changes.count {
            let change = changes.changes + i
            if change.pointee.action == .remove {
                lines.change(.remove, change.pointee.name, Bytes(""))
            } else if let value = format(change, source) {
                KeptChanges.write(change.pointee.action, change.pointee.name, value, to: keptChanges)
            }
            guard change.pointee.endsLevel else { continue }
            // No value of a level sees what the same level adds.
            KeptChanges(keptChanges.bytes, keptChanges.count).forEach { lines.change($0, $1, $2) }
            keptChanges.clear()
        }
    }

    /// Puts together what is to be done to the response's headers.
    @inline(never)
    func keepResponseChanges(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ changes: CompiledChanges, from start: Int
    ) {
        if s.pointee.flags.contains(.changesResponse) { return }
        keptChanges.clear()
        formatChanges(c, s, head, route, changes, from: start, to: keptChanges)
        if keptChanges.isEmpty { return }
        s.pointee.changes.append(keptChanges.bytes, keptChanges.count)
        s.pointee.flags.insert(.changesResponse)
    }

    /// Writes changes with their values, as `KeptChanges`.
    ///
    /// - Parameter start: where the request's head begins in `out`, as it goes on.
    @inline(never)
    func formatChanges(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ changes: CompiledChanges, from start: Int, to kept: OutputScratch
    ) {
        let source = HeaderSource(
            c: c, s: s, head: head, route: route, lines: HeadLines(out, from: start), isWritten: true,
            scheme: scheme(c, s, head))
        for i in 0..<changes.count {
            guard let value = format(changes.changes + i, source) else { continue }
            KeptChanges.write(changes.changes[i].action, changes.changes[i].name, value, to: kept)
        }
    }

    /// The same for a request that is answered here: as if it went on.
    @inline(never)
    func keepChangesOfReply(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) {
        if state.pointee.isFiltering, current.pointee.s == s {
            keepChangesOfAnswer(current.pointee, route)
            return
        }
        guard route.pointee.responseChanges != nil || route.pointee.attempts.contains(.response),
            !s.pointee.flags.contains(.changesResponse)
        else { return }
        let (flags, log) = (s.pointee.flags, s.pointee.log)
        s.pointee.log = -1
        out.clear()
        writeRequestHead(c, s, head, route)
        out.clear()
        let changes = s.pointee.flags.intersection(.changesResponse)
        (s.pointee.flags, s.pointee.log) = (flags.union(changes), log)
    }

    /// Changes the response's head, which stands in `out` from `start` on.
    @inline(never)
    func changeResponse(_ s: StreamPointer, _ listener: UnsafeMutablePointer<CompiledListener>, from start: Int) {
        let lines = HeadLines(out, from: start)
        // A record from another process may have the flag alone.
        if s.pointee.changes.isEmpty { return }
        let isServerOurs = listener.pointee.serverHeader == .overwrite
        KeptChanges(s.pointee.changes.bytes, s.pointee.changes.count).forEach { action, name, value in
            // Written behind all changes, in Envoy.
            if isServerOurs, name.isFolded("server") || action == .remove && name.isFolded("date") { return }
            lines.change(action, name, value)
        }
    }

    /// The value of a change; nil: there is nothing to add.
    private func format(_ change: UnsafeMutablePointer<CompiledChanges.Change>, _ source: HeaderSource) -> Bytes? {
        if change.pointee.action == .remove { return Bytes("") }
        changedValue.clear()
        for i in 0..<change.pointee.pieceCount {
            let piece = change.pointee.pieces[i]
            switch piece.kind {
            case .literal: changedValue.append(piece.text)
            case .header:
                let found = source.value(piece.text) ?? piece.other.flatMap { source.value($0) }
                if let found { changedValue.append(found.start, min(found.count, piece.maxLength)) }
            case .field: write(piece.field, source)
            }
        }
        if changedValue.isEmpty, !change.pointee.keepsEmpty { return nil }
        return Bytes(changedValue.bytes, changedValue.count)
    }

    private func write(_ field: LogField, _ source: HeaderSource) {
        let c = source.c
        switch field {
        case .protocol: changedValue.append(source.s.pointee.flags.contains(.http10) ? "HTTP/1.0" : "HTTP/1.1")
        case .routeName: changedValue.append(source.route.pointee.name)
        case .upstreamCluster:
            let cluster = source.s.pointee.cluster
            if cluster >= 0 { changedValue.append(snapshot.clusters[Int(cluster)].name) }
        case .downstreamRemoteAddress: changedValue.append(c.pointee.remote, withPort: true)
        case .downstreamRemoteAddressWithoutPort: changedValue.append(c.pointee.remote, withPort: false)
        case .downstreamRemotePort: changedValue.append(decimal: UInt64(c.pointee.remote.port))
        case .downstreamDirectRemoteAddress: changedValue.append(directAddress(c), withPort: true)
        case .downstreamDirectRemoteAddressWithoutPort: changedValue.append(directAddress(c), withPort: false)
        case .downstreamDirectRemotePort: changedValue.append(decimal: UInt64(directAddress(c).port))
        case .downstreamLocalAddress: changedValue.append(localAddress(c), withPort: true)
        case .downstreamLocalAddressWithoutPort: changedValue.append(localAddress(c), withPort: false)
        case .downstreamLocalPort: changedValue.append(decimal: UInt64(localAddress(c).port))
        default: break
        }
    }

    private func directAddress(_ c: ConnectionPointer) -> PeerAddress {
        c.pointee.addresses >= 0 ? addresses[c.pointee.addresses].pointee.direct : c.pointee.remote
    }

    private func localAddress(_ c: ConnectionPointer) -> PeerAddress {
        c.pointee.addresses >= 0
            ? addresses[c.pointee.addresses].pointee.local : PeerAddress(localOf: c.pointee.fd)
    }
}

/// Where the operators of a header's value look.
private struct HeaderSource {
    let c: ConnectionPointer
    let s: StreamPointer
    let head: UnsafeMutablePointer<MessageHead>
    let route: UnsafePointer<CompiledRoute>
    /// The head as it goes upstream, as far as it is written.
    let lines: HeadLines
    /// It is whole: path and host are those that the upstream gets, in place of the client's.
    let isWritten: Bool
    let scheme: Bytes

    /// A header of the request, or a pseudo-header; the first of several.
    func value(_ name: Bytes) -> Bytes? {
        if name.start[0] == ASCII.colon || name.isFolded("host") {
            if name.isFolded(":method") { return lines.word(0) }
            if name.isFolded(":scheme") { return scheme }
            if name.isFolded(":path") { return isWritten ? lines.word(1) : path }
            if name.isFolded(":authority") || name.isFolded("host") { return isWritten ? line("host") : authority }
            return nil
        }
        return lines.find(name).map { lines.value($0) }
    }

    private func line(_ name: StaticString) -> Bytes? { lines.find(Bytes(name)).map { lines.value($0) } }
    private var path: Bytes? { RoutedRequest(head: head).target }
    private var authority: Bytes? {
        Bytes(head.pointee.base + Int(head.pointee.authority), Int(head.pointee.authorityLength))
    }
}
