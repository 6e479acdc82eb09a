import Glibc
import ProxyConfig

extension FileSource {
    /// Whether the file was replaced at this time of day or later; a move changes the time of the inode (ctime).
    func hasChanged(since time: timespec) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        let changed = status.st_ctim
        // The clock of the file system may be a tick behind.
        return (changed.tv_sec, changed.tv_nsec) >= (time.tv_sec, time.tv_nsec - 10_000_000)
    }
}
