import CLinux
import Glibc

/// How many descriptors this process may still open.
public enum DescriptorBudget {
    /// RLIMIT_NOFILE (soft) minus the descriptors open now; 0 when neither can be found out.
    public static func free() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return 0 }
        let open = openCount()
        let most = UInt64(limit.rlim_cur)
        return most > open ? most - open : 0
    }

    private static func openCount() -> UInt64 {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while let entry = readdir(directory) {
            // "." and ".."; the others are numbers.
            if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
        }
        // The directory itself was open only for this.
        return count > 0 ? count - 1 : 0
    }
}
