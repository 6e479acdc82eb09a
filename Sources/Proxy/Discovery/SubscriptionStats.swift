import Glibc
import StatCatalog
import Stats

/// What is counted of a file that resources come from, in the main thread's plane; the names are Envoy's.
struct SubscriptionStats {
    let attempts: Counter
    let successes: Counter
    /// It could not be read.
    let failures: Counter
    /// It was read, and not taken.
    let rejections: Counter
    let updateTime: Gauge
    let version: Gauge
    let versionText: TextReadout

    /// What a file has has been taken.
    func taken(version text: String) {
        successes.increment()
        show(version: text)
    }

    /// Without counting.
    func show(version text: String) {
        updateTime.set(Self.nowMs())
        // With a byte more, so that there is an address also of none.
        let bytes = Array(text.utf8) + [0]
        version.set(bytes.withUnsafeBufferPointer { $0.baseAddress.map { XXHash64.hash($0, bytes.count - 1) } ?? 0 })
        versionText.set(text)
    }

    /// Since 1970.
    static func nowMs() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
