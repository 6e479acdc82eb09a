import Glibc

/// Why a region cannot be used. `description` is one sentence for the person at the keyboard.
public enum RegionError: Error, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(call: String, path: String, code: Int32)
    /// There is no region.
    case missing(path: String)
    /// The file is not one to trust: another owner, mode, kind or size.
    case untrusted(path: String, found: String)
    /// The file is not a region that this build reads: `found` says what differs.
    case foreign(path: String, found: String)
    /// Another process holds the start-up lock or the mutex for too long.
    case busy(path: String, holder: String)
    /// The mutex can never be locked again.
    case unrecoverable(path: String)
    /// No room: memory, address space, slots or planes.
    case full(path: String, what: String)

    /// One sentence, the file first.
    public var description: String {
        switch self {
        case .system(let call, let path, let code): "\(path): \(call): \(String(cString: strerror(code)))"
        case .missing(let path): "\(path): no such region"
        case .untrusted(let path, let found): "\(path): refused: \(found)"
        case .foreign(let path, let found): "\(path): not a region of this build: \(found)"
        case .busy(let path, let holder): "\(path): locked by \(holder) for too long"
        case .unrecoverable(let path): "\(path): its mutex cannot be recovered"
        case .full(let path, let what): "\(path): \(what)"
        }
    }
}
