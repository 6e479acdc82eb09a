import CLinux
import SharedMemory

/// The stats of a region plane by plane: what each thread of each process, living or dead, counted.
public struct SplitStats {
    /// One stat in every plane, in the order of `owners`.
    public struct Row {
        public var name: String
        public var kind: StatKind
        /// What the whole region says.
        public var total: StatValue
        /// Counters and gauges: the value; histograms: how many values were recorded. Empty for what no plane counts.
        public var values: [UInt64]
        /// Text readouts: what each plane says.
        public var texts: [String]
    }

    /// Whose each plane is; nil: a dead process's.
    public let owners: [SlotInfo?]
    /// By name.
    public let rows: [Row]

    public init(_ reader: RegionReader, where keep: (StatValue) -> Bool = { _ in true }) {
        let snapshot = StatsSnapshot(reader).filtered(keep)
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        var places: [StatKey: Int] = [:]
        reader.records { bytes in
            guard let record = NameRecord(bytes, headLength: headLength, withTags: false),
                Int(record.value) + record.kind.cells <= valueCount
            else { return }
            places[StatKey(name: record.name, kind: record.kind)] = Int(record.value)
        }
        let planes = PlaneSums(reader, valueCount: valueCount)
        owners = (0..<reader.planeCount).map { reader.liveOwner(plane: $0) }
        let count = owners.count
        rows = snapshot.stats.map { stat in
            var row = Row(
                name: stat.name, kind: stat.kind, total: stat, values: [], texts: [])
            guard let value = places[StatKey(name: stat.name, kind: stat.kind)] else { return row }
            row.values = Array(repeating: 0, count: count)
            for plane in 0..<count {
                switch stat.kind {
                case .counter, .gauge: row.values[plane] = planes.cell(value, plane: plane)
                case .histogram: row.values[plane] = planes.histogram(value, only: plane).count
                case .text: row.texts.append(planes.text(value, plane: plane))
                }
            }
            return row
        }
    }
}
