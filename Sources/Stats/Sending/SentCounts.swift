import CLinux
import SharedMemory

/// What sinks have got, as a region says from outside.
struct SentCells {
    private var cells: [UInt64]

    init(_ reader: RegionReader, valueCount: Int) {
        var cells = [UInt64](repeating: 0, count: valueCount)
        reader.cells(plane: RegionLayout.sentPlane) { first, run in
            for i in 0..<max(min(run.count, valueCount - first), 0) {
                cells[first + i] = cl_load_relaxed(run.baseAddress! + i)
            }
        }
        self.cells = cells
    }

    subscript(_ value: Int) -> UInt64 { value < cells.count ? cells[value] : 0 }

    /// A histogram's.
    static func histogram(_ value: Int, _ reader: RegionReader) -> HistogramData {
        PlaneSums.histogram(value, plane: RegionLayout.sentPlane, reader)
    }
}

/// The same of a region and the one before it, by name: what goes into the region that takes their place.
struct SentCounts {
    private var owed: [StatKey: UInt64] = [:]
    private var histograms: [StatKey: HistogramData] = [:]

    init(_ reader: RegionReader) {
        add(reader)
        if let old = reader.predecessor { add(old) }
    }

    private mutating func add(_ reader: RegionReader) {
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        let sums = PlaneSums(reader, valueCount: valueCount)
        let sent = SentCells(reader, valueCount: valueCount)
        for record in NameRecord.distinct(reader) {
            let value = Int(record.value)
            switch record.kind {
            case .counter: owed[record.key, default: 0] &+= sums.raw(value) &- sent[value]
            case .gauge: owed[record.key, default: 0] |= sent[value]
            case .histogram: histograms[record.key, default: HistogramData()].add(SentCells.histogram(value, reader))
            case .text: break
            }
        }
    }

    /// What they have not got of a counter; of a gauge, whether they have got one that was not 0.
    func owed(_ record: NameRecord) -> UInt64 { owed[record.key] ?? 0 }

    func histogram(_ record: NameRecord) -> HistogramData? { histograms[record.key] }
}
