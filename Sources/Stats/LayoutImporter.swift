import SharedMemory

/// What a region of some layout had counted, on its way into a region of ours.
struct CountedStats {
    struct Stat {
        var name: String
        var kind: StatKind
        var unit: StatUnit = .unspecified
        var gaugeImport: GaugeImport = .accumulate
        var flags: StatFlags = []
        /// The highest ordinal of a process that asked for it.
        var used: UInt64
        /// Counters; gauges and texts do not outlive their process.
        var value: UInt64 = 0
        var histogram: HistogramData?
        /// What stats sinks have not got of a counter.
        var owed: UInt64 = 0
        /// What they have got of a histogram.
        var sent: HistogramData?
    }

    /// How old the counts are, and what the region says of itself.
    var history: RegionHistory
    /// Each name and kind once; a second one is refused.
    var stats: [Stat] = []
    /// Who sent to stats sinks last; 0: nothing is known of what they have got.
    var lastSender: UInt64 = 0
}

/// Reads the regions of one layout major, with everything that was ever released of it. A layout that differs from ours by
/// its major number goes on only if it is in the table: with layout 2 comes `two`, and `one` stays as it is.
///
/// What all layouts share, so that any build can tell what it found: the magic, the byte order and the version in the first
/// 16 bytes, the generation at byte 32, the locks of processes from byte 2^40 on, and no less than 217088 bytes.
struct LayoutImporter: Sendable {
    let major: UInt16
    /// A file that cannot be what it says is `RegionError.foreign` with what was found.
    let read: @Sendable (borrowing RegionSource) throws(RegionError) -> CountedStats

    /// The table.
    static let known = [one]

    /// Ours: names in use, counters without what was reset, histograms bin by bin, also of the region before it.
    static let one = LayoutImporter(major: 1) { source throws(RegionError) in
        let reader = try source.reader()
        let earlier = EarlierStats(reader)
        let lines = StatLines(recordsOf: reader, withTags: false)
        var stats: [StatKey: StatValue] = [:]
        for i in 0..<lines.count {
            let stat = lines.value(lines[i])
            if stats[stat.key] == nil { stats[stat.key] = stat }
        }
        var counted = CountedStats(history: RegionHistory(reader))
        counted.lastSender = max(reader.lastSender, reader.predecessor?.lastSender ?? 0)
        let sent = counted.lastSender == 0 ? nil : SentCounts(reader)
        for record in NameRecord.distinct(reader) {
            guard let stat = stats[record.key], stat.isInUse else { continue }
            counted.stats.append(
                .init(
                    name: record.name, kind: record.kind, unit: record.unit, gaugeImport: record.gaugeImport,
                    flags: record.flags, used: max(record.used, earlier?.used(record) ?? 0), value: stat.value,
                    histogram: stat.histogram, owed: sent?.owed(record) ?? 0, sent: sent?.histogram(record)))
        }
        return counted
    }
}
