/// Connections that were redirected to this process: the listener filter `original_dst`, and `use_original_dst`.
extension Worker {
    /// Between whom a connection is that was redirected; nil: it was not, as far as is known.
    @inline(never)
    func restoredAddresses(_ descriptor: Int32, _ peer: PeerAddress) -> ClientAddresses? {
        OriginalDestination.of(descriptor).map { ClientAddresses(local: $0, direct: peer) }
    }

    /// The listener that a connection is for, by the address that it went to: with `use_original_dst` maybe another one than
    /// that which has accepted it. Connections go once, as in Envoy.
    @inline(never)
    func handOff(_ listener: Int, _ restored: ClientAddresses) -> Int {
        guard snapshot.listeners[listener].handsOff else { return listener }
        let other = Int(snapshot.listenerAddresses.find(restored.local))
        guard other >= 0, other != listener else { return listener }
        open.add(worker: index, listener: listener, .max)
        open.add(worker: index, listener: other, 1)
        return other
    }

    func keepRestored(_ c: ConnectionPointer, _ restored: ClientAddresses) {
        c.pointee.addresses = addresses.take()
        // Without room for them it is as one that was not redirected.
        if c.pointee.addresses >= 0 { addresses[c.pointee.addresses].pointee = restored }
    }
}
