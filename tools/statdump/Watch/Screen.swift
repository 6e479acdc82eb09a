import SharedMemory
import Stats

/// The lines of a live view: as many as the terminal has at most, none wider than it is.
struct Screen {
    enum Style { case plain, bold, reverse, dim }
    struct Line: Equatable {
        var text: String
        var style = Style.plain
    }

    var width: Int
    var height: Int
    /// Whether the terminal shows more than ASCII.
    var isUnicode = true

    private static let keys = "/ filter  s sort  p pause  z zeroes  arrows PgUp PgDn  h help  q quit"

    func lines(_ model: inout WatchModel) -> [Line] {
        var lines = [Line(text: title(model), style: .bold)]
        if case .help = model.state.mode {
            lines += Self.help.map { Line(text: $0) }
        } else {
            let rows = model.rows
            lines.append(Line(text: status(model, rows.count)))
            lines.append(Line(text: columns.header, style: .reverse))
            lines += body(rows, &model, room: height - lines.count - 1)
            while lines.count < height - 1 { lines.append(Line(text: "")) }
            lines.append(prompt(model))
        }
        return lines.prefix(max(height, 0)).map { Line(text: clipped($0.text), style: $0.style) }
    }

    private func clipped(_ text: String) -> String {
        let scalars = text.unicodeScalars
        return scalars.count <= width ? text : Compact.text(scalars.prefix(max(width, 0)))
    }

    private func title(_ model: WatchModel) -> String {
        var parts = ["base id \(model.baseID)"]
        if let absence = model.absence { return parts[0] + "  " + absence.visible }
        guard let facts = model.facts else { return parts[0] }
        if let newest = facts.newest ?? facts.live.max(by: { $0.startNs < $1.startNs }) {
            let others = facts.live.filter { $0.index != newest.index }
            parts.append(Words.process(newest) + others.map { ", \(Words.process($0))" }.joined())
            parts.append("up \(Words.duration(ns: facts.nowNs > newest.startNs ? facts.nowNs - newest.startNs : 0))")
        } else {
            parts.append("no live process")
        }
        parts.append("generation \(facts.identity.generation)")
        // What is always there must not be pushed off by a second process.
        if parts.joined(separator: "  ").count > width, parts.count == 4 { parts.swapAt(1, 3) }
        return parts.joined(separator: "  ")
    }

    private func status(_ model: WatchModel, _ shown: Int) -> String {
        let state = model.state
        var parts = ["\(shown) of \(model.count) stats", "by \(state.sort)"]
        parts.append(state.showsZeroes ? "zeroes shown" : "zeroes hidden")
        if !state.filterText.isEmpty { parts.append("filter \(state.filterText.visible)") }
        if state.isPaused { parts.append("PAUSED") }
        if let facts = model.facts { parts.append(Words.time(ns: facts.nowNs, "%H:%M:%S")) }
        return parts.joined(separator: "  ")
    }

    private func prompt(_ model: WatchModel) -> Line {
        guard case .filter(let text) = model.state.mode else { return Line(text: Self.keys, style: .dim) }
        if let problem = model.state.problem { return Line(text: problem.visible, style: .bold) }
        // The end of what is typed stays in sight.
        let typed = text.visible.unicodeScalars
        return Line(text: "/" + Compact.text(typed.suffix(max(width - 2, 0))) + "_")
    }

    private func body(_ rows: WatchModel.Rows, _ model: inout WatchModel, room: Int) -> [Line] {
        guard room > 0 else { return [] }
        // Histograms have two lines; the last page is a full one.
        var last = rows.count
        var needed = 0
        while last > 0 {
            needed += rows[last - 1].total == nil ? 1 : 2
            if needed > room { break }
            last -= 1
        }
        model.state.first = min(model.state.first, last)
        var lines: [Line] = []
        var shown = 0
        for row in rows[model.state.first...] {
            guard lines.count < room else { break }
            lines.append(Line(text: columns.line(row)))
            if row.total != nil, lines.count < room { lines.append(Line(text: columns.quantiles(row), style: .dim)) }
            shown += 1
        }
        model.page = max(shown - 1, 1)
        return lines
    }

    private var columns: Columns { Columns(width: width, isUnicode: isUnicode) }

    private static let help = [
        "",
        "/        show only names with a match (RE2); Enter takes it, Esc takes none",
        "s        order: name, value, rate of the last 10 s",
        "p        stop the picture; what is counted meanwhile is in it afterwards",
        "z        show what is zero, or hide it",
        "arrows   up and down, also k and j; PgUp, PgDn, Home, End",
        "q        quit, also Ctrl-C; Ctrl-Z stops statdump",
        "",
        "change   since the line before",
        "10s 100s 1000s   per second, averaged over so long; gauges: the mean value",
        "histograms: how many values; below them the quantiles of the last interval",
        "and those of all time, in the unit of the histogram",
        "",
        "Any key goes back.",
    ]
}
