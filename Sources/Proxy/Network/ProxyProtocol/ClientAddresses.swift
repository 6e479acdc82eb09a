import CLinux
import Glibc

/// Between whom a connection is, where its socket alone does not say it: of a client that came with a PROXY header, and of
/// each connection of a cluster whose connections begin with one. In a slab of their own, since most connections need none.
struct ClientAddresses: BitwiseCopyable {
    /// What the client has connected to, as far as it knows.
    var local = PeerAddress()
    /// Clients: who is at the other end of the socket.
    var direct = PeerAddress()
    /// Neighbours in `IdleByClient`: slots of connections to hosts.
    var next: Int32 = -1
    var previous: Int32 = -1
}

/// Idle connections to hosts that belong to one pair of addresses, found by these. Chains of a fixed number of buckets.
struct IdleByClient: BitwiseCopyable {
    private let heads: UnsafeMutablePointer<Int32>
    private let mask: UInt64

    /// Memory for the life of the process; hardly any where no cluster needs it.
    init(isUsed: Bool) {
        let count = isUsed ? 1 << 14 : 1
        heads = .allocate(capacity: count)
        heads.initialize(repeating: -1, count: count)
        mask = UInt64(count - 1)
    }

    /// Where the chain of a host and a pair of addresses begins.
    func head(_ host: Int32, _ source: PeerAddress, _ destination: PeerAddress) -> UnsafeMutablePointer<Int32> {
        var hash = UInt64(UInt32(bitPattern: host))
        Self.mix(&hash, source.high)
        Self.mix(&hash, source.low)
        Self.mix(&hash, destination.high)
        Self.mix(&hash, destination.low)
        Self.mix(&hash, UInt64(source.port) << 16 | UInt64(destination.port))
        return heads + Int(hash & mask)
    }

    @inline(__always)
    private static func mix(_ hash: inout UInt64, _ word: UInt64) {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
    }
}

extension PeerAddress {
    func isSame(_ other: PeerAddress) -> Bool {
        high == other.high && low == other.low && port == other.port && family == other.family
    }

    /// As a socket's address; of length 0 where it is none.
    var socketAddress: cl_address {
        var address = cl_address()
        if family == 0 { return address }
        withUnsafeMutableBytes(of: &address.words) { raw in
            raw.storeBytes(of: family, toByteOffset: 0, as: UInt16.self)
            if family == UInt16(AF_INET) {
                raw.storeBytes(of: UInt32(truncatingIfNeeded: low), toByteOffset: 4, as: UInt32.self)
            } else {
                raw.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
                raw.storeBytes(of: low, toByteOffset: 16, as: UInt64.self)
            }
        }
        address.length = UInt32(
            family == UInt16(AF_INET) ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        cl_address_set_port(&address, port)
        return address
    }

    var isV6: Bool { family == UInt16(AF_INET6) }

    /// An IP literal; of no family when it is none.
    init(literal text: Bytes) {
        var address = cl_address()
        let isLiteral =
            text.count > 0 && text.count < Int(INET6_ADDRSTRLEN)
            && withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
                guard let start = buffer.baseAddress else { return false }
                memcpy(start, text.start, text.count)
                start[text.count] = 0
                return cl_address_ip(&address, start, 0) == 0
            }
        if isLiteral { self.init(&address) } else { self.init() }
    }

    /// Who is at the other end of a socket.
    init(peerOf descriptor: Int32) {
        var address = cl_address()
        var length = socklen_t(MemoryLayout.size(ofValue: address.words))
        let code = withUnsafeMutableBytes(of: &address.words) { raw in
            getpeername(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard code == 0 else {
            self.init()
            return
        }
        address.length = length
        self.init(&address)
    }

    /// What a socket is bound to.
    init(localOf descriptor: Int32) {
        var address = cl_address()
        guard cl_local_address(descriptor, &address) >= 0 else {
            self.init()
            return
        }
        self.init(&address)
    }
}
