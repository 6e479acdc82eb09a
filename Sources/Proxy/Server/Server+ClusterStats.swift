import CLinux
import Stats

/// Stats of clusters that a process with many of them has not made before it serves.
extension Server {
    /// How long the main thread is at it without looking at anything else.
    private static let sliceNs: UInt64 = 1_000_000

    /// Makes them little by little, from when this process serves.
    func makeClusterStats() {
        guard pool.hasStatsToMake else { return }
        makesClusterStats = true
        makeSomeClusterStats()
    }

    private func makeSomeClusterStats() {
        guard makesClusterStats else { return }
        // Not between the steps of a hand-over: connections stand still.
        if parentSession?.isUndecided == true {
            loop.after(ms: 10) { [weak self] in self?.makeSomeClusterStats() }
            return
        }
        let end = cl_monotonic_ns() + Self.sliceNs
        while makeNextClusterStats(), cl_monotonic_ns() < end {}
        store.topUp()
        if makesClusterStats { loop.after(ms: 0) { [weak self] in self?.makeSomeClusterStats() } }
    }

    /// Makes all that are missing: whoever looks at the stats sees them whole.
    func finishClusterStats() {
        guard makesClusterStats else { return }
        while makeNextClusterStats() {}
        store.topUp()
    }

    /// This process ends: what discovery has counted is not lost with it.
    func keepDiscoveryStats() {
        guard makesClusterStats else { return }
        for cluster in bootstrap.clusters.indices { clusterManager.makeStats(cluster: cluster) }
    }

    /// Whether there was one to make.
    private func makeNextClusterStats() -> Bool {
        if let cluster = pool.makeNextStats() {
            clusterManager.makeStats(cluster: cluster)
            return true
        }
        makesClusterStats = false
        // Those whose stats a worker needed before it was their turn.
        for cluster in bootstrap.clusters.indices { clusterManager.makeStats(cluster: cluster) }
        do {
            try claim.region?.namesAreComplete()
        } catch {
            log.warning("\(error): stats that nobody uses any more are kept")
        }
        return false
    }
}
