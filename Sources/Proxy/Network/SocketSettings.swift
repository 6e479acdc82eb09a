import CLinux
import Glibc
import ProxyConfig

/// What is set on a socket before it is used, and the address that it is bound to.
struct SocketSettings: Sendable {
    /// Why a socket cannot be used.
    enum Failure: Error {
        case option(SocketOption, code: Int32)
        /// It cannot be bound to its own address.
        case bind(code: Int32)

        /// An errno.
        var code: Int32 {
            switch self {
            case .option(_, let code), .bind(let code): code
            }
        }
    }

    let options: [SocketOption]
    /// Where connections to hosts come from; nil: the kernel chooses.
    private let source: cl_address?

    init(_ options: [SocketOption]) {
        self.options = options
        source = nil
    }

    /// Of a cluster's connections; nil: there is nothing to do.
    init?(_ cluster: Cluster) {
        if cluster.keepalive.isEmpty, cluster.bind == nil { return nil }
        source = cluster.bind?.source.flatMap(SocketAddress.make)
        options = (cluster.keepalive + (cluster.bind?.options ?? [])).filter { $0.state == .prebind }
        if options.isEmpty, source == nil { return nil }
    }

    /// Sets the options of one state on a socket.
    func apply(_ fd: Int32, _ state: SocketOption.State) throws(Failure) {
        for option in options where option.state == state {
            let length = socklen_t(option.value.count)
            // The wrapper of the C library does not restart it, and setsockopt does not wait for anything.
            if setsockopt(fd, option.level, option.name, option.value, length) != 0 {
                throw .option(option, code: errno)
            }
        }
    }

    /// What a socket needs before it connects to a host. Those of Unix sockets are left as they are.
    func prepare(_ fd: Int32, _ family: Int32) throws(Failure) {
        if family == AF_UNIX { return }
        try apply(fd, .prebind)
        guard var source else { return }
        // Without a port of its own it shall not use one up before it is known where it connects to.
        if SocketAddress.port(source) == 0 { _ = cl_set_int(fd, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1) }
        let rc = cl_bind(fd, &source)
        if rc < 0 { throw .bind(code: -rc) }
    }
}

extension SocketOption: CustomStringConvertible {
    /// `6/4`, as Envoy's log names it.
    public var description: String { "\(level)/\(name)" }
}
