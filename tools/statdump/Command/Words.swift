import Glibc
import SharedMemory

/// Numbers and times as people read them.
enum Words {
    static func bytes(_ count: Int) -> String {
        let units = ["KiB", "MiB", "GiB"]
        var value = Double(count) / 1024
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return count < 1024 ? "\(count) B" : "\(fixed(value, 1)) \(units[unit])"
    }

    static func duration(ns: UInt64) -> String {
        let seconds = ns / 1_000_000_000
        switch seconds {
        case 0..<60: return "\(seconds) s"
        case 60..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        case 3600..<86400: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return "\(seconds / 86400) d \(seconds / 3600 % 24) h"
        }
    }

    /// A CLOCK_REALTIME as a local time.
    static func time(ns: UInt64, _ format: String = "%Y-%m-%d %H:%M:%S") -> String {
        var seconds = time_t(truncatingIfNeeded: ns / 1_000_000_000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "\(ns) ns" }
        var text = [CChar](repeating: 0, count: 64)
        let length = strftime(&text, text.count, format, &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// With so many digits behind the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 1e18 else { return "\(value)" }
        let whole = String(UInt64(scaled) / UInt64(scale))
        let fraction = String(UInt64(scaled) % UInt64(scale))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + whole }
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }

    /// A process as every message names it.
    static func process(_ slot: SlotInfo) -> String { "pid \(slot.pid) epoch \(slot.epoch) \(slot.role)" }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(width - unicodeScalars.count, 0)) }

    func rightAligned(to width: Int) -> String {
        String(repeating: " ", count: max(width - unicodeScalars.count, 0)) + self
    }
}
