import Stats

/// One stat as a line: the name takes what the numbers leave, and the narrower the terminal, the fewer numbers.
struct Columns {
    private let nameWidth: Int
    private let averages: Int
    private let sparkWidth: Int
    private let isUnicode: Bool

    private static let valueWidth = 9
    private static let changeWidth = 7
    private static let averageWidth = 6

    init(width: Int, isUnicode: Bool) {
        self.isUnicode = isUnicode
        // Value and change with a blank before each; then the averages; then the line of the last rates.
        let least = Self.valueWidth + Self.changeWidth + 2
        averages = width >= 72 ? 3 : width >= 56 ? 1 : 0
        sparkWidth = width >= 120 ? 20 : width >= 64 ? 8 : 0
        let rest = width - least - averages * (Self.averageWidth + 1) - (sparkWidth > 0 ? sparkWidth + 1 : 0)
        nameWidth = max(rest, 8)
    }

    var header: String {
        let titles = ["10s", "100s", "1000s"].prefix(averages).map { " " + $0.rightAligned(to: Self.averageWidth) }
        return "name".padded(to: nameWidth) + " " + "value".rightAligned(to: Self.valueWidth) + " "
            + "change".rightAligned(to: Self.changeWidth) + titles.joined()
            + (sparkWidth > 0 ? " " + "recent".rightAligned(to: sparkWidth) : "")
    }

    func line(_ row: History.Track) -> String {
        let name = Compact.name(row.name.visible, width: nameWidth, isUnicode: isUnicode).padded(to: nameWidth)
        guard row.kind != .text else { return name + " " + row.text.visible }
        let isNegative = row.kind == .gauge && Int64(bitPattern: row.number) < 0
        let value = isNegative ? Double(Int64(bitPattern: row.number)) : Double(row.number)
        var line = name + " " + Compact.number(value, width: Self.valueWidth).rightAligned(to: Self.valueWidth) + " "
        line += change(row).rightAligned(to: Self.changeWidth)
        for average in row.averages.prefix(averages) {
            let text = row.change == nil ? "" : Compact.number(average.value, width: Self.averageWidth)
            line += " " + text.rightAligned(to: Self.averageWidth)
        }
        if sparkWidth > 0 {
            line += " " + Compact.sparkline(row.recent, width: sparkWidth, isUnicode: isUnicode)
        }
        return line
    }

    private func change(_ row: History.Track) -> String {
        guard let change = row.change, change != 0 else { return "" }
        return (change > 0 ? "+" : "") + Compact.number(Double(change), width: Self.changeWidth - 1)
    }

    /// The line below a histogram: the interval, then all time.
    func quantiles(_ row: History.Track) -> String {
        "  interval \(quantiles(row.interval))  all \(quantiles(row.total))"
    }

    private func quantiles(_ data: HistogramData?) -> String {
        guard let data, data.count > 0 else { return "none" }
        let values = data.values(at: [0.5, 0.9, 0.99, 1])
        return zip(["p50", "p90", "p99", "max"], values)
            .map { "\($0) \(Compact.number($1, width: 5))" }.joined(separator: " ")
    }
}
