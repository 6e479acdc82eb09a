import StatCatalog
import Stats

/// `--describe`: the table of stats, or the rows that are asked for.
enum DescribeCommand {
    static func run(_ command: StatDump) throws(Failure) {
        let selection = try Selection(command)
        var text = ""
        for row in StatCatalog.all where selection.shows(row.scope + row.name, row.kind) {
            text += line(row, row.scope + row.name)
        }
        // A whole name, such as cluster.service.upstream_rq_200.
        if text.isEmpty {
            for name in command.patterns {
                if let row = StatCatalog.describe(name) { text += line(row, name) }
            }
        }
        guard !text.isEmpty else { throw Failure("no stat is described by that; statdump --describe shows all") }
        try Output.write(Array(text.utf8))
    }

    private static func line(_ row: StatDescription, _ name: String) -> String {
        let unit = row.unit.name.map { ", \($0)" } ?? ""
        return "\(name) (\(row.kind.name)\(unit))\n    \(row.help)\n"
    }
}
