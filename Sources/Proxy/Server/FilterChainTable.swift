import Glibc
import ProxyConfig

/// Which filter chain of a listener a connection gets: Envoy's `FilterChainMatch` as a tree of tables, asked once for each
/// connection.
///
/// A connection goes down the tree by what it has, in Envoy's order: destination port, destination address, transport protocol,
/// direct source address, source type, source address, source port. Each step takes the narrowest that fits and leaves the others
/// behind for good: where a later step finds nothing, no wider branch of an earlier one is tried. (Server name and application
/// protocols, which Envoy asks in between, are only in a TLS handshake.)
struct FilterChainTable: BitwiseCopyable {
    /// What a step looks at. Children are nodes of the next step, behind the last step positions in `Snapshot.listeners`; -1: none.
    struct Node: BitwiseCopyable {
        /// Ports: the first entry. Addresses: the first group. Source type: the child for any.
        var first: Int32 = -1
        /// How many. Source type: the child for local ones.
        var count: Int32 = 0
        /// Ports: the child for all others. Source type: the child for external ones.
        var other: Int32 = -1
    }
    struct Port: BitwiseCopyable {
        var port: UInt16
        var child: Int32
    }
    /// Ranges of one length, in the order of their addresses.
    struct Group: BitwiseCopyable {
        var isIPv6: Bool
        var length: UInt8
        var first: Int32
        var count: Int32
    }
    struct Range: BitwiseCopyable {
        var high: UInt64
        var low: UInt64
        var child: Int32
    }

    let nodes: UnsafeMutablePointer<Node>
    let ports: UnsafeMutablePointer<Port>
    let groups: UnsafeMutablePointer<Group>
    let ranges: UnsafeMutablePointer<Range>
    let root: Int32
    /// For connections that nothing in the tree takes: the default filter chain. -1: there is none.
    let otherwise: Int32
    /// Whether anything depends on the address that the client has connected to, which must be asked of the kernel.
    let readsLocal: Bool

    /// The position in `Snapshot.listeners` for a connection; -1: none takes it.
    ///
    /// - Parameters:
    ///   - descriptor: its socket.
    ///   - remote: the client.
    ///   - named: what a PROXY header has said; nil: nothing.
    func choose(_ descriptor: Int32, remote: PeerAddress, named: ClientAddresses?) -> Int32 {
        var local = PeerAddress()
        if let named { local = named.local } else if readsLocal { local = PeerAddress(localOf: descriptor) }
        return choose(local: local, direct: named?.direct ?? remote, remote: remote)
    }

    func choose(local: PeerAddress, direct: PeerAddress, remote: PeerAddress) -> Int32 {
        let found = find(MatchedAddress(local), MatchedAddress(direct), MatchedAddress(remote))
        return found >= 0 ? found : otherwise
    }

    private func find(_ local: MatchedAddress, _ direct: MatchedAddress, _ remote: MatchedAddress) -> Int32 {
        var node = child(root, port: local.port)
        if node >= 0 { node = child(node, address: local) }
        if node >= 0 { node = child(node, address: direct) }
        if node >= 0 { node = child(node, isLocal: remote.isLoopback || remote.isSameHost(local)) }
        if node >= 0 { node = child(node, address: remote) }
        return node >= 0 ? child(node, port: remote.port) : -1
    }

    private func child(_ node: Int32, port: UInt16) -> Int32 {
        let node = nodes[Int(node)]
        var (low, high) = (node.first, node.first + node.count)
        while low < high {
            let middle = (low + high) / 2
            let entry = ports[Int(middle)]
            if entry.port == port { return entry.child }
            if entry.port < port { low = middle + 1 } else { high = middle }
        }
        return node.other
    }

    /// Groups stand with the longest first, so that the first range that fits is the narrowest.
    private func child(_ node: Int32, address: MatchedAddress) -> Int32 {
        let node = nodes[Int(node)]
        for position in node.first..<(node.first + node.count) {
            let group = groups[Int(position)]
            guard group.isIPv6 == address.isIPv6 else { continue }
            let length = UInt32(group.length)
            let high = address.high & AddressRange.mask(length)
            let low = address.low & AddressRange.mask(length > 64 ? length - 64 : 0)
            let found = child(group, high, low)
            if found >= 0 { return found }
        }
        return -1
    }

    private func child(_ group: Group, _ high: UInt64, _ low: UInt64) -> Int32 {
        var (from, to) = (group.first, group.first + group.count)
        while from < to {
            let middle = (from + to) / 2
            let range = ranges[Int(middle)]
            if range.high == high, range.low == low { return range.child }
            if (range.high, range.low) < (high, low) { from = middle + 1 } else { to = middle }
        }
        return -1
    }

    private func child(_ node: Int32, isLocal: Bool) -> Int32 {
        let node = nodes[Int(node)]
        let own = isLocal ? node.count : node.other
        return own >= 0 ? own : node.first
    }
}

/// An address as ranges are compared with it: from its first bit on.
struct MatchedAddress: BitwiseCopyable {
    var isIPv6 = false
    var high: UInt64 = 0
    var low: UInt64 = 0
    var port: UInt16 = 0
    /// No IP: a Unix socket.
    var isNone = false
    /// IPv4 on an IPv6 socket.
    var isMapped = false

    init(_ address: PeerAddress) {
        port = address.port
        switch Int32(address.family) {
        case AF_INET: high = UInt64(UInt32(truncatingIfNeeded: address.low).bigEndian) << 32
        case AF_INET6:
            high = address.high.bigEndian
            low = address.low.bigEndian
            // IPv4 on an IPv6 socket (`ipv4_compat`).
            if high == 0, low >> 32 == 0xFFFF {
                high = low << 32
                low = 0
                isMapped = true
            } else {
                isIPv6 = true
            }
        default:
            // As Envoy has it: the last IPv4 address, which only ranges of length 0 should have.
            high = 0xFFFF_FFFF << 32
            isNone = true
        }
    }

    /// As Envoy understands it: 127.0.0.1 and `::1`, and no other of 127.0.0.0/8.
    var isLoopback: Bool { isNone || (isIPv6 ? high == 0 && low == 1 : high == 0x7F00_0001 << 32) }

    func isSameHost(_ other: MatchedAddress) -> Bool {
        !other.isNone && isIPv6 == other.isIPv6 && high == other.high && low == other.low
    }
}
