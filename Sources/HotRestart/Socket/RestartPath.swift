import CLinux
import Glibc

/// What a path names, and the removal of a dead process's socket file.
enum RestartPath {
    static func isAbstract(_ path: String) -> Bool { path.hasPrefix("@") }

    static func address(of path: String) throws(RestartSocketError) -> cl_address {
        guard !path.isEmpty, path != "@", !path.utf8.contains(0) else { throw .badPath(path) }
        var address = cl_address()
        guard cl_address_unix(&address, path) == 0 else { throw .pathTooLong(path) }
        return address
    }

    /// Unlinks `path` if it is a socket of this user behind which nobody listens; throws what it is otherwise.
    ///
    /// Two processes that start at once must not remove each other's new socket: the caller holds the directory's lock,
    /// as far as it can be had, and the file is compared again just before it goes.
    static func removeStale(_ path: String) throws(RestartSocketError) {
        guard let found = try inspect(path) else { return }
        let raw = cl_socket(AF_UNIX, Int32(CL_SOCK_SEQPACKET), 0)
        guard raw >= 0 else { throw .system(call: "socket", code: -raw) }
        let probe = OwnedDescriptor(raw)
        defer { probe.close() }
        var address = try address(of: path)
        switch cl_connect(raw, &address) {
        case 0, -EAGAIN: throw .inUse(path)
        case -ECONNREFUSED: break
        case -ENOENT: return
        case let rc: throw .from(rc, call: "connect", path: path)
        }
        guard let again = try inspect(path) else { return }
        guard again == found else { throw .inUse(path) }
        if unlink(path) != 0, errno != ENOENT { throw .from(-errno, call: "unlink", path: path) }
    }

    /// Which file a name meant at some time.
    struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64
        /// An inode number is used again at once; its change time tells the two apart.
        var changedSeconds: Int
        var changedNanoseconds: Int
    }

    /// The socket file of this user at `path`, nil when there is none.
    static func identity(of path: String) -> Identity? {
        if isAbstract(path) { return nil }
        do throws(RestartSocketError) { return try inspect(path) } catch { return nil }
    }

    /// The file at `path` if it is a socket of this user, nil if there is none.
    private static func inspect(_ path: String) throws(RestartSocketError) -> Identity? {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            if errno == ENOENT { return nil }
            throw .from(-errno, call: "lstat", path: path)
        }
        guard info.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        guard info.st_uid == geteuid() else { throw .otherOwner(path, uid: info.st_uid) }
        return Identity(
            device: UInt64(info.st_dev), inode: UInt64(info.st_ino), changedSeconds: info.st_ctim.tv_sec,
            changedNanoseconds: info.st_ctim.tv_nsec)
    }

    /// The lock of the directory in which `path` is, held until it is closed: from `bind` to `listen`, and while a process
    /// takes charge. Nil for an abstract name, when the directory cannot be read, or when somebody keeps it locked: anybody
    /// may lock a shared directory, and that must not keep this process from starting.
    static func lockDirectory(of path: String) -> OwnedDescriptor? {
        if isAbstract(path) { return nil }
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        for _ in 0..<200 {
            let raw = cl_lock_directory(directory)
            if raw >= 0 { return OwnedDescriptor(raw) }
            guard raw == -EWOULDBLOCK else { return nil }
            usleep(1000)
        }
        return nil
    }
}
