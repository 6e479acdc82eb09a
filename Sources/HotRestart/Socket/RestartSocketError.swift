import Glibc

/// Why the restart socket or a connection to it cannot be used. The text names the path and, where there is one, the way
/// out.
public enum RestartSocketError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Empty, or with a NUL inside.
    case badPath(String)
    /// Longer than a Unix address: 107 bytes.
    case pathTooLong(String)
    /// The directory does not exist, or is none.
    case directoryMissing(String)
    /// Something that is no socket has this name; it is left alone.
    case notASocket(String)
    /// A socket of another kind than SOCK_SEQPACKET.
    case wrongType(String)
    /// The socket file belongs to another user.
    case otherOwner(String, uid: UInt32)
    /// The directory or the socket may not be written, searched or connected to.
    case permission(String)
    /// A process listens there.
    case inUse(String)
    /// A socket file without a process behind it.
    case nobodyListens(String)
    /// No such socket.
    case absent(String)
    /// The process at the other end runs as another user.
    case foreignPeer(uid: UInt32)
    /// The listening process did not take the connection in time.
    case timedOut(String)
    /// A message that cannot be sent.
    case message(MessageError)
    /// Any other failure of a system call; `code` is an errno.
    case system(call: String, code: Int32)

    /// A line for the log.
    public var description: String {
        switch self {
        case .badPath(let path): "hot restart socket path '\(path)' is empty or contains a NUL"
        case .pathTooLong(let path):
            "hot restart socket path '\(path)' is \(path.utf8.count) bytes long; a Unix socket's is at most "
                + "\(RestartSocket.longestPath)"
        case .directoryMissing(let path): "hot restart socket '\(path)': its directory does not exist"
        case .notASocket(let path): "hot restart socket '\(path)': a file that is not a socket has this name"
        case .wrongType(let path): "hot restart socket '\(path)' is a socket of another kind, of another program"
        case .otherOwner(let path, let uid):
            "hot restart socket '\(path)' belongs to user \(uid), this process runs as user \(geteuid())"
        case .permission(let path): "hot restart socket '\(path)': permission denied"
        case .inUse(let path): "hot restart socket '\(path)': a process is listening on it"
        case .nobodyListens(let path): "hot restart socket '\(path)': nobody is listening on it"
        case .absent(let path): "hot restart socket '\(path)' does not exist"
        case .foreignPeer(let uid):
            "the process at the other end of the hot restart socket runs as user \(uid), this one as user \(geteuid())"
        case .timedOut(let path): "hot restart socket '\(path)': the process listening on it does not answer"
        case .message(let error): "\(error)"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        }
    }

    /// For a negative result of a call that concerns `path`.
    static func from(_ result: Int32, call: String, path: String) -> RestartSocketError {
        switch -result {
        case ENAMETOOLONG: .pathTooLong(path)
        case ENOTDIR: .directoryMissing(path)
        case EACCES, EPERM, EROFS: .permission(path)
        case EADDRINUSE: .inUse(path)
        case ECONNREFUSED: .nobodyListens(path)
        case ENOENT: .absent(path)
        case EPROTOTYPE: .wrongType(path)
        default: .system(call: "\(call) '\(path)'", code: -result)
        }
    }
}
