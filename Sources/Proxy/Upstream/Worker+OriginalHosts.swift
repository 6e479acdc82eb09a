import CLinux
import Glibc
import StatCatalog

/// Clusters of type ORIGINAL_DST: a worker makes a host when a client wants to go there, and the main thread keeps the sum of
/// all workers (`ClusterManager+OriginalHosts`).
extension Worker {
    /// The host of a request or a connection: what its header says, or where its client had connected to before it was
    /// redirected. -1: neither is known.
    @inline(never)
    func originalHost(_ c: ConnectionPointer, _ request: RoutedRequest, cluster: Int) -> Int32 {
        let balancing = snapshot.clusters[cluster].balancing
        var address = PeerAddress()
        if balancing.header.count > 0, let field = request.field(balancing.header) {
            address = PeerAddress(hostAndPort: request.value(field))
            if address.family == 0 { clusterStats[cluster].counters[.original_dst_host_invalid].increment() }
        }
        if address.family == 0, c.pointee.addresses >= 0 { address = addresses[c.pointee.addresses].pointee.local }
        if address.family == 0 { return -1 }
        if balancing.port >= 0 { address.port = UInt16(balancing.port) }
        return originalHost(address, cluster: cluster)
    }

    /// The host with this address, made now if need be; -1: there is no room for more.
    func originalHost(_ address: PeerAddress, cluster: Int) -> Int32 {
        let key = OriginalHosts.Key(cluster: Int32(cluster), address: address)
        if let known = originalHosts.slots[key] {
            hosts[known].pointee.wasChosen = true
            return known
        }
        let slot = hosts.take()
        guard slot >= 0 else { return -1 }
        hosts[slot].pointee = HostPool()
        hosts[slot].pointee.address = address.socketAddress
        hosts[slot].pointee.cluster = Int32(cluster)
        hosts[slot].pointee.isFree = false
        hosts[slot].pointee.isByClient = snapshot.clusters[cluster].proxyVersion != nil
        hosts[slot].pointee.wasChosen = true
        originalHosts.slots[key] = slot
        hooks.originalHost(Int32(cluster), address)
        return slot
    }

    /// There is no such cluster any more: they serve what they have.
    func dropOriginalHosts(cluster: Int) {
        for (key, slot) in originalHosts.slots where key.cluster == Int32(cluster) {
            originalHosts.slots[key] = nil
            retireHost(slot, hosts[slot])
        }
    }

    /// Lets go the hosts of a cluster that nobody has chosen since the last time and that have no connection; which those are.
    func cleanOriginalHosts(cluster: Int) -> [cl_address] {
        var gone: [cl_address] = []
        for (key, slot) in originalHosts.slots where key.cluster == Int32(cluster) {
            let pool = hosts[slot]
            if pool.pointee.wasChosen {
                pool.pointee.wasChosen = false
                continue
            }
            guard pool.pointee.connections == 0, pool.pointee.pendingCount == 0, pool.pointee.retrying == 0 else {
                continue
            }
            gone.append(key.address.socketAddress)
            originalHosts.slots[key] = nil
            pool.pointee.isRemoved = true
            freeHostIfUnused(slot, pool)
        }
        return gone
    }
}

/// Where the hosts of a worker are that clients have named.
final class OriginalHosts {
    struct Key: Hashable {
        var cluster: Int32
        var address: PeerAddress
    }
    var slots: [Key: Int32] = [:]
}

extension PeerAddress: Hashable {
    static func == (a: PeerAddress, b: PeerAddress) -> Bool { a.isSame(b) }

    func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
        hasher.combine(UInt32(family) << 16 | UInt32(port))
    }

    /// `127.0.0.1:80` or `[::1]:80`, as Envoy reads it; of no family when it is neither.
    init(hostAndPort text: Bytes) {
        self.init()
        let isBracketed = text.count > 0 && text.start[0] == UInt8(ascii: "[")
        var colon = text.count - 1
        while colon >= 0, text.start[colon] != UInt8(ascii: ":") { colon -= 1 }
        guard colon > 0, let port = Self.port(Bytes(text.start + colon + 1, text.count - colon - 1)) else { return }
        var host = Bytes(text.start, colon)
        if isBracketed {
            guard colon > 2, text.start[colon - 1] == UInt8(ascii: "]") else { return }
            host = Bytes(text.start + 1, colon - 2)
        }
        let address = PeerAddress(literal: host)
        guard address.isV6 == isBracketed, address.family != 0 else { return }
        self = address
        self.port = port
    }

    /// Blanks around the number are allowed, in Envoy.
    private static func port(_ text: Bytes) -> UInt16? {
        var (first, end) = (0, text.count)
        while first < end, isBlank(text.start[first]) { first += 1 }
        while end > first, isBlank(text.start[end - 1]) { end -= 1 }
        guard first < end, end - first <= 20 else { return nil }
        var number = 0
        for i in first..<end {
            guard isDigit(text.start[i]) else { return nil }
            number = min(number * 10 + Int(text.start[i] - UInt8(ascii: "0")), 1 << 20)
        }
        return UInt16(exactly: number)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
