import Stats

/// A row of the catalog.
public struct StatDescription: Sendable {
    /// `http.<stat_prefix>.`
    public let scope: String
    /// `downstream_rq_total`; with a placeholder where the name has one: `upstream_rq_<code>`.
    public let name: String
    /// What its cells are.
    public let kind: StatKind
    /// Of histograms: what the values are.
    public let unit: StatUnit
    /// Of gauges: how the values of processes that live side by side become one.
    public let gaugeImport: GaugeImport
    /// Whether it is shown before it counts.
    public let flags: StatFlags
    /// What exactly counts, and when, in a sentence.
    public let help: String

    /// Whether the stat is not there before it counted something.
    public var isOnDemand: Bool { flags.contains(.hiddenWhenZero) }
    /// Scope and name, placeholders included.
    public var fullName: String { scope + name }
}

extension StatGroup {
    /// The rows of this group, in the order of its cases.
    static var descriptions: [StatDescription] {
        allCases.map { stat in
            let entry = stat.entry
            return StatDescription(
                scope: Scope.pattern, name: stat.name, kind: kind, unit: entry.unit, gaugeImport: entry.gaugeImport,
                flags: entry.flags, help: entry.help)
        }
    }

    static var scope: any StatScope.Type { Scope.self }
}
