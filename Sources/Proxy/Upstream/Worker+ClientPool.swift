import CLinux
import Glibc
import ProxyConfig

/// Connections to hosts of a cluster with a PROXY header (`upstream_proxy_protocol`). Each begins with the addresses of a
/// client and so belongs to them: requests of others never use it, as in Envoy, which has a pool for each pair of addresses.
extension Worker {
    /// Finds the addresses of a client's connection, which are asked for once; -1: there is no room for them.
    @inline(never)
    func clientAddresses(_ d: ConnectionPointer) -> Int32 {
        if d.pointee.addresses < 0 {
            d.pointee.addresses = addresses.take()
            guard d.pointee.addresses >= 0 else { return -1 }
            addresses[d.pointee.addresses].pointee = ClientAddresses(
                local: PeerAddress(localOf: d.pointee.fd), direct: d.pointee.remote)
        }
        return d.pointee.addresses
    }

    /// Marks a connection that is being made as one of this client's; false: there is no room.
    func belong(_ u: ConnectionPointer, to client: Int32) -> Bool {
        guard client >= 0 else { return false }
        let d = connections[client]
        let of = clientAddresses(d)
        guard of >= 0 else { return false }
        let own = addresses.take()
        guard own >= 0 else { return false }
        addresses[own].pointee = ClientAddresses(local: addresses[of].pointee.local)
        u.pointee.addresses = own
        u.pointee.remote = d.pointee.remote
        u.pointee.flags.insert(.proxied)
        return true
    }

    func dropAddresses(_ c: ConnectionPointer) {
        if c.pointee.addresses < 0 { return }
        addresses.give(c.pointee.addresses)
        c.pointee.addresses = -1
    }

    /// The first bytes of a connection that has just been made.
    func writeProxyHeader(_ u: ConnectionPointer) {
        guard u.pointee.addresses >= 0,
            let version = snapshot.clusters[cluster(of: u)].proxyVersion
        else { return }
        let local = addresses[u.pointee.addresses].pointee.local
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ProxyHeader.longestWritten + 1) { buffer in
            guard let base = buffer.baseAddress else { return }
            let count = ProxyHeader.write(version, source: u.pointee.remote, destination: local, to: base)
            // Behind it comes what waits for the connection: one call sends both.
            u.pointee.output.append(base, count)
        }
        if u.pointee.kind == .tunnelUpstream {
            // Nobody else will ever use it.
            u.pointee.flags.remove(.proxied)
            dropAddresses(u)
        }
    }

    // MARK: Idle connections

    func linkByClient(_ slot: Int32, _ u: ConnectionPointer) {
        let own = addresses[u.pointee.addresses]
        let head = idleByClient.head(u.pointee.host, u.pointee.remote, own.pointee.local)
        own.pointee.previous = -1
        own.pointee.next = head.pointee
        if head.pointee >= 0 { addresses[connections[head.pointee].pointee.addresses].pointee.previous = slot }
        head.pointee = slot
    }

    func unlinkByClient(_ u: ConnectionPointer) {
        let own = addresses[u.pointee.addresses].pointee
        if own.previous >= 0 {
            addresses[connections[own.previous].pointee.addresses].pointee.next = own.next
        } else {
            idleByClient.head(u.pointee.host, u.pointee.remote, own.local).pointee = own.next
        }
        if own.next >= 0 { addresses[connections[own.next].pointee.addresses].pointee.previous = own.previous }
    }

    /// An idle connection of a stream's client to its host, -1: there is none. The client's addresses are known.
    @inline(never)
    func idle(of s: StreamPointer) -> Int32 {
        let host = s.pointee.host
        let d = connections[s.pointee.downstream]
        let local = addresses[d.pointee.addresses].pointee.local
        var slot = idleByClient.head(host, d.pointee.remote, local).pointee
        while slot >= 0 {
            let u = connections[slot]
            let own = addresses[u.pointee.addresses]
            if u.pointee.host == host, u.pointee.remote.isSame(d.pointee.remote), own.pointee.local.isSame(local) {
                return slot
            }
            slot = own.pointee.next
        }
        return -1
    }

    /// Whether a connection is one of a stream's client.
    private func isOwn(_ s: StreamPointer, remote: PeerAddress, local: PeerAddress) -> Bool {
        let d = connections[s.pointee.downstream]
        guard d.pointee.addresses >= 0 else { return false }
        return d.pointee.remote.isSame(remote) && addresses[d.pointee.addresses].pointee.local.isSame(local)
    }

    // MARK: Requests

    /// The stream that has waited longest of those that a connection may serve, -1: there is none.
    func waiting(for u: ConnectionPointer, _ pool: UnsafeMutablePointer<HostPool>) -> Int32 {
        guard u.pointee.addresses >= 0 else { return -1 }
        let local = addresses[u.pointee.addresses].pointee.local
        return waiting(from: pool.pointee.pendingHead, remote: u.pointee.remote, local: local)
    }

    /// The same, from a place in the list on.
    func waiting(from first: Int32, remote: PeerAddress, local: PeerAddress) -> Int32 {
        var slot = first
        while slot >= 0, !isOwn(streams[slot], remote: remote, local: local) {
            slot = streams[slot].pointee.pendingNext
        }
        return slot
    }

    /// After a hand-over that did not bring all connections on their way: each request that waits gets one.
    func connectForOwn(_ slot: Int32, _ pool: UnsafeMutablePointer<HostPool>) {
        var waiting = pool.pointee.pendingHead
        while waiting >= 0 {
            let s = streams[waiting]
            // Those that came over have not asked yet.
            guard clientAddresses(connections[s.pointee.downstream]) >= 0,
                connectUpstream(slot, pool, kind: .upstreamHTTP, for: s.pointee.downstream) >= 0
            else { return }
            waiting = s.pointee.pendingNext
        }
    }
}
