import Stats

/// What a histogram recorded between two moments, as columns of its own; none where no histogram is shown.
struct Quantiles {
    private static let all = [0.5, 0.9, 0.99]
    let columns: [String]

    /// - Parameter stats: those that are shown, whether they changed or not: columns must not come and go with the load.
    init(_ stats: [StatValue]) {
        let isAny = stats.contains { $0.kind == .histogram }
        columns = isAny ? Self.all.map { "p\(Words.number($0 * 100))" } : []
    }

    var none: [Table.Cell] { columns.map { _ in .none } }

    /// - Parameter before: what it had recorded at the first moment; nil: it was not there.
    func cells(_ stat: StatValue, since before: HistogramData?) -> [Table.Cell] {
        guard !columns.isEmpty, let before, let now = stat.histogram, now.count > before.count else { return none }
        // Bins have two significant digits; more than three behind the point say nothing.
        return now.since(before).values(at: Self.all).map { .decimal(($0 * 1000).rounded() / 1000) }
    }
}
