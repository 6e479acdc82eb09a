import CLinux
import Glibc

/// Tells when something is moved onto a path, which is how a symbolic link or a file is replaced in one step. Main thread.
final class MoveWatcher {
    private let descriptor: Int32
    private let name: String
    private let changed: () -> Void
    private let loop: MainLoop

    /// - Parameter path: need not exist, but its directory must.
    init(path: String, loop: MainLoop, _ changed: @escaping () -> Void) throws(SystemError) {
        let end = path.lastIndex(of: "/")
        name = end.map { String(path[path.index(after: $0)...]) } ?? path
        let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        self.changed = changed
        self.loop = loop
        let fd = cl_inotify_create()
        guard fd >= 0 else { throw SystemError(call: "inotify_init1", code: -fd) }
        descriptor = fd
        let rc = cl_inotify_moved_to(fd, directory)
        guard rc >= 0 else {
            _ = cl_close(fd)
            throw SystemError(call: "inotify_add_watch \(directory)", code: -rc)
        }
        try loop.watch(fd, Epoll.input) { [weak self] _ in self?.read() }
    }

    deinit {
        loop.unwatch(descriptor)
        _ = cl_close(descriptor)
    }

    /// Events that are lost since the queue is full (IN_Q_OVERFLOW, no name) may have been this one.
    private func read() {
        var isMine = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            guard let base = buffer.baseAddress else { return }
            while true {
                let count = cl_read(descriptor, base, buffer.count)
                guard count > 0 else { return }
                var at = 0
                while let found = cl_inotify_name(base, count, at, &at) {
                    let text = String(cString: found)
                    if text == name || text.isEmpty { isMine = true }
                }
            }
        }
        if isMine { changed() }
    }
}
