import CLinux
import Glibc

/// Reads whole files: the configuration, runtime values.
enum InputFile {
    /// - Parameter largest: bytes; no configuration is larger than what is taken without it.
    static func read(_ path: String, largest: Int = 256 << 20) throws(SystemError) -> [UInt8] {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { throw SystemError(call: "cannot be opened", code: -fd) }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
        var status = cl_file_status()
        if cl_fstat(fd, &status) >= 0, status.size > 0 { bytes.reserveCapacity(min(Int(status.size), largest)) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = cl_read(fd, &buffer, buffer.count)
            guard n >= 0 else { throw SystemError(call: "cannot be read", code: Int32(-n)) }
            if n == 0 { return bytes }
            bytes += buffer[0..<n]
            guard bytes.count <= largest else { throw SystemError(call: "cannot be read", code: EFBIG) }
        }
    }
}
