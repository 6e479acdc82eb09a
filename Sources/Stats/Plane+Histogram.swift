import CLinux
import SharedMemory

extension Plane {
    /// Whether a histogram of this plane says nothing: that nothing was recorded.
    func isBlank(_ value: UInt32) -> Bool {
        guard let cells = existing(value) else { return true }
        return (0..<HistogramBins.cells).allSatisfy { cl_load_relaxed(cells + $0) == 0 }
    }

    /// What a histogram of this plane says.
    func histogram(at value: UInt32) -> HistogramData {
        var data = HistogramData()
        guard let cells = existing(value) else { return data }
        data.zeros = cl_load_relaxed(cells)
        data.sum = cl_load_relaxed(cells + 1)
        for decade in 0..<HistogramBins.decades {
            let number = cl_load_relaxed(cells + HistogramBins.firstBlockCell + decade)
            guard number > 0, number <= UInt64(UInt32.max), let block = blocks.pointee.block(Int(number - 1)) else {
                continue
            }
            data.add(decade: decade, UnsafeBufferPointer(start: block, count: HistogramBins.bins))
        }
        return data
    }

    /// Makes a histogram of this plane say `data`, whatever it said before. For planes that no thread counts in.
    func write(_ data: HistogramData, at value: UInt32) throws(RegionError) {
        let cells = try cell(value, cells: HistogramBins.cells)
        cl_store_relaxed(cells, data.zeros)
        cl_store_relaxed(cells + 1, data.sum)
        for decade in 0..<HistogramBins.decades {
            let reference = cells + HistogramBins.firstBlockCell + decade
            let bins = data.decades[decade]
            let known = cl_load_relaxed(reference)
            if known > 0, known <= UInt64(UInt32.max), let block = blocks.pointee.block(Int(known - 1)) {
                for i in 0..<HistogramBins.bins { cl_store_relaxed(block + i, bins?[i] ?? 0) }
            } else if let bins, bins.contains(where: { $0 != 0 }) {
                try reserveBlocks(1)
                guard let block = blocks.pointee.take() else { continue }
                for (i, count) in bins.enumerated() { cl_store_relaxed(block.cells + i, count) }
                cl_store_release(reference, UInt64(block.index + 1))
            }
        }
    }
}
