import CLinux
import ProxyConfig

/// `connection_limit` of a filter chain: its open connections, over all workers. Touched when one begins and when it ends.
struct ChainLimit: BitwiseCopyable {
    private let cell: UnsafeMutablePointer<UInt64>
    let most: UInt64
    /// How long one too many is kept, nanoseconds; 0: not at all.
    let delayNs: UInt64

    static func make(_ limit: ConnectionLimit) -> UnsafeMutablePointer<ChainLimit> {
        // A cache line of its own.
        let cells = UnsafeMutablePointer<UInt64>.kept(capacity: 16)
        cells.initialize(repeating: 0, count: 16)
        let made = UnsafeMutablePointer<ChainLimit>.kept(capacity: 1)
        made.initialize(
            to: ChainLimit(
                cell: cells + 8, most: UInt64(limit.maxConnections), delayNs: limit.delayMs &* 1_000_000))
        return made
    }

    var count: UInt64 { cl_load_relaxed(cell) }

    func add(_ change: Int64) { _ = cl_fetch_add(cell, UInt64(bitPattern: change)) }

    /// Counts one more; false: it is one too many. As in Envoy it counts all the same until it is closed.
    func takes() -> Bool { cl_fetch_add(cell, 1) < most }
}
