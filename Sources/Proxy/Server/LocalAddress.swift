import CLinux
import Glibc

/// This host's own address, as Envoy finds it for `x-forwarded-for`.
enum LocalAddress {
    /// The first IPv4 address of an interface that is not the loopback; `127.0.0.1` when there is none.
    static func find() -> String {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return "127.0.0.1" }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let source = entry.pointee.ifa_addr, source.pointee.sa_family == sa_family_t(AF_INET) else {
                continue
            }
            var address = cl_address()
            address.length = UInt32(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &address.words) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: MemoryLayout<sockaddr_in>.size))
            }
            let text = SocketAddress.host(address)
            if !text.hasPrefix("127.") { return text }
        }
        return "127.0.0.1"
    }
}
