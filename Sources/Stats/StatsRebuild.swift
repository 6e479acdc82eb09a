import CLinux
import SharedMemory

extension RegionRebuild {
    /// How stats get into a new generation of their region: names that are in use, with their counts. What a process
    /// before the last one counted, and nobody since, is left behind.
    public static let stats = RegionRebuild(
        wish: { reader in
            let unused = NameRecord.all(reader).count { $0.used < reader.oldestOrdinalInUse }
            return unused == 0 ? nil : "\(unused) stats that no process uses any more are left behind"
        },
        fill: { reader, region throws(RegionError) in
            let inUse = reader.oldestOrdinalInUse
            var known: [String: StatValue] = [:]
            for stat in StatsSnapshot(reader).stats { known["\(stat.kind.rawValue) \(stat.name)"] = stat }
            let plane = try region.claimPlane(gauges: { [] })
            for record in NameRecord.all(reader) where record.used >= inUse {
                let value = try region.append(
                    cells: record.kind.cells, find: { nil },
                    make: { value in
                        NameRecord.encode(
                            name: Array(record.name.utf8), kind: record.kind, unit: record.unit,
                            gaugeImport: record.gaugeImport, flags: record.flags, value: value, used: record.used)
                    })
                guard let stat = known["\(record.kind.rawValue) \(record.name)"] else { continue }
                switch record.kind {
                case .counter: cl_store_relaxed(try plane.cell(value, cells: 1), stat.value)
                case .histogram: try plane.write(stat.histogram ?? HistogramData(), at: value)
                // Nobody lives whose they could be.
                case .gauge, .text: break
                }
            }
        })
}

extension NameRecord {
    /// All records of a region that can be.
    static func all(_ reader: RegionReader) -> [NameRecord] {
        var records: [NameRecord] = []
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        reader.records { bytes in
            guard let record = NameRecord(bytes, headLength: headLength),
                Int(record.value) + record.kind.cells <= valueCount
            else { return }
            records.append(record)
        }
        return records
    }
}
