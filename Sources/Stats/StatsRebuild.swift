import CLinux
import SharedMemory

extension RegionRebuild {
    /// How stats get into a new generation of their region: names that are in use, with their counts. What a process
    /// before the last one counted, and nobody since, is left behind.
    public static let stats = stats(LayoutImporter.known)

    /// The same, with a table of layouts.
    static func stats(_ importers: [LayoutImporter]) -> RegionRebuild {
        RegionRebuild(
            wish: { reader in
                // Asked only where there is no region before it.
                let oldest = reader.oldestOrdinalInUse
                let unused = NameRecord.all(reader, withTags: false).count { $0.used < oldest }
                return unused == 0 ? nil : "\(unused) stats that no process uses any more are left behind"
            },
            names: { reader, region throws(RegionError) in
                for record in NameRecord.distinct(reader) {
                    _ = try region.append(
                        .init(
                            name: record.name, kind: record.kind, unit: record.unit, gaugeImport: record.gaugeImport,
                            flags: record.flags, used: record.used))
                }
            },
            importers: importers.map { importer in
                RegionImporter(major: importer.major) { source, region throws(RegionError) in
                    let counted = try importer.read(source)
                    try counted.write(into: region)
                    return counted.history
                }
            })
    }
}

extension SharedRegion {
    /// Adds a name that the region does not have; returns its first cell.
    fileprivate func append(_ stat: CountedStats.Stat) throws(RegionError) -> UInt32 {
        try append(
            cells: stat.kind.cells, find: { nil },
            make: { value in
                NameRecord.encode(
                    name: Array(stat.name.utf8), kind: stat.kind, unit: stat.unit, gaugeImport: stat.gaugeImport,
                    flags: stat.flags, value: value, used: stat.used)
            })
    }
}

extension CountedStats {
    /// Into an empty region.
    fileprivate func write(into region: SharedRegion) throws(RegionError) {
        var known: Set<StatKey> = []
        let plane = try region.claimPlane(gauges: { [] })
        var made: [(value: UInt32, stat: Stat)] = []
        for stat in stats {
            guard (1...NameRecord.longestName).contains(stat.name.utf8.count) else {
                throw .foreign(path: region.path, found: "a name of \(stat.name.utf8.count) bytes")
            }
            guard known.insert(StatKey(name: stat.name, kind: stat.kind)).inserted else {
                throw .foreign(path: region.path, found: "two records of the \(stat.kind) \(stat.name)")
            }
            let value = try region.append(stat)
            switch stat.kind {
            case .counter: cl_store_relaxed(try plane.cell(value, cells: 1), stat.value)
            case .histogram: try plane.write(stat.histogram ?? HistogramData(), at: value)
            // Nobody lives whose they could be.
            case .gauge, .text: break
            }
            if lastSender != 0 { made.append((value, stat)) }
        }
        guard lastSender != 0 else { return }
        let sent = try region.sentPlane()
        for (value, stat) in made {
            switch stat.kind {
            // Gauges that sinks got from a process that is gone are set to 0 there.
            case .counter: cl_store_relaxed(try sent.cell(value, cells: 1), stat.value &- stat.owed)
            case .gauge: cl_store_relaxed(try sent.cell(value, cells: 1), stat.owed)
            case .histogram: try sent.write(stat.sent ?? HistogramData(), at: value)
            case .text: break
            }
        }
        region.noteSender(lastSender)
    }
}

extension NameRecord {
    /// A name is stored with a 16-bit length and must fit in a record.
    static let longestName = 4096

    /// Those that can be written again: no name twice, none too long, whatever somebody wrote there.
    static func distinct(_ reader: RegionReader) -> [NameRecord] {
        var known: Set<StatKey> = []
        return all(reader, withTags: false).filter {
            $0.name.utf8.count <= longestName && known.insert(StatKey(name: $0.name, kind: $0.kind)).inserted
        }
    }

    /// All records of a region that can be.
    static func all(_ reader: RegionReader, withTags: Bool = true) -> [NameRecord] {
        var records: [NameRecord] = []
        let headLength = Int(reader.header.record_length)
        let valueCount = Int(min(reader.header.value_count, UInt64(Int32.max)))
        reader.records { bytes in
            guard let record = NameRecord(bytes, headLength: headLength, withTags: withTags),
                Int(record.value) + record.kind.cells <= valueCount
            else { return }
            records.append(record)
        }
        return records
    }
}
