import CLinux

/// Which filter chain a connection gets, once for each: where it is accepted, or behind its PROXY header.
extension Worker {
    /// Finds the filter chain of a connection; its position in `Snapshot.listeners`. -1: there is none, as the stats know then.
    ///
    /// Never inlined: most listeners have one filter chain.
    @inline(never)
    func chooseChain(
        _ chains: UnsafeMutablePointer<FilterChainTable>, listener: Int, _ descriptor: Int32, remote: PeerAddress,
        named: ClientAddresses? = nil
    ) -> Int32 {
        let chain = chains.pointee.choose(descriptor, remote: remote, named: named)
        if chain < 0 { listenerStats[listener].listener[.no_filter_chain_match].increment() }
        return chain
    }

    /// The position of a connection's listener in the configuration.
    @inline(__always)
    func listener(of c: ConnectionPointer) -> Int { Int(snapshot.listeners[Int(c.pointee.listener)].position) }
}

extension Snapshot {
    /// What the place of a connection is for which a listener has no filter chain.
    static let noChain: Int32 = -2

    /// The filter chain of a connection that another process has accepted.
    ///
    /// - Parameter listener: position in the configuration, -1: it is not there, and nothing else is said of it.
    func chain(of connection: ConnectionRecord, listener: Int32, _ descriptor: Int32) -> Int32 {
        guard listener >= 0, let chains = listeners[Int(listener)].chains,
            // It has none before its PROXY header has come.
            ConnectionRecord.kind(connection.kind) != .awaitingHeader
        else { return listener }
        let named =
            connection.hasAddresses ? ClientAddresses(local: connection.local, direct: connection.direct) : nil
        let chain = chains.pointee.choose(descriptor, remote: connection.remote, named: named)
        return chain >= 0 ? chain : Self.noChain
    }
}
