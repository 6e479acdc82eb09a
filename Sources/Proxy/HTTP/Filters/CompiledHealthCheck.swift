import CLinux
import ProxyConfig

/// The filter `health_check` as workers see it.
struct CompiledHealthCheck: BitwiseCopyable {
    struct MinHealthy: BitwiseCopyable {
        /// Hosts of the cluster; nil: there is no such cluster.
        let hosts: UnsafePointer<UInt64>?
        let percent: Double
    }
    /// What an upstream has answered, for as long as it counts.
    struct Answer: BitwiseCopyable, Equatable {
        var status: UInt16
        /// It had `x-envoy-degraded`.
        var isDegraded: Bool
    }

    let isPassThrough: Bool
    let headers: UnsafePointer<RouteConditions>?
    let localCluster: Bytes
    private let minHealthy: UnsafeMutablePointer<MinHealthy>
    private let minHealthyCount: Int
    private let cacheNs: UInt64
    /// The answer of all workers: its period, above one bit (degraded) and ten (status). 0: none. nil: none is kept.
    private let answer: UnsafeMutablePointer<UInt64>?

    /// Envoy forgets an answer with a timer that goes off once in each period, whenever the answer came.
    init(_ filter: HealthCheckFilter, _ context: FilterContext) {
        isPassThrough = filter.isPassThrough
        headers = RouteConditions(headers: filter.headers).map { keepForever($0) }
        localCluster = context.localCluster
        // In the order of their names: Envoy's is that of a hash map.
        let all = filter.minHealthy.sorted { $0.key < $1.key }
        minHealthyCount = all.count
        minHealthy = .kept(capacity: max(all.count, 1))
        for (i, one) in all.enumerated() {
            (minHealthy + i).initialize(
                to: MinHealthy(hosts: Self.hosts(of: one.key, context), percent: one.value))
        }
        cacheNs = (filter.cacheTimeMs ?? 0) &* 1_000_000
        answer = cacheNs > 0 ? passingCell() : nil
    }

    private static func hosts(of cluster: String, _ context: FilterContext) -> UnsafePointer<UInt64>? {
        let position = context.clusters.position(of: cluster)
        return position < 0 ? nil : context.memberships.cell(ofCluster: Int(position))
    }

    var keepsAnswers: Bool { answer != nil }

    func kept(nowNs: UInt64) -> Answer? {
        guard let answer else { return nil }
        let word = cl_load_relaxed(answer)
        guard word != 0, word >> 11 == period(nowNs) else { return nil }
        return Answer(status: UInt16(word & 1023), isDegraded: word & 1024 != 0)
    }

    func keep(_ answer: Answer, nowNs: UInt64) {
        guard let word = self.answer else { return }
        cl_store_relaxed(
            word, period(nowNs) << 11 | (answer.isDegraded ? 1024 : 0) | UInt64(answer.status & 1023))
    }

    /// Counted from 1.
    private func period(_ nowNs: UInt64) -> UInt64 { nowNs / cacheNs &+ 1 }

    /// What a check is answered by the number of healthy hosts.
    var verdict: (status: UInt16, details: LogDetails) {
        if minHealthyCount == 0 { return (200, .healthCheckOK) }
        for i in 0..<minHealthyCount {
            guard let hosts = minHealthy[i].hosts else { return (503, .healthCheckNoCluster) }
            let membership = ClusterMemberships.Membership(word: cl_load_relaxed(hosts))
            let percent = minHealthy[i].percent
            if membership.total == 0 {
                if percent == 0 { continue }
                return (503, .healthCheckClusterEmpty)
            }
            if Double(100 * UInt64(membership.healthy)) < Double(membership.total) * percent {
                return (503, .healthCheckClusterUnhealthy)
            }
        }
        return (200, .healthCheckClusterHealthy)
    }
}

/// How many hosts clusters have, for workers; only of clusters of which somebody asks that. Made when a configuration is compiled,
/// set by the main thread.
final class ClusterMemberships {
    struct Membership: BitwiseCopyable, Equatable {
        var total: UInt32
        var healthy: UInt32
        var word: UInt64 { UInt64(total) << 32 | UInt64(healthy) }
        init(total: Int, healthy: Int) {
            self.total = UInt32(clamping: total)
            self.healthy = UInt32(clamping: healthy)
        }
        init(word: UInt64) {
            total = UInt32(word >> 32)
            healthy = UInt32(truncatingIfNeeded: word)
        }
    }

    private var cells: [Int: UnsafeMutablePointer<UInt64>] = [:]

    func cell(ofCluster index: Int) -> UnsafePointer<UInt64> {
        if let known = cells[index] { return UnsafePointer(known) }
        let cell = sharedCell()
        cells[index] = cell
        return UnsafePointer(cell)
    }

    func set(cluster index: Int, total: Int, healthy: Int) {
        guard let cell = cells[index] else { return }
        cl_store_relaxed(cell, Membership(total: total, healthy: healthy).word)
    }
}
