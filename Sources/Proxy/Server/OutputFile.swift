import CLinux
import Glibc

/// Small files that other programs read: `--base-id-path`, `--admin-address-path`.
enum OutputFile {
    /// Replaces the file as a whole: a reader sees the old content or the new.
    static func write(_ path: String, _ text: String) throws(SystemError) {
        let temporary = "\(path).\(getpid()).tmp"
        let fd = cl_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard fd >= 0 else { throw SystemError(call: "open \(temporary)", code: -fd) }
        let bytes = Array(text.utf8)
        let n = cl_write(fd, bytes, bytes.count)
        _ = cl_close(fd)
        guard n == bytes.count, rename(temporary, path) == 0 else {
            let code = n < 0 ? Int32(-n) : errno
            unlink(temporary)
            throw SystemError(call: "write \(path)", code: code)
        }
    }
}
