import CLinux
import SharedMemory

extension StatsStore {
    /// What the threads of this process have in their planes: what can still be shown when the region cannot be read any
    /// more because somebody cut its file short or put another in its place.
    func ownStats() -> [StatValue] {
        var stats = [
            StatValue(
                name: "\(StatsSnapshot.overflowName)", kind: .counter, flags: naming.flags,
                value: cl_load_relaxed(overflowCell))
        ]
        for entry in entries {
            guard entry.isInRegion else { continue }
            var stat = StatValue(name: entry.nameText, kind: entry.kind, unit: entry.unit, flags: entry.flags)
            stat.tags = TagExtractor.tags(Array(entry.nameBytes), entry.flags)
            var data = HistogramData()
            for writer in writers {
                guard let cells = writer.existing(entry.value) else { continue }
                switch entry.kind {
                case .counter, .gauge: stat.value &+= cl_load_relaxed(cells)
                case .text: if stat.text.isEmpty { stat.text = TextCells.read(cells) }
                case .histogram:
                    data.zeros &+= cl_load_relaxed(cells)
                    data.sum &+= cl_load_relaxed(cells + 1)
                    for decade in 0..<HistogramBins.decades {
                        let number = cl_load_acquire(cells + HistogramBins.firstBlockCell + decade)
                        guard number > 0, number <= UInt64(UInt32.max), let block = writer.block(Int(number - 1))
                        else { continue }
                        data.add(decade: decade, UnsafeBufferPointer(start: block, count: HistogramBins.bins))
                    }
                }
            }
            if entry.kind == .histogram { stat.histogram = data }
            stats.append(stat)
        }
        return stats
    }
}
