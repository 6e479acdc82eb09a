import SharedMemory
import Stats

// The tables of one moment.
extension Table {
    /// One column, for an order that the plain output does not have.
    static func values(_ reader: RegionReader, _ selection: Selection) -> Table {
        let stats = StatsSnapshot(reader, withTags: false).stats.filter(selection.shown)
        return Table(columns: ["value"], rows: stats.map { Row(name: $0.name, kind: $0.kind, cells: [$0.cell]) })
    }

    /// Values, and what histograms say beside their count.
    static func everything(_ reader: RegionReader, _ selection: Selection) -> Table {
        let stats = StatsSnapshot(reader, withTags: false).stats.filter(selection.shown)
        let quantiles = HistogramData.quantiles.map { "p\(Words.number($0 * 100))" }
        let rows = stats.map { stat in
            let more: [Cell]
            if let data = stat.histogram {
                more = [.count(data.sum)] + data.values().map { .decimal($0) }
            } else {
                more = Array(repeating: .none, count: quantiles.count + 1)
            }
            return Row(name: stat.name, kind: stat.kind, cells: [stat.cell] + more)
        }
        return Table(columns: ["value", "sum"] + quantiles, rows: rows)
    }

    /// The name without its tags, and the tags as Prometheus labels.
    static func tags(_ reader: RegionReader, _ selection: Selection) -> Table {
        let stats = StatsSnapshot(reader).stats.filter(selection.shown)
        let rows = stats.map { stat in
            let labels = stat.labels.map { "\($0.label)=\($0.value)" }.joined(separator: " ")
            return Row(
                name: stat.name, kind: stat.kind, cells: [stat.cell, .text(stat.nameWithoutTags), .text(labels)])
        }
        return Table(columns: ["value", "tag-extracted name", "tags"], rows: rows)
    }

    /// A column for each plane.
    static func perWorker(_ reader: RegionReader, _ selection: Selection) -> Table {
        let split = SplitStats(reader, where: selection.shown)
        let titles = split.owners.enumerated().map { index, owner in
            "\(split.planes[index]) (\(owner.map { "pid \($0.pid)" } ?? "dead"))"
        }
        let rows = split.rows.map { row in
            let cells = split.owners.indices.map { plane in
                row.kind == .text
                    ? Cell.text(row.texts.isEmpty ? "" : row.texts[plane])
                    : row.value(planes: [plane], isDead: split.owners[plane] == nil)
            }
            return Row(name: row.name, kind: row.kind, cells: [row.total.cell] + cells)
        }
        return Table(columns: ["value"] + titles, rows: rows)
    }

    /// A column for each live process, the newest last, and one for all that died.
    static func perProcess(_ reader: RegionReader, _ selection: Selection) -> Table {
        let split = SplitStats(reader, where: selection.shown)
        let live = reader.liveSlots.sorted { ($0.startNs, $0.index) < ($1.startNs, $1.index) }
        let planes = live.map { slot in split.owners.indices.filter { split.owners[$0] == slot } }
        let dead = split.owners.indices.filter { split.owners[$0] == nil }
        let rows = split.rows.map { row in
            var cells: [Cell]
            if row.kind == .text {
                cells = planes.map { own in
                    .text(own.lazy.compactMap { row.texts.isEmpty ? nil : row.texts[$0] }.first { !$0.isEmpty } ?? "")
                }
                cells.append(.none)
            } else {
                cells = planes.map { row.value(planes: $0, isDead: false) }
                cells.append(row.value(planes: dead, isDead: true))
            }
            return Row(name: row.name, kind: row.kind, cells: [row.total.cell] + cells)
        }
        return Table(columns: ["value"] + live.map { "pid \($0.pid) epoch \($0.epoch)" } + ["dead"], rows: rows)
    }

    /// Counters and histograms since the newest process began to serve.
    static func sinceStart(_ reader: RegionReader, _ selection: Selection) throws(Failure) -> Table {
        guard let newest = reader.newest else { throw Failure("base id \(reader.header.base_id): no process serves") }
        guard let snapshot = StatsSnapshot.sinceStart(reader) else {
            throw Failure(
                "base id \(reader.header.base_id): the region does not keep what was counted before "
                    + "\(Words.process(newest)) began; take --save before a start and --diff after it")
        }
        let stats = snapshot.stats.filter(selection.shown)
        return Table(columns: ["value"], rows: stats.map { Row(name: $0.name, kind: $0.kind, cells: [$0.cell]) })
    }
}

extension SplitStats.Row {
    /// The sum over some planes. What a dead process's gauges said is gone with it; a plane's own part may be negative.
    fileprivate func value(planes: [Int], isDead: Bool) -> Table.Cell {
        guard !values.isEmpty else { return .none }
        let sum = planes.reduce(0) { $0 &+ values[$1] }
        guard kind == .gauge else { return .count(sum) }
        guard !isDead else { return .none }
        let signed = Int64(bitPattern: sum)
        return signed < 0 ? .change(signed) : .count(sum)
    }
}
