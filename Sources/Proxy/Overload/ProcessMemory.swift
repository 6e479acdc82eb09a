import CLinux
import Glibc

/// Memory of this process as the kernel counts it: proc(5), /proc/self/statm.
struct ProcessMemory {
    /// In bytes.
    let resident: UInt64
    /// Of these, pages of files and of shared memory.
    let shared: UInt64

    /// What the process made itself, the heap above all: what would go away with it.
    var anonymous: UInt64 { resident >= shared ? resident - shared : 0 }

    /// nil: it cannot be read.
    static func read() -> ProcessMemory? {
        let fd = cl_open("/proc/self/statm", O_RDONLY, 0)
        guard fd >= 0 else { return nil }
        defer { _ = cl_close(fd) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let n = cl_read(fd, &buffer, buffer.count)
        let fields = String(decoding: buffer.prefix(max(n, 0)), as: UTF8.self).split(separator: " ")
        guard fields.count > 2, let resident = UInt64(fields[1]), let shared = UInt64(fields[2]) else { return nil }
        let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        return ProcessMemory(resident: resident * page, shared: shared * page)
    }
}
