import CLinux
import Glibc

/// A file that holds the number of requests as a decimal line, rewritten after each turn of the loop that saw some: it
/// is right even when the server is killed.
final class CountFile {
    private let descriptor: Int32
    private var written: UInt64?

    init(_ path: String) throws {
        descriptor = try Server.check("open \(path)", cl_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644))
        write(0)
    }

    func write(_ count: UInt64) {
        if count == written { return }
        written = count
        // The number only grows, so that each line covers the last.
        let line = Array("\(count)\n".utf8)
        _ = pwrite(descriptor, line, line.count, 0)
    }
}
