import CLinux
import Glibc

/// Who listens on a TCP port, as far as /proc tells this user.
enum PortHolder {
    /// `pid 4711 (nginx)`, or nil when it cannot be told.
    static func find(_ port: UInt16) -> String? {
        let inodes = listeningInodes(port)
        guard !inodes.isEmpty, let processes = opendir("/proc") else { return nil }
        defer { closedir(processes) }
        while let entry = readdir(processes) {
            guard let pid = Int32(name(entry)), holds(pid, inodes) else { continue }
            let command = read("/proc/\(pid)/comm").prefix { $0 != "\n" }
            return "pid \(pid)\(command.isEmpty ? "" : " (\(command))")"
        }
        return nil
    }

    /// The socket inodes in state LISTEN on this port: proc(5), /proc/net/tcp.
    private static func listeningInodes(_ port: UInt16) -> Set<String> {
        let hex = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
        var found: Set<String> = []
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in read(table).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                guard fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" else { continue }
                found.insert("socket:[\(fields[9])]")
            }
        }
        return found
    }

    private static func holds(_ pid: Int32, _ inodes: Set<String>) -> Bool {
        guard let directory = opendir("/proc/\(pid)/fd") else { return false }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            var target = [CChar](repeating: 0, count: 64)
            let n = readlink("/proc/\(pid)/fd/\(name(entry))", &target, target.count - 1)
            guard n > 0 else { continue }
            if inodes.contains(String(decoding: target.prefix(n).map { UInt8(bitPattern: $0) }, as: UTF8.self)) {
                return true
            }
        }
        return false
    }

    private static func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
    }

    private static func read(_ path: String) -> String {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { return "" }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = cl_read(fd, &buffer, buffer.count)
            guard n > 0 else { break }
            bytes += buffer[0..<n]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
