import StatCatalog
import Stats

/// What all workers of this process together have of a cluster. Nobody counts it: it is the sum of their own gauges, so that
/// a request costs nothing for it, and who asks reads a cell of each.
struct ClusterActivity: BitwiseCopyable, @unchecked Sendable {
    private let cells: UnsafeMutablePointer<UnsafeMutablePointer<ClusterStats>?>
    private let workers: Int

    /// Memory for the life of the process, as the cells'.
    init(workers: Int) {
        self.workers = workers
        cells = .allocate(capacity: workers)
        cells.initialize(repeating: nil, count: workers)
    }

    /// Main thread, before any worker runs.
    func set(worker: Int, _ stats: UnsafeMutablePointer<ClusterStats>) { cells[worker] = stats }

    /// Requests and tunnels that a host has; not for clusters that are gone from the configuration, whose cells each worker
    /// makes on its own.
    func requests(cluster: Int) -> UInt64 {
        var sum: UInt64 = 0
        for worker in 0..<workers {
            guard let stats = cells[worker], ClusterStats.isMade(stats + cluster) else { continue }
            sum &+= stats[cluster].gauges[.upstream_rq_active].part
        }
        // Workers count while this reads: a sum below zero is nothing.
        return sum > 1 << 63 ? 0 : sum
    }
}
