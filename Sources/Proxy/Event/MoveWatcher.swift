import CLinux
import Glibc

/// Tells when something is moved onto a path, which is how a symbolic link or a file is replaced in one step, or into a
/// directory. Main thread.
///
/// There is one inotify descriptor for each directory, since a user may have only so many (`fs.inotify.max_user_instances`).
final class MoveWatcher {
    private let loop: MainLoop
    private var directories: [String: WatchedDirectory] = [:]

    init(loop: MainLoop) { self.loop = loop }

    /// - Parameter path: need not exist, but its directory must.
    func watch(path: String, _ changed: @escaping () -> Void) throws(SystemError) {
        let end = path.lastIndex(of: "/")
        let name = end.map { String(path[path.index(after: $0)...]) } ?? path
        try directory(end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".").add(name, changed)
    }

    /// Anything that is moved into it.
    func watch(directory path: String, _ changed: @escaping () -> Void) throws(SystemError) {
        try directory(path).add(nil, changed)
    }

    private func directory(_ path: String) throws(SystemError) -> WatchedDirectory {
        if let known = directories[path] { return known }
        let directory = try WatchedDirectory(path, loop)
        directories[path] = directory
        return directory
    }
}

private final class WatchedDirectory {
    private let descriptor: Int32
    private let loop: MainLoop
    private var byName: [String: [() -> Void]] = [:]
    private var ofAny: [() -> Void] = []

    init(_ path: String, _ loop: MainLoop) throws(SystemError) {
        self.loop = loop
        let fd = cl_inotify_create()
        guard fd >= 0 else { throw SystemError(call: "inotify_init1", code: -fd) }
        descriptor = fd
        let rc = cl_inotify_moved_to(fd, path)
        guard rc >= 0 else {
            _ = cl_close(fd)
            throw SystemError(call: "inotify_add_watch \(path)", code: -rc)
        }
        try loop.watch(fd, Epoll.input) { [weak self] _ in self?.read() }
    }

    deinit {
        loop.unwatch(descriptor)
        _ = cl_close(descriptor)
    }

    /// - Parameter name: nil: any.
    func add(_ name: String?, _ changed: @escaping () -> Void) {
        if let name { byName[name, default: []].append(changed) } else { ofAny.append(changed) }
    }

    private func read() {
        var moved: Set<String> = []
        var isAny = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            guard let base = buffer.baseAddress else { return }
            while true {
                let count = cl_read(descriptor, base, buffer.count)
                guard count > 0 else { return }
                var at = 0
                while let found = cl_inotify_name(base, count, at, &at) {
                    let text = String(cString: found)
                    // Events that are lost since the queue is full (IN_Q_OVERFLOW, no name) may have been any.
                    if text.isEmpty { isAny = true } else { moved.insert(text) }
                }
            }
        }
        guard isAny || !moved.isEmpty else { return }
        var told = ofAny
        for (name, list) in byName where isAny || moved.contains(name) { told += list }
        for changed in told { changed() }
    }
}
