import CLinux
import Glibc

/// Reads whole files: the configuration.
enum InputFile {
    /// No configuration is larger.
    private static let largest = 256 << 20

    static func read(_ path: String) throws(SystemError) -> [UInt8] {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { throw SystemError(call: "cannot be opened", code: -fd) }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
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
