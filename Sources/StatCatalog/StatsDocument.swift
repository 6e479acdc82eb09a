import Stats

extension StatCatalog {
    /// `docs/stats.md`.
    public static var document: String {
        var text = """
            # Stats by name

            Every stat that this build shows, and what exactly counts. This file is written by `tools/gen-stats-doc` from
            `Sources/StatCatalog`; how stats are read and how they last is in [operations/stats.md](operations/stats.md).

            Names and meanings are Envoy's where Envoy has the stat. A stat that is always 0 is there because dashboards
            for Envoy expect it. Of a gauge, *sum* adds up the processes that live side by side during a hot restart, and
            *newest* is what the process says that serves. What is *on demand* is not shown before it counted something.

            """
        var scopes: [any StatScope.Type] = []
        for group in groups where !scopes.contains(where: { $0 == group.scope }) { scopes.append(group.scope) }
        for scope in scopes {
            text +=
                "\n## `\(scope.pattern)`\n\n\(scope.about)\n\n| name | kind | unit | what counts |\n|---|---|---|---|\n"
            for row in all where row.scope == scope.pattern {
                text += "| `\(row.name)` | \(row.kindText) | \(row.unit.name ?? "") | \(row.help) |\n"
            }
        }
        return text
    }
}

extension StatDescription {
    fileprivate var kindText: String {
        var text = kind.name
        if kind == .gauge { text += gaugeImport == .accumulate ? ", sum" : ", newest" }
        return isOnDemand ? text + ", on demand" : text
    }
}

extension StatKind {
    /// One word for people.
    public var name: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .text: "text"
        }
    }
}

extension StatUnit {
    /// One word for people; nil for plain numbers.
    public var name: String? {
        switch self {
        case .unspecified: nil
        case .milliseconds: "milliseconds"
        case .bytes: "bytes"
        }
    }
}
