import CLinux
import Glibc

/// Makes what a predecessor does not have.
enum ListeningSocket {
    /// A TCP socket that listens at `ip` (a literal) and `port`, does not block and is close-on-exec.
    static func open(
        _ ip: String, port: UInt16, name: String, backlog: Int32
    ) throws(ListenerHandOverError) -> OwnedDescriptor {
        var address = cl_address()
        guard !ip.utf8.contains(0), cl_address_ip(&address, ip, port) == 0 else {
            throw .listen(address: name, code: EINVAL)
        }
        let raw = cl_socket(cl_family(&address), Int32(SOCK_STREAM.rawValue), 0)
        guard raw >= 0 else { throw .listen(address: name, code: -raw) }
        let socket = OwnedDescriptor(raw)
        // Connections of a former life may still be in TIME_WAIT. It lets no second process listen.
        var rc = cl_set_reuseaddr(raw)
        if rc >= 0 { rc = cl_bind(raw, &address) }
        if rc >= 0 { rc = cl_listen(raw, backlog) }
        guard rc >= 0 else { throw .listen(address: name, code: -rc) }
        return socket
    }
}
