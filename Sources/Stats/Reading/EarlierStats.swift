import SharedMemory

/// The stats of the region before the one that has the name: live processes hold it whose mutex broke. Its values have
/// other indices, so they are found by name.
struct EarlierStats {
    private let stats: [StatKey: StatValue]
    private let used: [StatKey: UInt64]

    /// nil: there is no such region.
    init?(_ reader: RegionReader) {
        guard let old = reader.predecessor else { return nil }
        let lines = StatLines(recordsOf: old, withTags: false)
        var stats: [StatKey: StatValue] = [:]
        for i in 0..<lines.count {
            let stat = lines.value(lines[i])
            stats[stat.key] = stat
        }
        var used: [StatKey: UInt64] = [:]
        for record in NameRecord.all(old, withTags: false) { used[record.key] = record.used }
        self.stats = stats
        self.used = used
    }

    /// What it says of the same name and kind.
    subscript(_ name: String, _ kind: StatKind) -> StatValue? { stats[StatKey(name: name, kind: kind)] }

    /// The highest ordinal of a process that asked for the name there.
    func used(_ record: NameRecord) -> UInt64 { used[record.key] ?? 0 }
}

extension NameRecord {
    var key: StatKey { StatKey(name: name, kind: kind) }
}
