import CLinux
import SharedMemory

/// What a region had counted at one moment, resets left out.
public struct RegionTotals {
    var cells: [UInt64]
    /// By name.
    var histograms: [String: HistogramData]
}

extension StatsStore {
    /// What all processes have counted so far; nil without a region. Taken just before this process commits.
    public func totals() -> RegionTotals? {
        guard let region else { return nil }
        do {
            let reader = try region.openReader()
            // Another generation may have begun beside the one that we hold, with other values.
            guard reader.header.generation == region.header.generation else { return nil }
            let histograms = histograms(reader, region)
            beginIntervals(histograms)
            return RegionTotals(cells: StatsSnapshot.counterSums(reader), histograms: histograms)
        } catch {
            trouble("\(error): what was counted before the start is not known")
            return nil
        }
    }

    /// Keeps in the region what it had counted when this process, which has committed since, began to serve: what
    /// `statdump --since-start` begins at.
    public func keepStart(_ totals: RegionTotals?) {
        guard let region, let totals else { return }
        do {
            readNewNames()
            // Those that have counted something, or had before the start that was kept last.
            let histograms = index.histograms.map { entries[$0] }.filter(\.isInRegion).map {
                (value: $0.value, data: totals.histograms.isEmpty ? nil : totals.histograms[$0.nameText])
            }
            try region.keepStart(
                grow: { plane throws(RegionError) in
                    var missing = 0
                    for histogram in histograms {
                        if let data = histogram.data { missing += plane.missingBlocks(data, at: histogram.value) }
                    }
                    if missing > 0 { try plane.reserveBlocks(missing) }
                },
                fill: { plane throws(RegionError) in
                    for entry in entries where entry.kind == .counter && entry.isInRegion {
                        guard let cell = plane.existing(entry.value) else { continue }
                        // What came after the totals had counted nothing then.
                        let before = Int(entry.value) < totals.cells.count ? totals.cells[Int(entry.value)] : 0
                        cl_store_relaxed(cell, before)
                    }
                    for histogram in histograms {
                        // Nothing in place of nothing is what most of many have.
                        guard plane.existing(histogram.value) != nil,
                            histogram.data != nil || !plane.isBlank(histogram.value)
                        else { continue }
                        try plane.write(histogram.data ?? HistogramData(), at: histogram.value)
                    }
                })
        } catch {
            trouble("\(error): what was counted before the start is not kept")
        }
    }
}

extension Plane {
    /// Blocks that it takes to make a histogram say `data`.
    func missingBlocks(_ data: HistogramData, at value: UInt32) -> Int {
        guard let cells = existing(value) else { return 0 }
        return data.decades.keys.count { cl_load_relaxed(cells + HistogramBins.firstBlockCell + $0) == 0 }
    }
}
