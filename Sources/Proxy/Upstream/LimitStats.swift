import ProxyConfig
import StatCatalog
import Stats

/// What is shown of a cluster's circuit breakers, on the main thread: workers only say that there is something to look at.
struct LimitStats {
    /// By priority; nil: without `track_remaining`. Empty where neither has it.
    private var remaining: [GaugeGroup<RemainingGauge>?] = []
    /// The gauges that are 1, by priority, so that nothing is written where nothing is to be said.
    private var open = SIMD2<UInt32>(0, 0)

    private static let priorities: [(RequestPriority, ClusterLimitScope.Priority)] = [
        (.default, .default), (.high, .high),
    ]

    init(_ cluster: Cluster, store: StatsStore, writer: StatsWriter) {
        guard cluster.limits.tracksRemaining || cluster.highLimits.tracksRemaining else { return }
        let name = Snapshot.statName(cluster.altStatName ?? cluster.name)
        remaining = Self.priorities.map { priority, scope in
            let limits = cluster.limits(of: priority)
            guard limits.tracksRemaining else { return nil }
            let gauges: GaugeGroup<RemainingGauge> = GroupIDs(store, in: ClusterLimitScope(name, scope)).cells(writer)
            Self.show(LimitUse(unused: limits), gauges)
            return gauges
        }
    }

    /// - Parameter use: of a priority, nil: nobody uses that.
    mutating func refresh(_ stats: MembershipStats, _ use: (RequestPriority) -> LimitUse?) {
        for (position, (priority, _)) in Self.priorities.enumerated() {
            guard let use = use(priority) else { continue }
            if !remaining.isEmpty, let gauges = remaining[position] { Self.show(use, gauges) }
            var now: UInt32 = 0
            for (gauge, part) in use.byGauge where part.isReached { now |= 1 << UInt32(gauge.rawValue) }
            if now == open[position] { continue }
            open[position] = now
            for gauge in LimitGauge.allCases {
                stats.limits[position][gauge].set(UInt64(now >> UInt32(gauge.rawValue) & 1))
            }
        }
    }

    private static func show(_ use: LimitUse, _ gauges: GaugeGroup<RemainingGauge>) {
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
