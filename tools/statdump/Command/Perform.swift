import CLinux
import SharedMemory
import Stats

// From the options to what is done.
extension StatDump {
    func perform() throws(Failure) {
        if list { return try ListCommand.run() }
        if describe { return try DescribeCommand.run(self) }
        if remove { return try RemoveCommand.run(baseID) }
        if check { return try CheckCommand.run(baseID) }
        if layout { return try LayoutCommand.run(baseID) }
        let selection = try Selection(self)
        if let watch { return try WatchCommand.run(baseID, selection, seconds: watch, sort: sort) }
        let reader = try Source.reader(baseID)
        if let save { return try SaveCommand.run(reader, selection, to: save) }
        guard isTable || format == .csv else { return try show(reader, selection) }
        var table = try table(reader, selection)
        table.sort(sort ?? (top == nil ? .name : .value))
        if let top { table.rows.removeLast(max(table.rows.count - top, 0)) }
        switch format {
        case .text: try Output.write(table.text)
        case .csv: try Output.write(table.csv)
        case .json, .prometheus: try Output.write(table.json)
        }
    }

    /// What the admin listener prints, byte for byte.
    private func show(_ reader: RegionReader, _ selection: Selection) throws(Failure) {
        var lines = StatLines(reader, withTags: format == .prometheus)
        if !selection.isEverything { lines.keep { selection.shows($0) } }
        let form: StatsFormat =
            switch format {
            case .text, .csv: .text
            case .prometheus: .prometheus
            case .json: .json
            }
        var failure: Failure?
        lines.write(form, histograms: form == .text ? histogramBuckets : nil) { bytes in
            guard failure == nil else { return }
            do throws(Failure) { try Output.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        if format == .json { try Output.write("\n") }
        // The end of the process frees memory faster than we could.
        Output.end()
    }

    private func table(_ reader: RegionReader, _ selection: Selection) throws(Failure) -> Table {
        if let diff { return try Comparison.sinceSaved(reader, selection, file: diff) }
        if rate != nil || sort == .rate { return try Comparison.rates(reader, selection, seconds: rate ?? 1) }
        if perProcess { return .perProcess(reader, selection) }
        if perWorker { return .perWorker(reader, selection) }
        if tags { return .tags(reader, selection) }
        if sinceStart { return try .sinceStart(reader, selection) }
        return format == .csv && sort == nil && top == nil ? .everything(reader, selection) : .values(reader, selection)
    }
}

/// Which stats are meant.
struct Selection {
    let isEverything: Bool
    private let patterns: [Pattern]
    private let excluded: [Pattern]
    private let kinds: [StatKind]
    private let usedOnly: Bool

    init(_ options: StatDump) throws(Failure) {
        patterns = try options.patterns.map { (text) throws(Failure) in try Self.pattern(text) }
        excluded = try options.exclude.map { (text) throws(Failure) in try Self.pattern(text) }
        kinds = options.type
        usedOnly = options.usedOnly
        isEverything = patterns.isEmpty && excluded.isEmpty && kinds.isEmpty && !usedOnly
    }

    private static func pattern(_ text: String) throws(Failure) -> Pattern {
        do { return try Pattern(text) } catch {
            throw Failure("\(text): not a regular expression: \(error)", status: 64)
        }
    }

    func shows(_ stat: StatValue) -> Bool { (!usedOnly || stat.isUsed) && shows(stat.name, stat.kind) }

    func shows(_ stat: StatLines.Stat) -> Bool {
        (kinds.isEmpty || kinds.contains(stat.kind)) && (!usedOnly || stat.isUsed)
            && (patterns.isEmpty || patterns.contains { $0.matchesPart(of: stat.name) })
            && !excluded.contains { $0.matchesPart(of: stat.name) }
    }

    func shows(_ name: String, _ kind: StatKind) -> Bool {
        (kinds.isEmpty || kinds.contains(kind))
            && (patterns.isEmpty || patterns.contains { $0.matchesPart(of: name) })
            && !excluded.contains { $0.matchesPart(of: name) }
    }

    /// Also without those that are hidden until they count: what tables show.
    func shown(_ stat: StatValue) -> Bool { stat.isShown && shows(stat) }
}
