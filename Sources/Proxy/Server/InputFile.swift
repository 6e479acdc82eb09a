import CLinux
import Glibc

/// Reads whole files: the configuration, runtime values.
enum InputFile {
    /// - Parameter largest: bytes; no configuration is larger than what is taken without it.
    static func read(_ path: String, largest: Int = 256 << 20) throws(SystemError) -> [UInt8] {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { throw SystemError(call: "cannot be opened", code: -fd) }
        defer { _ = cl_close(fd) }
        var status = cl_file_status()
        // A file in one piece, and what may have come behind it since, or a pipe, in others.
        var bytes = [UInt8](
            repeating: 0, count: cl_fstat(fd, &status) >= 0 ? max(min(Int(status.size), largest), 0) : 0)
        var count = 0
        while count < bytes.count {
            let n = bytes.withUnsafeMutableBytes { cl_read(fd, $0.baseAddress! + count, $0.count - count) }
            guard n >= 0 else { throw SystemError(call: "cannot be read", code: Int32(-n)) }
            if n == 0 { break }
            count += n
        }
        bytes.removeLast(bytes.count - count)
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
