import CLinux
import SharedMemory

/// The stats of a region plane by plane: what each thread of each process, living or dead, counted.
public struct SplitStats {
    /// One stat in every plane, in the order of `owners`.
    public struct Row {
        /// The stat's name.
        public var name: String
        /// What it is.
        public var kind: StatKind
        /// What the whole region says.
        public var total: StatValue
        /// Counters and gauges: the value; histograms: how many values were recorded. Empty for what no plane counts.
        public var values: [UInt64]
        /// Text readouts: what each plane says.
        public var texts: [String]
    }

    /// Whose each plane is; nil: a dead process's. Those of the region before this one come last.
    public let owners: [SlotInfo?]
    /// What each plane is called.
    public let planes: [String]
    /// By name.
    public let rows: [Row]

    /// Reads a region, and the one before it.
    ///
    /// - Parameter keep: which stats are wanted.
    public init(_ reader: RegionReader, where keep: (StatValue) -> Bool = { _ in true }) {
        let snapshot = StatsSnapshot(reader).filtered(keep)
        let parts = [Part(reader)] + (reader.predecessor.map { [Part($0)] } ?? [])
        owners = parts.flatMap { part in part.planes.map { part.reader.liveOwner(plane: $0) } }
        planes = parts.enumerated().flatMap { number, part in
            part.planes.map { "plane \($0)" + (number == 0 ? "" : " of generation \(part.reader.header.generation)") }
        }
        rows = snapshot.stats.map { stat in
            var row = Row(name: stat.name, kind: stat.kind, total: stat, values: [], texts: [])
            // What the region says of itself is in no plane.
            guard parts[0].places[stat.key] != nil else { return row }
            for part in parts { part.append(stat, to: &row) }
            return row
        }
    }

    /// One region, and where its stats are.
    private struct Part {
        let reader: RegionReader
        let planes: Range<Int>
        let sums: PlaneSums
        var places: [StatKey: Int] = [:]

        init(_ reader: RegionReader) {
            self.reader = reader
            planes = 0..<reader.planeCount
            sums = PlaneSums(reader, valueCount: Int(min(reader.header.value_count, UInt64(Int32.max))))
            for record in NameRecord.all(reader, withTags: false) {
                places[StatKey(name: record.name, kind: record.kind)] = Int(record.value)
            }
        }

        func append(_ stat: StatValue, to row: inout Row) {
            let value = places[stat.key]
            for plane in planes {
                switch stat.kind {
                case .counter, .gauge: row.values.append(value.map { sums.cell($0, plane: plane) } ?? 0)
                case .histogram:
                    row.values.append(value.map { sums.histogram($0, only: plane).count } ?? 0)
                case .text:
                    row.values.append(0)
                    row.texts.append(value.map { sums.text($0, plane: plane) } ?? "")
                }
            }
        }
    }
}
