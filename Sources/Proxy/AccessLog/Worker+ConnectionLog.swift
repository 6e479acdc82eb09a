import CLinux
import ProxyConfig

/// `access_log` of a listener: a line for each connection, whatever it is for. Those of a TCP proxy have one entry for this and
/// for the proxy's own lines.
extension Worker {
    /// A connection of such a listener begins.
    @inline(never)
    func beginConnectionLog(_ c: ConnectionPointer) {
        guard c.pointee.log < 0, let logs = logs(of: c) else { return }
        c.pointee.log = beginLog(c, logs, startNs: state.pointee.nowNs)
        if c.pointee.log >= 0, c.pointee.kind != .tunnelDownstream {
            accessLog.entries[c.pointee.log].pointee.nextNs = 0
        }
    }

    /// Bytes on the wire; a TCP proxy has counts of its own.
    @inline(never)
    func noteWire(_ c: ConnectionPointer, _ count: Int, sent: Bool) {
        guard c.pointee.log >= 0, snapshot.listeners[Int(c.pointee.listener)].kind != .tunnelDownstream else { return }
        let entry = accessLog.entries[c.pointee.log]
        if sent { entry.pointee.bytesSent &+= UInt64(count) } else { entry.pointee.bytesReceived &+= UInt64(count) }
    }

    /// Whether a connection has shown to be HTTP, as Envoy sees it.
    func speaksHTTP(_ c: ConnectionPointer) -> Bool {
        let entry = accessLog.entries[c.pointee.log]
        return snapshot.listeners[Int(c.pointee.listener)].isHTTP && c.pointee.kind != .awaitingHeader
            && entry.pointee.bytesReceived > 0 && !entry.pointee.flags.contains(.downstreamProtocol)
    }

    /// What came is no request.
    func noteRefusal(ofConnection c: ConnectionPointer, _ details: LogDetails) {
        switch details {
        case .missingHost, .requestHeaderTimeout, .requestOverallTimeout, .overload, .streamIdleTimeout: break
        default: accessLog.entries[c.pointee.log].pointee.flags.insert(.downstreamProtocol)
        }
    }

    /// No filter chain takes a connection, which is closed.
    func noteNoChain(_ c: ConnectionPointer) {
        let entry = accessLog.entries[c.pointee.log]
        entry.pointee.details = .noFilterChain
        entry.pointee.flags.insert(.noRoute)
        // A PROXY header may have said another one.
        if let logs = logs(of: c), logs.pointee.needs.contains(.local) { noteLocal(c, &entry.pointee.local) }
    }

    /// The same before it is one.
    @inline(never)
    func logNoChain(listener: Int, _ descriptor: Int32, _ peer: PeerAddress, _ restored: ClientAddresses?) {
        guard let logs = snapshot.listeners[listener].log, logs.pointee.connectionProgramCount > 0 else { return }
        let slot = connections.take()
        guard slot >= 0 else { return }
        defer { connections.give(slot) }
        let c = connections[slot]
        let generation = c.pointee.generation
        c.pointee = Connection()
        c.pointee.generation = generation
        c.pointee.listener = Int32(listener)
        c.pointee.fd = descriptor
        c.pointee.remote = peer
        if let restored { keepRestored(c, restored) }
        c.pointee.log = beginLog(c, logs, startNs: state.pointee.nowNs)
        if c.pointee.log >= 0 {
            noteNoChain(c)
            writeLines(
                logs.pointee.connectionPrograms, logs.pointee.connectionProgramCount, c.pointee.log,
                withoutProtocol(facts(of: c)), .notSet)
            dropLog(c.pointee.log)
        }
        dropAddresses(c)
        c.pointee.log = -1
        c.pointee.fd = -1
    }

    private func withoutProtocol(_ facts: LogFacts) -> LogFacts {
        var facts = facts
        facts.isHTTP = false
        return facts
    }
}
