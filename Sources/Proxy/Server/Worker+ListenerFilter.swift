import CLinux
import Glibc
import StatCatalog

/// What comes before a connection is one: the PROXY header of a listener whose filter waits for it. Until then it counts as
/// `downstream_pre_cx_active` only, and no filter of the chain knows of it.
extension Worker {
    /// A connection of such a listener was accepted.
    func awaitHeader(_ slot: Int32, _ c: ConnectionPointer) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        c.pointee.kind = .awaitingHeader
        listenerStats[Int(c.pointee.listener)].listenerGauges[.downstream_pre_cx_active].add(1)
        if listener.pointee.logsConnections { beginConnectionLog(c) }
        guard listener.pointee.filterTimeoutNs > 0 else { return }
        c.pointee.deadlineNs = state.pointee.nowNs &+ listener.pointee.filterTimeoutNs
        arm(slot, deadlineNs: c.pointee.deadlineNs)
    }

    /// Reads what there is of the header; what came before is in `input`.
    func readHeader(_ slot: Int32, _ c: ConnectionPointer) {
        while true {
            let count = cl_recv(c.pointee.fd, readBuffer, Self.headChunk)
            if count == -Int(EAGAIN) { return }
            if count <= 0 { return headerEnded(slot, c, count) }
            c.pointee.lastActivityNs = state.pointee.nowNs
            let isWhole = c.pointee.input.isEmpty
            if !isWhole { c.pointee.input.append(readBuffer, count) }
            let bytes = isWhole ? readBuffer : c.pointee.input.bytes
            let total = isWhole ? count : c.pointee.input.count
            // There may be more, which no event will announce.
            let isPending = count == Self.headChunk || c.pointee.flags.contains(.peerClosing)
            let rules = snapshot.listeners[Int(c.pointee.listener)].headerRules
            let outcome = ProxyHeader.parse(bytes, total, rules: rules)
            if isWhole { c.pointee.input.set(readBuffer, count) }
            switch outcome {
            case .needMore: if !isPending { return }
            case .header(let header):
                noteHeader(c, header)
                c.pointee.input.consume(header.length)
                return passFilters(slot, c, isPending: isPending)
            case .absent:
                listenerStats[Int(c.pointee.listener)].proxy[.not_found_allowed].increment()
                return passFilters(slot, c, isPending: isPending)
            case .failed(let failure): return refuseHeader(slot, c, failure)
            }
        }
    }

    /// From here on the connection is between those that its header names.
    private func noteHeader(_ c: ConnectionPointer, _ header: ProxyHeader) {
        versionStats(c, header.version)[.found].increment()
        guard header.hasAddresses else { return }
        // They are there where it was redirected.
        if c.pointee.addresses < 0 { c.pointee.addresses = addresses.take() }
        // Without room for them the header is as good as one that names nobody.
        guard c.pointee.addresses >= 0 else { return }
        addresses[c.pointee.addresses].pointee = ClientAddresses(local: header.destination, direct: c.pointee.remote)
        c.pointee.remote = header.source
    }

    private func versionStats(
        _ c: ConnectionPointer, _ version: ProxyHeader.Version
    ) -> CounterGroup<ProxyProtocolVersionCounter> {
        let stats = listenerStats + Int(c.pointee.listener)
        return version == .v1 ? stats.pointee.proxyV1 : stats.pointee.proxyV2
    }

    /// No header, or a bad one, where there must be a good one.
    private func refuseHeader(_ slot: Int32, _ c: ConnectionPointer, _ failure: ProxyHeader.Failure) {
        switch failure {
        case .notFound: listenerStats[Int(c.pointee.listener)].proxy[.not_found_disallowed].increment()
        case .malformed(let version): versionStats(c, version)[.error].increment()
        case .disallowed(let version):
            // Envoy counts it as both.
            versionStats(c, version)[.found].increment()
            versionStats(c, version)[.disallowed].increment()
        }
        close(slot, c)
    }

    /// The client has gone, or the connection broke.
    func headerEnded(_ slot: Int32, _ c: ConnectionPointer, _ result: Int) {
        let stats = listenerStats[Int(c.pointee.listener)]
        stats.listener[result == 0 ? .downstream_listener_filter_remote_close : .downstream_listener_filter_error]
            .increment()
        close(slot, c)
    }

    /// The header has not come in time.
    func headerTimedOut(_ slot: Int32, _ c: ConnectionPointer) {
        listenerStats[Int(c.pointee.listener)].listener[.downstream_pre_cx_timeout].increment()
        guard snapshot.listeners[Int(c.pointee.listener)].continuesOnFilterTimeout else { return close(slot, c) }
        // Whatever has come is the beginning of the connection.
        passFilters(slot, c, isPending: false)
    }

    /// It is a connection now; `input` holds what came behind the header. It may be closed on return.
    private func passFilters(_ slot: Int32, _ c: ConnectionPointer, isPending: Bool) {
        if let chains = snapshot.listeners[Int(c.pointee.listener)].chains {
            let chain = chooseChain(
                chains, listener: Int(c.pointee.listener), c.pointee.fd, remote: c.pointee.remote,
                named: addresses(of: c)?.pointee)
            if chain < 0 {
                if c.pointee.log >= 0 { noteNoChain(c) }
                return close(slot, c)
            }
            c.pointee.listener = chain
        }
        // The filter chain's names are others.
        dropLog(c.pointee.log)
        c.pointee.log = -1
        let listener = snapshot.listeners + Int(c.pointee.listener)
        listenerStats[Int(c.pointee.listener)].listenerGauges[.downstream_pre_cx_active].sub(1)
        c.pointee.kind = listener.pointee.kind
        c.pointee.createdNs = state.pointee.nowNs
        c.pointee.lastActivityNs = state.pointee.nowNs
        c.pointee.deadlineNs = 0
        disarm(slot)
        beginConnection(slot, c, listener)
        if !c.pointee.input.isEmpty { countReceived(c, c.pointee.input.count) }
        guard c.pointee.kind == .downstreamHTTP else { return startOther(slot, c) }
        // Its drain began while it had no request to be told with.
        if state.pointee.drain.mode == .finish { armGrace(slot, c) }
        if isPending { c.pointee.flags.insert(.readPending) }
        if isPending || !c.pointee.input.isEmpty { makeReady(slot, c) }
    }
}
