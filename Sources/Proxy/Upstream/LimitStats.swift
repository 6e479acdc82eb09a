import ProxyConfig
import StatCatalog
import Stats

/// What is shown of a cluster's circuit breakers, on the main thread: workers only say that there is something to look at.
final class LimitStats {
    private let cluster: Cluster
    /// By priority; nil: without `track_remaining`.
    private let remaining: [GaugeGroup<RemainingGauge>?]
    /// The gauges that are 1, so that nothing is written where nothing is to be said.
    private var open: [UInt32] = [0, 0]

    private static let priorities: [(RequestPriority, ClusterLimitScope.Priority)] = [
        (.default, .default), (.high, .high),
    ]

    init(_ cluster: Cluster, store: StatsStore, writer: StatsWriter) {
        self.cluster = cluster
        let name = Snapshot.statName(cluster.altStatName ?? cluster.name)
        remaining = Self.priorities.map { priority, scope in
            guard cluster.limits(of: priority).tracksRemaining else { return nil }
            return GroupIDs(store, in: ClusterLimitScope(name, scope)).cells(writer)
        }
        for (position, gauges) in remaining.enumerated() {
            guard let gauges else { continue }
            show(LimitUse(unused: cluster.limits(of: Self.priorities[position].0)), gauges)
        }
    }

    /// - Parameter use: of a priority, nil: nobody uses that.
    func refresh(_ stats: MembershipStats, _ use: (RequestPriority) -> LimitUse?) {
        for (position, (priority, _)) in Self.priorities.enumerated() {
            guard let use = use(priority) else { continue }
            if let gauges = remaining[position] { show(use, gauges) }
            var now: UInt32 = 0
            for (gauge, part) in use.byGauge where part.isReached { now |= 1 << UInt32(gauge.rawValue) }
            if now == open[position] { continue }
            open[position] = now
            for gauge in LimitGauge.allCases {
                stats.limits[position][gauge].set(UInt64(now >> UInt32(gauge.rawValue) & 1))
            }
        }
    }

    private func show(_ use: LimitUse, _ gauges: GaugeGroup<RemainingGauge>) {
        gauges[.remaining_cx].set(use.connections.left)
        gauges[.remaining_pending].set(use.pending.left)
        gauges[.remaining_rq].set(use.requests.left)
        gauges[.remaining_retries].set(use.retries.left)
    }
}

/// How much of its circuit breakers a cluster uses.
public struct LimitUse: Sendable {
    struct Part: Sendable {
        var count: UInt64
        var limit: UInt64
        /// As in Envoy, what nobody uses is not shown as used up, be the limit 0.
        var isReached: Bool { count >= limit && count > 0 }
        var left: UInt64 { limit > count ? limit - count : 0 }
    }
    var connections, pending, requests, retries: Part

    init(connections: Part, pending: Part, requests: Part, retries: Part) {
        self.connections = connections
        self.pending = pending
        self.requests = requests
        self.retries = retries
    }

    /// Nothing.
    init(unused limits: ClusterLimits) {
        connections = Part(count: 0, limit: UInt64(limits.maxConnections))
        pending = Part(count: 0, limit: UInt64(limits.maxPendingRequests))
        requests = Part(count: 0, limit: UInt64(limits.maxRequests))
        retries = Part(count: 0, limit: UInt64(limits.shownRetries))
    }

    fileprivate var byGauge: [(LimitGauge, Part)] {
        [(.cx_open, connections), (.rq_pending_open, pending), (.rq_open, requests), (.rq_retry_open, retries)]
    }
}

extension ClusterLimits {
    /// Of a budget, which grows with the requests, what there always is.
    var shownRetries: UInt32 { retryBudget?.minConcurrency ?? maxRetries }
}

extension Cluster {
    func limits(of priority: RequestPriority) -> ClusterLimits { priority == .high ? highLimits : limits }
}

extension ClusterManager {
    /// A worker says that a limit is reached, or no longer is.
    func refreshLimits(cluster index: Int) {
        guard clusters.indices.contains(index), let workers else { return }
        clusters[index].limits.refresh(clusters[index].stats) { workers.limitUse(cluster: index, $0) }
    }

    /// Of all clusters that have had connections.
    func refreshLimits() {
        guard let workers else { return }
        for index in clusters.indices where workers.hasTraffic(cluster: index) { refreshLimits(cluster: index) }
    }
}
