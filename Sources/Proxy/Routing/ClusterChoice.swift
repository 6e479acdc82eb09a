import ProxyConfig

/// `weighted_clusters`, `cluster_header`: plain data that lives as long as the process.
struct CompiledChoice: BitwiseCopyable {
    private struct Weight: BitwiseCopyable {
        var cluster: Int32
        var weight: RuntimeNumber
    }
    private let weights: UnsafeMutablePointer<Weight>
    private let weightCount: Int
    /// In lower case.
    private let header: Bytes
    private let clusters: ClusterNames
    /// Of the answer where there is no such cluster.
    let notFoundStatus: UInt16

    /// Nil for one cluster that is there, which needs no choice. One that is not (`validate_clusters`) is never found.
    init?(_ forward: Forward, clusters: ClusterNames, shares: RuntimeShares) {
        var name = ""
        var list: [Weight] = []
        switch forward.cluster {
        case .named(let name): if clusters.position(of: name) >= 0 { return nil }
        case .header(let text): name = text
        case .weighted(let all):
            list = all.map {
                Weight(
                    cluster: clusters.position(of: $0.name),
                    weight: shares.makeNumber(UInt64($0.weight), key: $0.key ?? ""))
            }
        }
        header = Bytes(keeping: name)
        weights = .kept(capacity: max(list.count, 1))
        weights.initialize(from: list, count: list.count)
        weightCount = list.count
        self.clusters = clusters
        notFoundStatus = forward.clusterNotFoundStatus
    }

    /// The position of the cluster, -1: there is none.
    func choose(_ request: RoutedRequest, random: UInt64) -> Int32 {
        if weightCount == 0 {
            return request.field(header).map { clusters.position(of: request.value($0)) } ?? -1
        }
        var sum: UInt64 = 0
        for i in 0..<weightCount { sum &+= weights[i].weight.value }
        // The runtime has taken all weight away.
        guard sum > 0 else { return -1 }
        var rest = random % sum
        for i in 0..<weightCount {
            let weight = weights[i].weight.value
            if rest < weight { return weights[i].cluster }
            rest &-= weight
        }
        return -1
    }
}
