import CLinux
import ProxyConfig

/// What a cluster has of everything that its circuit breakers limit, over all workers. Touched when a connection is made or a
/// request must wait for one, never by a request that finds an idle connection (but in a cluster whose `max_requests` is the
/// lowest limit, or whose `track_remaining` is on).
struct ClusterUsage: BitwiseCopyable {
    /// Cells between two clusters: a cache line or two, so that they do not disturb each other.
    static let stride = 16
    enum Kind: Int, CaseIterable {
        case connections, pending, requests, retries
    }
    private enum Cell {
        static let hadConnection = 4, isTold = 5
        /// Of each kind; 0: not watched, else one more than the limit.
        static let limits = 8
    }
    let cells: UnsafeMutablePointer<UInt64>
    var connections: UInt64 { count(.connections) }
    var pending: UInt64 { count(.pending) }
    var requests: UInt64 { count(.requests) }
    var retries: UInt64 { count(.retries) }
    /// There has been a connection: health checks are more frequent from then on.
    var hadConnection: Bool { cl_load_relaxed(cells + Cell.hadConnection) != 0 }
    func noteConnection() { cl_store_relaxed(cells + Cell.hadConnection, 1) }

    @inline(__always)
    func count(_ kind: Kind) -> UInt64 {
        let count = cl_load_relaxed(cells + kind.rawValue)
        // Workers add and subtract while this reads.
        return count > 1 << 63 ? 0 : count
    }

    /// Returns whether the main thread is to be told: a limit is reached, or is no longer, and it does not know yet that there is
    /// something to look at.
    @inline(__always)
    func add(_ change: Int64, _ kind: Kind) -> Bool {
        let before = cl_fetch_add(cells + kind.rawValue, UInt64(bitPattern: change))
        let edge = change > 0 ? before &+ 1 : before
        let watched = cells[Cell.limits + kind.rawValue]
        return (edge &+ 1 == watched || watched == .max) && noteChange()
    }

    /// Whether this is the first since `beginLook`.
    private func noteChange() -> Bool {
        if cl_load_relaxed(cells + Cell.isTold) != 0 { return false }
        cl_store_relaxed(cells + Cell.isTold, 1)
        return true
    }

    /// What changes from now on is told anew.
    func beginLook() {
        cl_store_relaxed(cells + Cell.isTold, 0)
        // Counts are read behind it: who adds later finds it so.
        _ = cl_fetch_add(cells + Cell.isTold, 0)
    }

    /// Before there are workers, or while they are held. A limit of the largest number is none.
    func setLimits(_ limits: ClusterLimits) {
        let counts = [limits.maxConnections, limits.maxPendingRequests, limits.maxRequests, limits.maxRetries]
        for (kind, limit) in counts.enumerated() {
            // A budget is another number from time to time.
            let isOften = limits.tracksRemaining || kind == Kind.retries.rawValue && limits.retryBudget != nil
            cells[Cell.limits + kind] = isOften ? .max : UInt64(limit) + 1
        }
    }
}

extension Worker {
    /// Counts for the circuit breakers of a cluster.
    @inline(__always)
    func use(_ cluster: Int, _ kind: ClusterUsage.Kind, _ change: Int64) {
        if snapshot.usage(of: cluster).add(change, kind) { hooks.limitReached(Int32(cluster)) }
    }
}
