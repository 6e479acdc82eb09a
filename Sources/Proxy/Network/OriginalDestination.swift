import CLinux
import Glibc
import ProxyConfig

/// Where a client's connection went before netfilter redirected it here.
enum OriginalDestination {
    /// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: the same number in both.
    private static let option: Int32 = 80
    /// linux/in.h and linux/in6.h.
    private static let transparent: (v4: Int32, v6: Int32) = (19, 75)

    /// As Envoy finds it: from the kernel's table of connections, and with `IP_TRANSPARENT` (TPROXY) the socket's own address.
    /// Nil: it is not known.
    static func of(_ descriptor: Int32) -> PeerAddress? {
        let own = PeerAddress(localOf: descriptor)
        guard own.family != 0 else { return nil }
        let isV6 = own.isV6 && !MatchedAddress(own).isMapped
        let level = isV6 ? Int32(IPPROTO_IPV6) : Int32(IPPROTO_IP)
        var address = cl_address()
        var length = socklen_t(isV6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutableBytes(of: &address.words) {
            getsockopt(descriptor, level, option, $0.baseAddress, &length)
        }
        if code == 0 {
            address.length = length
            let found = PeerAddress(&address)
            return found.family == 0 ? nil : found
        }
        var isTransparent: Int32 = 0
        length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, level, isV6 ? transparent.v6 : transparent.v4, &isTransparent, &length) == 0,
            isTransparent != 0
        else { return nil }
        return own
    }
}

/// Which listener has which address, as it is configured: plain data that lives as long as the process.
struct ListenerAddresses: BitwiseCopyable {
    private struct Entry: BitwiseCopyable {
        var address: PeerAddress
        var listener: Int32
    }
    private let entries: UnsafeMutablePointer<Entry>
    private let count: Int

    /// - Parameter listeners: with their positions.
    init(_ listeners: [(offset: Int, element: Listener)]) {
        var list: [Entry] = []
        // Others are not asked for.
        if listeners.contains(where: \.element.handsOff) {
            for (position, listener) in listeners {
                guard var made = SocketAddress.make(listener.address) else { continue }
                let address = PeerAddress(&made)
                if address.family != 0 { list.append(Entry(address: address, listener: Int32(position))) }
            }
        }
        entries = .kept(capacity: max(list.count, 1))
        entries.initialize(from: list, count: list.count)
        count = list.count
    }

    /// The one with this address, else the one with its port on all addresses; -1: there is none.
    func find(_ address: PeerAddress) -> Int32 {
        let exact = position(address)
        if exact >= 0 { return exact }
        var wildcard = PeerAddress()
        wildcard.family = address.family
        wildcard.port = address.port
        return position(wildcard)
    }

    private func position(_ address: PeerAddress) -> Int32 {
        for i in 0..<count where entries[i].address.isSame(address) { return entries[i].listener }
        return -1
    }
}
