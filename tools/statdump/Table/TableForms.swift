import Stats

// A table as text, as comma-separated values, as JSON.
extension Table {
    /// One column: `name: value` a line, as the plain output; more: under each other.
    var text: String {
        var output = heading.map { "\($0)\n" } ?? ""
        guard columns.count > 1 else {
            for row in rows { output += "\(row.name.visible): \(row.cells.first?.text ?? "")\n" }
            return output
        }
        let names = rows.map { $0.name.visible }
        let cells = rows.map { $0.cells.map(\.text) }
        var widths = columns.map(\.unicodeScalars.count)
        for row in cells { for (i, cell) in row.enumerated() { widths[i] = max(widths[i], cell.unicodeScalars.count) } }
        let nameWidth = names.reduce(4) { max($0, $1.unicodeScalars.count) }
        func line(_ name: String, _ cells: [String]) -> String {
            var line = name.padded(to: nameWidth)
            for (i, cell) in cells.enumerated() {
                // Text reads from the left, numbers from the right.
                line += "  " + (isText(i) ? cell.padded(to: widths[i]) : cell.rightAligned(to: widths[i]))
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }
        output += line("name", columns)
        for (name, row) in zip(names, cells) { output += line(name, row) }
        return output
    }

    private func isText(_ column: Int) -> Bool {
        rows.contains {
            if case .text = $0.cells[column] { return true }
            return false
        }
    }

    /// RFC 4180 with a header line; control characters are made visible, so that a row is a line.
    var csv: String {
        var output = (["name", "type"] + columns.map(Self.field)).joined(separator: ",") + "\r\n"
        for row in rows {
            output += Self.field(row.name) + ",\(row.kind)"
            for cell in row.cells { output += "," + Self.field(cell.text) }
            output += "\r\n"
        }
        return output
    }

    private static func field(_ text: String) -> String {
        let text = text.visible
        guard text.utf8.contains(where: { "\",\n\r".utf8.contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    var json: String {
        let items = rows.map { row in
            let cells = zip(columns, row.cells).map { "\(Self.quoted($0)):\($1.json)" }
            return (["\"name\":\(Self.quoted(row.name))", "\"type\":\"\(row.kind)\""] + cells).joined(separator: ",")
        }
        return "{\"stats\":[" + items.map { "{\($0)}" }.joined(separator: ",\n") + "]}\n"
    }

    fileprivate static func quoted(_ text: String) -> String { StatsSnapshot.jsonString(text) }
}

extension Table.Cell {
    var text: String {
        switch self {
        case .none: ""
        case .count(let value): "\(value)"
        case .change(let value): value > 0 ? "+\(value)" : "\(value)"
        case .perSecond(let value): Words.fixed(value, 1)
        case .decimal(let value): value.isNaN ? "" : Words.number(value)
        case .text(let text): text.visible
        }
    }

    fileprivate var json: String {
        switch self {
        case .none: "null"
        case .count(let value): "\(value)"
        case .change(let value): "\(value)"
        case .perSecond(let value): value.isFinite ? Words.fixed(value, 3) : "null"
        case .decimal(let value): value.isFinite ? Words.number(value) : "null"
        case .text(let text): Table.quoted(text)
        }
    }
}

extension Words {
    /// The shortest form that reads back.
    static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
