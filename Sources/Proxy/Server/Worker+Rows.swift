/// Connections by the row of their filter chain in `Snapshot.listeners`.
extension Worker {
    /// Held: the row's filter chain is elsewhere now. Those that wait for a PROXY header are nobody's yet.
    func moveConnections(fromRow row: Int, to other: Int) {
        forEachClient { c in if c.pointee.listener == Int32(row) { c.pointee.listener = Int32(other) } }
    }

    /// Held: another filter chain is in the row. Connections that wait for their PROXY header will be taken out of its gauge.
    func setStats(row: Int, _ stats: ListenerStats) {
        var waiting: UInt64 = 0
        for slot in 0..<connections.count {
            let c = connections[slot]
            if c.pointee.kind == .awaitingHeader, c.pointee.listener == Int32(row) { waiting += 1 }
        }
        if waiting > 0 {
            listenerStats[row].listenerGauges[.downstream_pre_cx_active].sub(waiting)
            stats.listenerGauges[.downstream_pre_cx_active].add(waiting)
        }
        listenerStats[row] = stats
    }

    /// Held: connections that wait for their PROXY header are those of the listener as it is now, with its access logs.
    func renewWaiting(row: Int32) {
        for slot in 0..<connections.count {
            let c = connections[slot]
            guard c.pointee.kind == .awaitingHeader, c.pointee.listener == row else { continue }
            dropLog(c.pointee.log)
            c.pointee.log = -1
            if snapshot.listeners[Int(row)].logsConnections { beginConnectionLog(c) }
        }
    }

    /// Held: which of the rows have connections.
    func rowsInUse(of rows: Set<Int>) -> Set<Int> {
        var used: Set<Int> = []
        for slot in 0..<connections.count {
            let c = connections[slot]
            guard c.pointee.kind == .awaitingHeader || Self.isOfChain(c.pointee.kind) else { continue }
            let row = Int(c.pointee.listener)
            if rows.contains(row) { used.insert(row) }
        }
        return used
    }

    /// Ends connections whose listener has gone: their time is over.
    func closeConnections(ofRows rows: Set<Int>) {
        for slot in 0..<connections.count {
            let c = connections[slot]
            guard rows.contains(Int(c.pointee.listener)) else { continue }
            switch c.pointee.kind {
            case .downstreamHTTP: downstreamClosed(slot, c)
            case .tunnelDownstream: closeTunnel(slot, c)
            case .awaitingHeader, .echo, .leaving: close(slot, c)
            default: break
            }
        }
        for slot in 0..<connections.count {
            let c = connections[slot]
            // What was still being sent.
            if Self.isOfChain(c.pointee.kind), rows.contains(Int(c.pointee.listener)) { close(slot, c) }
        }
    }

    private func forEachClient(_ body: (ConnectionPointer) -> Void) {
        for slot in 0..<connections.count where Self.isOfChain(connections[slot].pointee.kind) {
            body(connections[slot])
        }
    }

    /// Of a client that has its filter chain.
    private static func isOfChain(_ kind: Connection.Kind) -> Bool {
        switch kind {
        case .downstreamHTTP, .tunnelDownstream, .echo, .leaving: true
        default: false
        }
    }
}
