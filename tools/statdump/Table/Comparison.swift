import CLinux
import Glibc
import SharedMemory
import Stats

/// Two snapshots of a region, some time apart.
enum Comparison {
    /// Values and rates over an interval that begins now.
    static func rates(_ reader: RegionReader, _ selection: Selection, seconds: Double) throws(Failure) -> Table {
        let before = StatsSnapshot(reader, withTags: false)
        let start = cl_monotonic_ns()
        usleep(useconds_t(min(seconds * 1e6, 4e9)))
        // Opened again: names, planes and owners may be others.
        let later = try Source.reader(reader.header.base_id)
        guard RegionIdentity(later) == RegionIdentity(reader) else {
            throw Failure("base id \(reader.header.base_id): a new generation has begun meanwhile")
        }
        let now = StatsSnapshot(later, withTags: false)
        let passed = Double(cl_monotonic_ns() - start) / 1e9
        let known = index(before)
        let shown = now.stats.filter(selection.shown)
        let quantiles = Quantiles(shown)
        let rows = shown.map { stat in
            let old = known[stat.key]
            let change = change(of: stat, since: old?.number)
            let rate = change.map { Table.Cell.perSecond(Double($0) / passed) } ?? .none
            return Table.Row(
                name: stat.name, kind: stat.kind,
                cells: [stat.cell, rate] + quantiles.cells(stat, since: old?.histogram))
        }
        return Table(columns: ["value", "rate"] + quantiles.columns, rows: rows)
    }

    /// What differs from a saved snapshot.
    static func sinceSaved(_ reader: RegionReader, _ selection: Selection, file: String) throws(Failure) -> Table {
        let saved: SavedSnapshot
        let bytes = try SnapshotFile.read(file)
        do { saved = try SavedSnapshot(json: bytes) } catch { throw Failure("\(file): \(error)") }
        let identity = RegionIdentity(reader)
        if let problem = mismatch(saved.identity, identity) { throw Failure("\(file): \(problem)") }
        let now = StatsSnapshot(reader, withTags: false)
        let time = cl_realtime_ns()
        return table(now, time, saved, selection)
    }

    /// Why two moments cannot be compared; nil when they can.
    static func mismatch(_ saved: RegionIdentity, _ now: RegionIdentity) -> String? {
        if saved.baseID != now.baseID { return "saved from base id \(saved.baseID), this is \(now.baseID)" }
        if saved.generation != now.generation {
            return "saved from generation \(saved.generation) of base id \(now.baseID), this is \(now.generation)"
        }
        if saved.createdNs != now.createdNs {
            return "saved from a region of base id \(now.baseID) made at \(Words.time(ns: saved.createdNs)), "
                + "this one was made at \(Words.time(ns: now.createdNs))"
        }
        return nil
    }

    static func table(
        _ now: StatsSnapshot, _ timeNs: UInt64, _ saved: SavedSnapshot, _ selection: Selection
    ) -> Table {
        let passed = timeNs > saved.timeNs ? Double(timeNs - saved.timeNs) / 1e9 : 0
        let known = index(saved.snapshot)
        var rows: [Table.Row] = []
        let shown = now.stats.filter(selection.shown)
        let quantiles = Quantiles(shown)
        for stat in shown {
            let old = known[stat.key]
            guard let change = change(of: stat, since: old?.number ?? 0) else {
                if stat.text != old?.text ?? "" {
                    rows.append(
                        Table.Row(
                            name: stat.name, kind: stat.kind,
                            cells: [.text(old?.text ?? ""), .text(stat.text), .none, .none] + quantiles.none))
                }
                continue
            }
            guard change != 0 else { continue }
            let rate = passed > 0 ? Table.Cell.perSecond(Double(change) / passed) : .none
            let before = Table.Cell.count(old?.number ?? 0)
            rows.append(
                Table.Row(
                    name: stat.name, kind: stat.kind,
                    cells: [before, stat.cell, .change(change), rate]
                        + quantiles.cells(stat, since: old?.histogram ?? HistogramData())))
        }
        return Table(
            heading: "since \(Words.time(ns: saved.timeNs)), \(Words.fixed(passed, 1)) s before: "
                + (rows.isEmpty ? "nothing changed" : "\(rows.count) changed"),
            columns: ["before", "value", "change", "rate"] + quantiles.columns, rows: rows)
    }

    private static func index(_ snapshot: StatsSnapshot) -> [StatKey: StatValue] {
        Dictionary(snapshot.stats.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// nil for text, and for what was not there before.
    private static func change(of stat: StatValue, since before: UInt64?) -> Int64? {
        guard let before, let now = stat.number else { return nil }
        return Int64(bitPattern: now &- before)
    }
}
