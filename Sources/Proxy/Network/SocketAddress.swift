import CLinux
import Glibc
import ProxyConfig

/// Socket addresses between the configuration, the kernel and people.
enum SocketAddress {
    /// nil when the host is not an IP literal, or the path is too long for a Unix socket.
    static func make(_ address: Address) -> cl_address? {
        var made = cl_address()
        switch address {
        case .socket(let host, let port): return cl_address_ip(&made, host, port) == 0 ? made : nil
        case .pipe(let path): return cl_address_unix(&made, path) == 0 ? made : nil
        }
    }

    static func isLiteral(_ host: String) -> Bool {
        var made = cl_address()
        return cl_address_ip(&made, host, 0) == 0
    }

    /// `127.0.0.1:80`, `[::1]:80`, or a path.
    static func text(_ address: cl_address) -> String {
        let host = host(address)
        switch family(address) {
        case AF_INET: return "\(host):\(port(address))"
        case AF_INET6: return "[\(host)]:\(port(address))"
        default: return host
        }
    }

    /// The IP literal, or the path.
    static func host(_ address: cl_address) -> String {
        var address = address
        var buffer = [CChar](repeating: 0, count: 160)
        let length = cl_address_text(&address, &buffer, UInt32(buffer.count))
        return String(decoding: buffer.prefix(Int(max(length, 0))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func port(_ address: cl_address) -> UInt16 {
        var address = address
        return cl_address_port(&address)
    }

    static func family(_ address: cl_address) -> Int32 {
        var address = address
        return cl_family(&address)
    }

    static func equal(_ a: cl_address, _ b: cl_address) -> Bool {
        var a = a
        var b = b
        return cl_address_equal(&a, &b)
    }

    /// What a descriptor is bound to.
    static func local(of descriptor: Int32) -> cl_address? {
        var address = cl_address()
        return cl_local_address(descriptor, &address) >= 0 ? address : nil
    }
}
