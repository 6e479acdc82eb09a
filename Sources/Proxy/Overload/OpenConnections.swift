import CLinux

/// Connections of clients that are open, by worker and listener: what limits are held against. Each worker writes its own row
/// and reads the others' only where there is a limit.
struct OpenConnections: BitwiseCopyable, @unchecked Sendable {
    private let cells: UnsafeMutablePointer<UInt64>
    private let workers: Int
    private let listeners: Int
    /// Cells of a row: whole cache lines, so that workers do not disturb each other.
    private let stride: Int

    /// Memory for the life of the process.
    init(workers: Int, listeners: Int) {
        self.workers = workers
        self.listeners = listeners
        stride = (listeners + 2 + 15) / 8 * 8
        cells = .allocate(capacity: stride * workers)
        cells.initialize(repeating: 0, count: stride * workers)
    }

    /// By the worker itself.
    @inline(__always)
    func add(worker: Int, listener: Int, _ change: UInt64) {
        let row = cells + worker &* stride
        cl_owner_add(row + listener, change)
        cl_owner_add(row + listeners, change)
    }

    /// A connection was refused since there are too many in all.
    func countRefused(worker: Int) { cl_owner_add(cells + worker * stride + listeners + 1, 1) }

    /// Of all workers. Who has counted its own connection and then asks behind `cl_fence` never lets more in than allowed: of
    /// two that come at the same time at least one sees the other.
    func count(listener: Int) -> UInt64 { sum(listener) }
    var total: UInt64 { sum(listeners) }
    var refused: UInt64 { sum(listeners + 1) }

    private func sum(_ column: Int) -> UInt64 {
        var sum: UInt64 = 0
        for worker in 0..<workers { sum &+= cl_load_relaxed(cells + worker * stride + column) }
        return sum
    }
}
