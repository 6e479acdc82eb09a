import CLinux
import Glibc

/// The kernel's table of this process's descriptors.
///
/// It begins with room for 64 and doubles as needed. In a process with several threads each doubling waits until no thread
/// can be looking at the old one: 10 to 20 ms in which the thread that accepted, or took a descriptor over, stands still. So
/// it is made large before there is a second thread, which costs 8 bytes of kernel memory for each descriptor.
enum DescriptorTable {
    /// Room that every process makes.
    private static let usual = 16384

    /// The limit is raised to the hard one: a proxy needs descriptors.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }

    /// Makes room. Call it before there are threads.
    ///
    /// - Parameter parent: the process whose descriptors will come over, as this PID namespace calls it; nil: none.
    static func widen(parent: UInt32?) {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        // Its table has room for all that it can pass on.
        let wanted = max(usual, parent.flatMap(size) ?? 0)
        let highest = min(wanted, Int(clamping: limit.rlim_cur)) - 1
        // Any of them will do; some start a service without.
        for standard in [0, 1, 2] as [Int32] {
            let copy = fcntl(standard, F_DUPFD_CLOEXEC, Int32(clamping: highest))
            guard copy >= 0 else { continue }
            _ = cl_close(copy)
            return
        }
    }

    /// `FDSize` of proc(5), /proc/PID/status; nil when there is no such process to be seen.
    private static func size(of process: UInt32) -> Int? {
        guard let text = try? InputFile.read("/proc/\(process)/status") else { return nil }
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "FDSize:".utf8) {
            return Int(String(decoding: line.dropFirst(7), as: UTF8.self).trimmed)
        }
        return nil
    }

    private static var resource: __rlimit_resource_t { __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)) }
}

extension String {
    fileprivate var trimmed: Substring {
        self[...].drop { $0 == " " || $0 == "\t" }
    }
}
