import ProxyConfig

/// `weighted_clusters` of a TCP proxy: plain data that lives as long as the process.
struct TunnelClusters: BitwiseCopyable {
    private struct Weight: BitwiseCopyable {
        var cluster: Int32
        var weight: UInt64
    }
    private let weights: UnsafeMutablePointer<Weight>
    private let count: Int
    /// Of all, more than 0.
    private let sum: UInt64

    /// Nil for one cluster, which needs no choice.
    static func make(_ proxy: TCPProxy, _ clusters: ClusterNames) -> UnsafePointer<TunnelClusters>? {
        if proxy.weights.isEmpty { return nil }
        return keepForever(TunnelClusters(proxy.weights, clusters))
    }

    private init(_ given: [TCPProxy.Weight], _ clusters: ClusterNames) {
        let list = given.map { Weight(cluster: clusters.position(of: $0.cluster), weight: UInt64($0.weight)) }
        weights = .kept(capacity: max(list.count, 1))
        weights.initialize(from: list, count: list.count)
        count = list.count
        sum = max(list.reduce(0) { $0 + $1.weight }, 1)
    }

    /// The position of a cluster, by Envoy's rule.
    func choose(_ random: UInt64) -> Int32 {
        var rest = random % sum
        for i in 0..<count - 1 {
            if rest < weights[i].weight { return weights[i].cluster }
            rest &-= weights[i].weight
        }
        return weights[count - 1].cluster
    }
}
