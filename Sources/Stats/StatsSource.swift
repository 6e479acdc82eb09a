import SharedMemory

/// All stats of a store as they are to be read, taken by the thread that has the store; any one other thread may read them.
public struct StatsSource: @unchecked Sendable {
    /// nil: all there is to show is in `own`.
    let reader: RegionReader?
    /// What lives on the heap of this process, and the intervals of histograms that do.
    let own: [StatValue]
    let intervals: [String: HistogramData]

    /// Whether reading takes no more than a few milliseconds.
    public var isSmall: Bool { (reader?.header.log_tail ?? 0) < 256 << 10 && own.count < 4096 }

    /// Reads them.
    ///
    /// - Parameter withTags: whether the tags of the names are wanted; only Prometheus needs them.
    public func lines(withTags: Bool = true) -> StatLines {
        if let reader, own.isEmpty { return StatLines(reader, withTags: withTags) }
        return StatLines(snapshot())
    }

    /// The same as values.
    public func snapshot() -> StatsSnapshot {
        var stats = reader.map { StatsSnapshot($0).stats } ?? []
        if !own.isEmpty {
            var places: [StatsStore.Key: Int] = [:]
            for (i, stat) in stats.enumerated() { places[StatsStore.Key(name: stat.name, kind: stat.kind)] = i }
            for stat in own {
                let key = StatsStore.Key(name: stat.name, kind: stat.kind)
                if let known = places[key] {
                    stats[known].value &+= stat.value
                    if let data = stat.histogram { stats[known].histogram?.add(data) }
                } else {
                    places[key] = stats.count
                    stats.append(stat)
                }
            }
        }
        // Those on the heap; the region has its own.
        for i in stats.indices where stats[i].kind == .histogram && stats[i].interval == nil {
            stats[i].interval = intervals[stats[i].name] ?? HistogramData()
        }
        return StatsSnapshot(stats: stats)
    }
}
