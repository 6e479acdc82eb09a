import CLinux
import Glibc

/// The listening SOCK_SEQPACKET socket on which the serving process is asked for a hot restart. It passes from process to
/// process as a descriptor; the path never changes hands. Not thread safe.
public final class RestartSocket {
    /// Bytes of the longest path, or of an abstract name with its `@`.
    public static let longestPath = 107

    /// As given; a leading `@` means the abstract name space.
    public let path: String
    private let socket: OwnedDescriptor
    /// The socket file as it was made or found; nil without one.
    private let file: RestartPath.Identity?

    /// Adopts a listening socket that came over.
    public init(adopting socket: OwnedDescriptor, path: String) {
        self.socket = socket
        self.path = path
        file = RestartPath.identity(of: path)
    }

    /// For epoll: readable when a process asks; and for passing on.
    public var descriptor: Int32 { socket.raw }

    /// Binds and listens. A socket file that a dead process of this user left behind is replaced; anything else at that
    /// path is left alone and is an error. `mode` are the permissions of the socket file.
    public static func listen(
        path: String, mode: UInt32 = 0o600, backlog: Int32 = 16
    ) throws(RestartSocketError) -> RestartSocket {
        var address = try RestartPath.address(of: path)
        let raw = cl_socket(AF_UNIX, Int32(CL_SOCK_SEQPACKET), 0)
        guard raw >= 0 else { throw .system(call: "socket", code: -raw) }
        let socket = OwnedDescriptor(raw)
        // Between bind and listen the file looks like a dead process's, which another would remove.
        let lock = RestartPath.lockDirectory(of: path)
        defer { lock?.close() }
        var rc = cl_bind(raw, &address)
        if rc == -EADDRINUSE, !RestartPath.isAbstract(path) {
            try RestartPath.removeStale(path)
            rc = cl_bind(raw, &address)
        }
        if rc == -ENOENT { throw .directoryMissing(path) }
        guard rc >= 0 else { throw .from(rc, call: "bind", path: path) }
        // Nobody can connect before listen, so there is no moment with other permissions than these.
        if !RestartPath.isAbstract(path), chmod(path, mode_t(mode)) != 0 {
            let code = errno
            unlink(path)
            throw .from(-code, call: "chmod", path: path)
        }
        rc = cl_listen(raw, backlog)
        guard rc >= 0 else { throw .from(rc, call: "listen", path: path) }
        return RestartSocket(adopting: socket, path: path)
    }

    /// Makes this process the one that connecting processes see as their peer (SO_PEERCRED tells who called listen last).
    /// For an adopted socket, when this process begins to serve.
    public func activate(backlog: Int32 = 16) throws(RestartSocketError) {
        let rc = cl_listen(descriptor, backlog)
        guard rc >= 0 else { throw .from(rc, call: "listen", path: path) }
    }

    /// The process that called listen last, in this process's PID namespace: the one that serves, or did last. 0 when it is
    /// not visible here, nil when the kernel does not say. The kernel keeps it when that process ends.
    public var processInCharge: Int32? {
        var credentials = cl_credentials()
        return cl_peer_credentials(descriptor, &credentials) >= 0 ? credentials.pid : nil
    }

    /// `activate()`, provided that one of `pids` is still in charge; returns whether it was.
    ///
    /// Of two processes that find out at once that the serving one is dead, its child and its standby, one gets true: the
    /// directory of the socket is locked meanwhile. An abstract name has no directory; there the two are told apart unless
    /// they ask within the same microsecond.
    public func takeCharge(from pids: [Int32], backlog: Int32 = 16) throws(RestartSocketError) -> Bool {
        let lock = RestartPath.lockDirectory(of: path)
        defer { lock?.close() }
        guard let pid = processInCharge, pids.contains(pid) else { return false }
        try activate(backlog: backlog)
        return true
    }

    /// The next connection, nil when none waits. Throws `.foreignPeer` for a process of another user, whose connection is
    /// closed; the socket stays usable.
    public func accept() throws(RestartSocketError) -> RestartChannel? {
        var peer = cl_address()
        let raw = cl_accept(descriptor, &peer)
        if raw == -EAGAIN || raw == -ECONNABORTED { return nil }
        guard raw >= 0 else { throw .from(raw, call: "accept", path: path) }
        return try RestartChannel(adopting: OwnedDescriptor(raw))
    }

    /// Connects to the process listening at `path`, waiting for room in its queue until `deadlineNs` (CLOCK_MONOTONIC).
    public static func connect(path: String, deadlineNs: UInt64 = 0) throws(RestartSocketError) -> RestartChannel {
        var address = try RestartPath.address(of: path)
        let raw = cl_socket(AF_UNIX, Int32(CL_SOCK_SEQPACKET), 0)
        guard raw >= 0 else { throw .system(call: "socket", code: -raw) }
        let socket = OwnedDescriptor(raw)
        while true {
            let rc = cl_connect(raw, &address)
            if rc == 0 { return try RestartChannel(adopting: socket) }
            guard rc == -EAGAIN || rc == -EINTR else { throw .from(rc, call: "connect", path: path) }
            // A full queue: Unix sockets do not tell when there is room again.
            if cl_monotonic_ns() >= deadlineNs { throw .timedOut(path) }
            usleep(1000)
        }
    }

    /// Removes the socket file if it is still this socket's. For a process that ends without a successor.
    public func removeFile() {
        guard let file, file == RestartPath.identity(of: path) else { return }
        unlink(path)
    }

    /// Closes this process's descriptor. The file stays, see `removeFile`.
    public func close() { socket.close() }
}
