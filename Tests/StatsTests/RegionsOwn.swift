@testable import Stats

/// What a region says of itself: in every snapshot of one, whatever is counted. `stats.overflow` is not among them, for a
/// store without a region says it too.
private let regionsOwn: Set<String> = [
    "server.process_starts", "stats.repairs", "stats.resets", "stats.region_created_s", "stats.region_generation",
]

extension StatsSnapshot {
    /// Only what processes counted, and `stats.overflow`.
    var counted: StatsSnapshot { filtered { !regionsOwn.contains($0.name) } }
}

/// The lines of a snapshot as text without what the region says of itself.
func counted(_ lines: [String]) -> [String] {
    lines.filter { line in !regionsOwn.contains(String(line.prefix { $0 != ":" })) }
}
