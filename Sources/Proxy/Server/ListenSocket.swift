import CLinux
import Glibc
import ProxyConfig

/// A listener that cannot be opened, in one line.
struct ListenError: Error, CustomStringConvertible {
    var description: String
}

/// Opening listening sockets.
enum ListenSocket {
    /// The sockets of one listener: a SO_REUSEPORT group with one member a worker, or one socket for all.
    ///
    /// - Parameter probe: first bind without SO_REUSEPORT, so that a stranger on the port is an error and never half of
    ///   the traffic.
    static func open(
        _ listener: Listener, position: Int, concurrency: Int, probe: Bool
    ) throws(ListenError) -> ListenerSockets {
        guard let address = SocketAddress.make(listener.address) else {
            throw ListenError(description: "\(listener.name): \(text(listener.address)) cannot be used as an address")
        }
        let isGroup = listener.reusePort && isIP(address) && concurrency > 1
        var members: [ListenerSockets.Member] = []
        do throws(ListenError) {
            if probe, isGroup {
                let fd = try bind(address, listener, reusePort: false)
                _ = cl_close(fd)
            }
            var bound = address
            for worker in 0..<(isGroup ? concurrency : 1) {
                let fd = try bind(bound, listener, reusePort: isGroup)
                members.append(.init(descriptor: fd, worker: isGroup ? worker : nil))
                // Port 0: the whole group has the port that the first got.
                if worker == 0, let actual = SocketAddress.local(of: fd) { bound = actual }
                let rc = cl_listen(fd, Int32(clamping: listener.backlog))
                guard rc >= 0 else { throw failed("listen", listener, -rc) }
                try apply(listener, fd, .listening)
            }
        } catch {
            for member in members { _ = cl_close(member.descriptor) }
            throw error
        }
        return ListenerSockets(listener: position, members: members)
    }

    /// A member more for a group that was inherited.
    static func openMember(_ listener: Listener, address: cl_address) throws(ListenError) -> Int32 {
        let fd = try bind(address, listener, reusePort: true)
        let rc = cl_listen(fd, Int32(clamping: listener.backlog))
        do throws(ListenError) {
            guard rc >= 0 else { throw failed("listen", listener, -rc) }
            try apply(listener, fd, .listening)
        } catch {
            _ = cl_close(fd)
            throw error
        }
        return fd
    }

    private static func bind(_ address: cl_address, _ listener: Listener, reusePort: Bool) throws(ListenError) -> Int32
    {
        var address = address
        let family = cl_family(&address)
        let fd = cl_socket(family, Int32(CL_SOCK_STREAM), 0)
        guard fd >= 0 else { throw failed("open a socket for", listener, -fd) }
        if family == AF_UNIX {
            removeStale(listener.address)
        } else {
            _ = cl_set_reuseaddr(fd)
            // Inherited by what is accepted.
            _ = cl_set_nodelay(fd)
            if reusePort { _ = cl_set_reuseport(fd) }
            if family == AF_INET6 { _ = cl_set_int(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, listener.ipv4Compat ? 0 : 1) }
        }
        do throws(ListenError) {
            try apply(listener, fd, .prebind)
            let rc = cl_bind(fd, &address)
            guard rc >= 0 else { throw failed("bind", listener, -rc) }
            try apply(listener, fd, .bound)
        } catch {
            _ = cl_close(fd)
            throw error
        }
        return fd
    }

    /// Sets what the listener's options ask for at this point. Of a socket that was inherited all are set, one state after the other.
    static func apply(_ listener: Listener, _ fd: Int32, _ state: SocketOption.State) throws(ListenError) {
        if listener.socketOptions.isEmpty { return }
        do throws(SocketSettings.Failure) {
            try SocketSettings(listener.socketOptions).apply(fd, state)
        } catch {
            guard case .option(let option, let code) = error else { return }
            let hint = code == EPERM ? " (it may need CAP_NET_ADMIN)" : ""
            throw ListenError(
                description: "\(listener.name): cannot set socket option \(option) (level/name) of "
                    + "\(text(listener.address)): \(SystemError.text(code))\(hint)")
        }
    }

    /// The socket file of a process that is gone; one that somebody answers on stays.
    private static func removeStale(_ address: Address) {
        guard case .pipe(let path) = address, !path.hasPrefix("@") else { return }
        var status = cl_file_status()
        var peer = cl_address()
        guard cl_stat(path, &status) == 0, cl_is_socket(&status), cl_address_unix(&peer, path) == 0 else { return }
        let fd = cl_socket(AF_UNIX, Int32(CL_SOCK_STREAM), 0)
        guard fd >= 0 else { return }
        if cl_connect(fd, &peer) == -ECONNREFUSED { unlink(path) }
        _ = cl_close(fd)
    }

    private static func failed(_ what: String, _ listener: Listener, _ code: Int32) -> ListenError {
        var text = "\(listener.name): cannot \(what) \(text(listener.address)): \(SystemError.text(code))"
        if code == EADDRINUSE, case .socket(_, let port) = listener.address, let holder = PortHolder.find(port) {
            text += " (held by \(holder))"
        }
        if code == EACCES, case .socket(_, let port) = listener.address, port < 1024 {
            text += " (ports below 1024 need CAP_NET_BIND_SERVICE)"
        }
        return ListenError(description: text)
    }

    static func text(_ address: Address) -> String {
        switch address {
        case .socket(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .pipe(let path): path
        }
    }

    static func isIP(_ address: cl_address) -> Bool {
        let family = SocketAddress.family(address)
        return family == AF_INET || family == AF_INET6
    }
}
