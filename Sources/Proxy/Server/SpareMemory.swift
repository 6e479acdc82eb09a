import CLinux
import Glibc

/// Giving memory back that a standby does not need: it only waits.
enum SpareMemory {
    /// Returns free heap to the kernel, and drops the pages of code from this process's memory: they come back
    /// from the page cache when they are touched.
    static func release() {
        malloc_trim(0)
        for mapping in Maps.read() where mapping.isCode {
            madvise(UnsafeMutableRawPointer(bitPattern: mapping.start), mapping.length, Int32(MADV_DONTNEED))
        }
    }

    /// Lines of /proc/self/maps (proc(5)).
    private struct Maps {
        var start: UInt
        var length: Int
        var isCode: Bool

        init?(_ line: Substring) {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[5].hasPrefix("/") else { return nil }
            let ends = fields[0].split(separator: "-")
            guard ends.count == 2, let start = UInt(ends[0], radix: 16), let end = UInt(ends[1], radix: 16), end > start
            else { return nil }
            self.start = start
            length = Int(end - start)
            // What is in memory is what is in the file. Read-only data is not: it was relocated before it became so.
            isCode = fields[1].utf8.elementsEqual("r-xp".utf8)
        }

        static func read() -> [Maps] {
            let fd = cl_open("/proc/self/maps", O_RDONLY, 0)
            guard fd >= 0 else { return [] }
            defer { _ = cl_close(fd) }
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 16384)
            while true {
                let n = cl_read(fd, &buffer, buffer.count)
                if n <= 0 { break }
                text += buffer[..<n]
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap(Maps.init)
        }
    }
}
