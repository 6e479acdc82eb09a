import Glibc

/// Times as people read them.
enum WallClock {
    /// `2026-11-23 10:00:00`, local time, of nanoseconds since 1970.
    static func text(_ ns: UInt64) -> String {
        var seconds = time_t(clamping: ns / 1_000_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
