import CLinux
import SharedMemory

@testable import Stats

/// What must hold in every region at every moment, seen from outside.
enum Soundness {
    /// Sentences about what does not hold; none in a sound region.
    static func findings(_ reader: RegionReader) -> [String] {
        var found: [String] = []
        let header = reader.header
        let records = NameRecord.all(reader)
        var names: Set<String> = []
        var taken: [(name: String, cells: Range<UInt32>)] = []
        for record in records {
            if !names.insert("\(record.kind) \(record.name)").inserted { found.append("\(record.name) is there twice") }
            let cells = record.value..<record.value + UInt32(record.kind.cells)
            if UInt64(cells.upperBound) > header.value_count { found.append("\(record.name) has no value") }
            taken.append((record.name, cells))
            if record.used > header.process_starts { found.append("\(record.name) is used by process \(record.used)") }
        }
        taken.sort { $0.cells.lowerBound < $1.cells.lowerBound }
        for (one, next) in zip(taken, taken.dropFirst()) where one.cells.upperBound > next.cells.lowerBound {
            found.append("\(one.name) and \(next.name) share a cell")
        }
        for plane in 0..<reader.planeCount {
            var ends = 0
            reader.cells(plane: plane) { first, cells in
                if first != ends { found.append("plane \(plane): cells from \(first) after \(ends)") }
                ends = first + cells.count
            }
            found += blocks(reader, plane, records)
        }
        let live = (0..<reader.planeCount).compactMap { reader.liveOwner(plane: $0)?.index }
        if live.contains(where: { !reader.slots[$0].isLive }) { found.append("a plane of nobody is live") }
        let committed = reader.slots.map(\.committed).max() ?? 0
        if header.commit_sequence < committed { found.append("a commit from the future") }
        if header.last_ordinal > header.process_starts { found.append("a process that never began serves") }
        return found
    }

    /// No two histograms of a plane have one block.
    private static func blocks(_ reader: RegionReader, _ plane: Int, _ records: [NameRecord]) -> [String] {
        var found: [String] = []
        var taken: [UInt64: String] = [:]
        reader.cells(plane: plane) { first, cells in
            for record in records where record.kind == .histogram {
                let at = Int(record.value) - first
                guard at >= 0, at + HistogramBins.cells <= cells.count else { continue }
                for decade in 0..<HistogramBins.decades {
                    let number = cells[at + HistogramBins.firstBlockCell + decade]
                    guard number != 0 else { continue }
                    if let other = taken.updateValue(record.name, forKey: number) {
                        found.append("plane \(plane): block \(number) is of \(other) and of \(record.name)")
                    }
                    if reader.block(plane: plane, Int(number - 1)) == nil {
                        found.append("plane \(plane): there is no block \(number) for \(record.name)")
                    }
                }
            }
        }
        return found
    }
}
