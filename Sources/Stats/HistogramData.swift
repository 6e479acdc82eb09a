import CLinux

/// What a histogram has counted: the sum over some planes, or the difference of two such.
public struct HistogramData: Sendable, Equatable {
    /// How many values were 0, which no bin has.
    public var zeros: UInt64 = 0
    /// The exact sum of the values.
    public var sum: UInt64 = 0
    /// 90 bins for each decade that has any, lowest first.
    var decades: [Int: [UInt64]] = [:]

    /// Nothing recorded.
    public init() {}

    /// How many values were recorded.
    public var count: UInt64 { decades.values.reduce(zeros) { $1.reduce($0, &+) } }

    /// - Parameter bins: their owner may be counting in them.
    mutating func add(decade: Int, _ bins: UnsafeBufferPointer<UInt64>) {
        var sums = decades[decade] ?? Array(repeating: 0, count: HistogramBins.bins)
        if let first = bins.baseAddress {
            for i in 0..<min(HistogramBins.bins, bins.count) { sums[i] &+= cl_load_relaxed(first + i) }
        }
        decades[decade] = sums
    }

    mutating func add(_ other: HistogramData) {
        zeros &+= other.zeros
        sum &+= other.sum
        for (decade, bins) in other.decades { bins.withUnsafeBufferPointer { add(decade: decade, $0) } }
    }

    /// What was recorded since `earlier`.
    public func since(_ earlier: HistogramData) -> HistogramData {
        var difference = self
        difference.zeros = zeros >= earlier.zeros ? zeros - earlier.zeros : 0
        difference.sum = sum >= earlier.sum ? sum - earlier.sum : 0
        for (decade, old) in earlier.decades {
            guard var bins = difference.decades[decade] else { continue }
            for i in 0..<bins.count { bins[i] = bins[i] >= old[i] ? bins[i] - old[i] : 0 }
            difference.decades[decade] = bins
        }
        return difference
    }

    /// The bins that counted something, lowest first.
    public var bins: [(lower: Double, width: Double, count: UInt64)] {
        var found: [(lower: Double, width: Double, count: UInt64)] = []
        if zeros > 0 { found.append((0, 0, zeros)) }
        for decade in decades.keys.sorted() {
            for (i, count) in decades[decade]!.enumerated() where count > 0 {
                let bounds = HistogramBins.bounds(decade: decade, bin: i)
                found.append((bounds.lower, bounds.width, count))
            }
        }
        return found
    }

    /// The quantiles that Envoy prints, as fractions.
    public static let quantiles = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1]

    /// The values at `quantiles`, NaN where nothing was recorded. The k-th of n values in a bin counts as lying k/(n+1)
    /// of its width above its lower bound, as Envoy 1.40 prints it.
    public func values(at quantiles: [Double] = quantiles) -> [Double] {
        let bins = bins
        let total = count
        guard total > 0 else { return quantiles.map { _ in .nan } }
        return quantiles.map { quantile in
            let rank = min(max((quantile * Double(total)).rounded(.up), 1), Double(total))
            var below = 0.0
            for bin in bins {
                let upTo = below + Double(bin.count)
                if upTo >= rank {
                    return bin.lower + bin.width * (rank - below) / (Double(bin.count) + 1)
                }
                below = upTo
            }
            return .nan
        }
    }

    /// How many values lie in bins that begin at or below `bound`: Envoy's cumulative buckets (a value of 1 is in le="1").
    public func count(upTo bound: Double) -> UInt64 {
        bins.reduce(0) { $1.lower <= bound ? $0 &+ $1.count : $0 }
    }

    /// Envoy's default bucket bounds (Prometheus and `histogram_buckets`).
    public static let bucketBounds: [Double] = [
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300_000, 600_000, 1_800_000,
        3_600_000,
    ]
}
