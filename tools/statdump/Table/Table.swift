import Stats

/// Stats with columns of one's choice.
struct Table {
    enum Cell: Equatable {
        case none
        case count(UInt64)
        case change(Int64)
        case perSecond(Double)
        case decimal(Double)
        case text(String)

        /// What a sort goes by; nil sorts last.
        var number: Double? {
            switch self {
            case .none, .text: nil
            case .count(let value): Double(value)
            case .change(let value): Double(value.magnitude)
            case .perSecond(let value), .decimal(let value): value.isNaN ? nil : value.magnitude
            }
        }
    }
    struct Row {
        var name: String
        var kind: StatKind
        var cells: [Cell]
    }

    /// A sentence above the text form; the other forms are for programs.
    var heading: String?
    var columns: [String]
    var rows: [Row]

    /// The largest first; of equal ones the order of names is kept.
    mutating func sort(_ order: SortOrder) {
        let title = order == .rate ? "rate" : "value"
        guard order != .name else { return }
        // The column of that title, else the first with numbers.
        let column = columns.firstIndex(of: title) ?? 0
        func key(_ row: Row) -> Double { row.cells.indices.contains(column) ? row.cells[column].number ?? -1 : -1 }
        let sorted = rows.enumerated().sorted {
            let (a, b) = (key($0.element), key($1.element))
            return a != b ? a > b : $0.offset < $1.offset
        }
        rows = sorted.map(\.element)
    }
}

extension StatValue {
    /// Its value as one cell: a histogram's is how many values were recorded.
    var cell: Table.Cell {
        if let number { return .count(number) }
        return .text(text)
    }
}
