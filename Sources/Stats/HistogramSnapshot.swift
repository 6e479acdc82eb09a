import CLinux
import SharedMemory

extension StatsSnapshot {
    /// The histograms of a region that have recorded something, by name. A process has few among its stats and asks for them
    /// at each flush, so nothing is made for the others.
    static func histograms(_ reader: RegionReader) -> [String: HistogramData] {
        // The names there are all here.
        let earlier = reader.predecessor.map(histograms) ?? [:]
        let planes = HistogramPlanes(reader)
        var found: [String: HistogramData] = [:]
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        reader.records { bytes in
            guard let (head, kind) = NameRecord.head(bytes, headLength: headLength), kind == .histogram,
                Int(head.value) + kind.cells <= valueCount
            else { return }
            let data = planes.histogram(Int(head.value))
            if data == nil, earlier.isEmpty { return }
            let name = String(decoding: bytes[headLength..<headLength + Int(head.name_length)], as: UTF8.self)
            var sum = data ?? HistogramData()
            if let before = earlier[name] { sum.add(before) }
            if data != nil || earlier[name] != nil { found[name] = sum }
        }
        return found
    }
}

/// The cells of histograms in all planes of a region.
final class HistogramPlanes {
    private struct Run {
        let plane: Int
        let first: Int
        let cells: UnsafeBufferPointer<UInt64>
    }
    private let reader: RegionReader
    /// By plane, in the order of the values.
    private var planes: [[Run]] = []
    /// In which run of each plane the last value was: the next one is there too, or in one behind it.
    private var cursors: [Int]

    init(_ reader: RegionReader) {
        self.reader = reader
        for plane in 0..<reader.planeCount {
            var runs: [Run] = []
            reader.cells(plane: plane) { runs.append(Run(plane: plane, first: $0, cells: $1)) }
            planes.append(runs.sorted { $0.first < $1.first })
        }
        cursors = planes.map { _ in 0 }
    }

    /// The sum of what all planes have; nil: nothing was ever recorded.
    func histogram(_ value: Int) -> HistogramData? {
        var data: HistogramData?
        for plane in planes.indices {
            guard let cells = cells(value, plane) else { continue }
            guard (0..<HistogramBins.cells).contains(where: { cl_load_relaxed(cells + $0) != 0 }) else { continue }
            var sum = data ?? HistogramData()
            PlaneSums.add(cells, plane, reader, to: &sum)
            data = sum
        }
        return data
    }

    private func cells(_ value: Int, _ plane: Int) -> UnsafePointer<UInt64>? {
        let runs = planes[plane]
        guard !runs.isEmpty else { return nil }
        for step in 0..<runs.count {
            let at = (cursors[plane] + step) % runs.count
            let run = runs[at]
            guard value >= run.first, value + HistogramBins.cells <= run.first + run.cells.count else { continue }
            cursors[plane] = at
            return run.cells.baseAddress! + (value - run.first)
        }
        return nil
    }
}
