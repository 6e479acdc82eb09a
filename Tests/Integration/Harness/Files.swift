import CLinux
import Glibc

/// Whole files, small ones.
enum Files {
    static func write(_ path: String, _ text: String) throws {
        let fd = cl_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard fd >= 0 else { throw Failure.system("open \(path)", -fd) }
        defer { _ = cl_close(fd) }
        let bytes = Array(text.utf8)
        guard cl_write(fd, bytes, bytes.count) == bytes.count else { throw Failure.system("write \(path)") }
    }

    /// nil when there is no such file.
    static func read(_ path: String) -> String? {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { return nil }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = cl_read(fd, &buffer, buffer.count)
            guard n > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<n]
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func names(in directory: String) -> [String] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// A directory with files in it, and nothing deeper.
    static func removeDirectory(_ path: String) {
        for name in names(in: path) where unlink("\(path)/\(name)") != 0 { rmdir("\(path)/\(name)") }
        rmdir(path)
    }
}
