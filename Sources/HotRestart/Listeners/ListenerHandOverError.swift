import Glibc

/// Why a `ListenerHandOver` cannot go on. The text is a line for the log.
public enum ListenerHandOverError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The restart socket cannot be used.
    case socket(RestartSocketError)
    /// The process that serves did not hand over, and goes on.
    case handOver(ChildSession.Failure)
    /// That address cannot be listened on; `code` is an errno, EINVAL for what is no IP literal.
    case listen(address: String, code: Int32)
    /// Any other failure of a system call; `code` is an errno.
    case system(call: String, code: Int32)

    /// A line for the log.
    public var description: String {
        switch self {
        case .socket(let error): "\(error)"
        case .handOver(let failure): "\(failure)"
        case .listen(let address, let code): "listening on \(address): \(String(cString: strerror(code)))"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        }
    }

    /// Another attempt finds another state of things: a process has begun or ended meanwhile.
    var isPassing: Bool {
        switch self {
        case .socket(.inUse), .socket(.nobodyListens), .socket(.absent): true
        case .handOver(.closed), .handOver(.parentDied): true
        default: false
        }
    }
}
