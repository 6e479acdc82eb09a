import CLinux
import Glibc

/// The start-up lock of a base id: whoever creates, attaches to or removes a region holds it. Given back by `deinit`,
/// and by the kernel when the process dies.
public final class Anchor {
    /// Whose lock it is.
    public let baseID: UInt32
    private let descriptor: Int32

    /// Waits up to `limitMs` for another process that is just starting.
    public init(baseID: UInt32, limitMs: Int = 10_000) throws(RegionError) {
        let path = RegionName.anchorPath(baseID: baseID)
        let fd = cl_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard fd >= 0 else { throw .system(call: "open", path: path, code: -fd) }
        var status = cl_file_status()
        let rc = cl_fstat(fd, &status)
        guard rc >= 0, cl_is_regular(&status), status.uid == geteuid() else {
            _ = cl_close(fd)
            throw .untrusted(path: path, found: "not a regular file of uid \(geteuid())")
        }
        let end = cl_monotonic_ns() &+ UInt64(limitMs) &* 1_000_000
        while true {
            let rc = cl_ofd_lock(fd, 0, 1)
            if rc == 0 { break }
            guard rc == -EAGAIN, cl_monotonic_ns() < end else {
                _ = cl_close(fd)
                if rc == -EAGAIN { throw .busy(path: path, holder: "another starting process") }
                throw .system(call: "fcntl", path: path, code: -rc)
            }
            usleep(500)
        }
        self.baseID = baseID
        descriptor = fd
    }

    deinit { _ = cl_close(descriptor) }
}
