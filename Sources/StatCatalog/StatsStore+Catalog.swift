import Stats

extension StatsStore {
    /// A stat of the catalog, made if need be.
    ///
    /// - Parameter values: what stands for the placeholders of the stat's own name.
    public func stat<Name: StatGroup>(_ stat: Name, in scope: Name.Scope, _ values: String...) -> StatID {
        assert(StatCatalog.groups.contains { $0 == Name.self }, "\(Name.self) is not in the catalog")
        let name = values.isEmpty ? stat.name : StatPattern(stat.name).filled(values)
        let full = scope.prefix + name
        let entry = stat.entry
        switch Name.kind {
        case .counter: return counter(full, flags: entry.flags)
        case .gauge: return gauge(full, import: entry.gaugeImport, flags: entry.flags)
        case .histogram: return histogram(full, unit: entry.unit, flags: entry.flags)
        case .text: return text(full)
        }
    }
}

extension StatTemplate {
    /// Adds a stat of the catalog.
    ///
    /// - Parameters:
    ///   - part: what its scope has behind the prefix that the template is made under: `external.`.
    ///   - values: what stands for the placeholders of the stat's own name.
    public mutating func add<Name: StatGroup>(_ stat: Name, behind part: String = "", _ values: String...) {
        let name = values.isEmpty ? stat.name : StatPattern(stat.name).filled(values)
        let entry = stat.entry
        add(part + name, Name.kind, unit: entry.unit, import: entry.gaugeImport, flags: entry.flags)
    }

    /// Adds all stats of a group, in the order of its cases; returns the position of the first.
    public mutating func add<Name: StatGroup>(_ group: Name.Type, behind part: String = "") -> Int {
        let first = count
        for stat in Name.allCases { add(stat, behind: part) }
        return first
    }
}
