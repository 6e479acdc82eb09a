import Glibc
import ProxyConfig

/// Positions of clusters by their names: for the configuration's compiler, and for requests that name their cluster.
struct ClusterNames: BitwiseCopyable, @unchecked Sendable {
    private struct Entry: BitwiseCopyable {
        var name: Bytes
        var position: Int32
    }
    /// By name; never freed, as snapshots live as long as their process.
    private let entries: UnsafeMutablePointer<Entry>
    private let count: Int

    /// - Parameter names: by position; of equal ones the first counts.
    init(_ names: [String]) {
        var all: [Entry] = []
        all.reserveCapacity(names.count)
        for (i, name) in names.enumerated() { all.append(Entry(name: Bytes(keeping: name), position: Int32(i))) }
        all.sort {
            let order = Self.order($0.name, $1.name)
            return order == 0 ? $0.position < $1.position : order < 0
        }
        count = all.count
        entries = .allocate(capacity: max(count, 1))
        entries.initialize(from: all, count: count)
    }

    /// -1: there is none.
    func position(of name: String) -> Int32 {
        var name = name
        return name.withUTF8 { bytes in bytes.baseAddress.map { position(of: Bytes($0, bytes.count)) } ?? -1 }
    }

    /// -1: there is none.
    func position(of name: Bytes) -> Int32 {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Self.order(entries[middle].name, name) < 0 { low = middle + 1 } else { high = middle }
        }
        return low < count && Self.order(entries[low].name, name) == 0 ? entries[low].position : -1
    }

    private static func order(_ a: Bytes, _ b: Bytes) -> Int {
        let order = memcmp(a.start, b.start, min(a.count, b.count))
        return order == 0 ? a.count - b.count : Int(order)
    }
}

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

    /// Nil for one cluster, which needs no choice.
    init?(_ forward: Forward, clusters: ClusterNames, shares: RuntimeShares) {
        var name = ""
        var list: [Weight] = []
        switch forward.cluster {
        case .named: return nil
        case .header(let text): name = text
        case .weighted(let all):
            list = all.map {
                Weight(
                    cluster: clusters.position(of: $0.name),
                    weight: shares.makeNumber(UInt64($0.weight), key: $0.key ?? ""))
            }
        }
        header = Bytes(keeping: name)
        weights = .allocate(capacity: max(list.count, 1))
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
