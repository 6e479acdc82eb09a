/// Numbers, names and runs of numbers in few columns.
enum Compact {
    /// At most `width` columns: whole when it fits, else with a unit.
    static func number(_ value: Double, width: Int) -> String {
        guard value.isFinite else { return "-" }
        if value == value.rounded(), value.magnitude < 1e15 {
            let text = String(Int64(value))
            if text.count <= width { return text }
        } else {
            for digits in [2, 1] {
                let text = Words.fixed(value, digits)
                if text.count <= width - (value.magnitude < 100 ? 0 : 1), value.magnitude < 10_000 { return text }
            }
        }
        var scaled = value
        for unit in ["", "k", "M", "G", "T", "P", "E"] {
            for digits in [1, 0] where scaled.magnitude < 1000 || digits == 0 && scaled.magnitude < 10_000 {
                let text = Words.fixed(scaled, digits) + unit
                if text.count <= width { return text }
            }
            scaled /= 1000
        }
        return String(repeating: "#", count: width)
    }

    /// A name cut in its middle: the beginning says whose it is, the end what it counts.
    static func name(_ name: String, width: Int, isUnicode: Bool) -> String {
        let scalars = Array(name.unicodeScalars)
        guard scalars.count > width else { return name }
        let mark = isUnicode ? "…" : "~"
        guard width > 4 else { return text(scalars.prefix(max(width, 0))) }
        let tail = (width - 1) * 3 / 5
        return text(scalars.prefix(width - 1 - tail)) + mark + text(scalars.suffix(tail))
    }

    static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    /// The last `width` numbers as heights, the largest of them as the highest.
    static func sparkline(_ values: [Double], width: Int, isUnicode: Bool) -> String {
        let steps = Array(isUnicode ? "▁▂▃▄▅▆▇█" : "_.-~=+*#")
        let shown = values.suffix(width)
        let largest = shown.max() ?? 0
        let line = shown.map { value in
            guard largest > 0, value > 0 else { return steps[0] }
            return steps[min(max(Int((value / largest * Double(steps.count - 1)).rounded(.up)), 1), steps.count - 1)]
        }
        return String(line).rightAligned(to: width)
    }
}
