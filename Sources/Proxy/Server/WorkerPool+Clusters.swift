import ProxyConfig

/// Clusters that come, change and go while the process runs.
extension WorkerPool {
    /// Puts compiled clusters and routes in place between two turns of all workers' loops. Hosts of these clusters are let go: requests
    /// that they have end as they would have, and nothing new goes there.
    ///
    /// - Parameter inPlace: runs while the workers are held: hosts that are published by it are there with the first request.
    func change(
        _ clusters: [Snapshot.ClusterChange], _ routes: [Snapshot.RouteChange], inPlace: @escaping () -> Void,
        after: @escaping () -> Void
    ) {
        stats.requestClasses.prepare(snapshot.requestClasses)
        let change = { [self] in
            for change in clusters {
                snapshot.apply(change)
                let name = change.cluster.map { Snapshot.statName($0.altStatName ?? $0.name) }
                for (position, _) in change.rows where stats.rename(cluster: position, name) {
                    for worker in workers { worker.rareStatus.forget(cluster: Int32(position)) }
                }
            }
            put(routes)
            for change in clusters { publish(hosts: [], cluster: change.position) }
            inPlace()
        }
        whileHeld(change, after: after)
    }

    /// Whether nothing of any request or connection is left in the row of a cluster that is gone.
    func isIdle(cluster: Int) -> Bool {
        both(cluster).allSatisfy { position in
            let usage = snapshot.usage(of: position)
            return usage.connections == 0 && usage.pending == 0 && usage.retries == 0
                && stats.activity.requests(cluster: position) == 0
        }
    }
}
