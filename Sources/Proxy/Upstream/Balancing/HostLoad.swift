import CLinux

/// How many requests one host has, of all workers together: in clusters that balance by it. A worker adds one when a
/// connection takes a request and subtracts it at its end, both as one step of the processor. And since when it is there, in
/// clusters with a slow start: the main thread writes that.
///
/// Whoever uses the memory keeps a reference: the main thread, and each worker for the hosts of its list.
public final class HostLoad: @unchecked Sendable {
    /// Alone in its cache line.
    let word: UnsafeMutablePointer<UInt64>
    /// Position behind `word`: CLOCK_MONOTONIC, 0 where it is of no account.
    static let since = 1

    init() {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        word = memory.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
    }

    func setSince(_ timeNs: UInt64) { cl_store_relaxed(word + Self.since, timeNs) }

    deinit { UnsafeMutableRawPointer(word).deallocate() }
}
