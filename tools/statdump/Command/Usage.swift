import Stats

// What the options may be together.
extension StatDump {
    /// One sentence about what cannot be; nil when all is well.
    func usageProblem() -> String? {
        for text in patterns + exclude {
            do { _ = try Pattern(text) } catch { return "\(text): not a regular expression: \(error)" }
        }
        if modes.count > 1 { return "\(modes[0]) and \(modes[1]) do not go together" }
        if views.count > 1 { return "\(views[0]) and \(views[1]) do not go together" }
        if let mode = modes.first, let view = views.first { return "\(view) means nothing with \(mode)" }
        if let top, top < 1 { return "--top \(top): it begins at 1" }
        for (name, seconds) in [("--watch", watch), ("--rate", rate)] {
            guard let seconds, !(seconds >= 0.1 && seconds <= 3600) else { continue }
            return "\(name)=\(seconds): seconds are 0.1 to 3600"
        }
        if histogramBuckets != .summary, format != .text || isTable || !modes.isEmpty {
            return "--histogram-buckets is for plain text"
        }
        if let mode = modes.first, mode != "--save" || format != .text, format != .text {
            return "--format means nothing with \(mode)"
        }
        if let mode = modes.first, sort != nil && mode != "--watch" || top != nil {
            return "\(top == nil ? "--sort" : "--top") means nothing with \(mode)"
        }
        if format == .prometheus, isTable { return "prometheus has one value for each stat, in the order of names" }
        if sort == .rate, !views.isEmpty, views != ["--rate"], views != ["--diff"] {
            return "--sort rate means nothing with \(views[0])"
        }
        return nil
    }

    /// What takes the place of showing stats once.
    private var modes: [String] {
        names([
            ("--list", list), ("--describe", describe), ("--layout", layout), ("--check", check), ("--remove", remove),
            ("--save", save != nil),
            ("--watch", watch != nil),
        ])
    }

    /// What shows stats in another way; one at a time.
    private var views: [String] {
        names([
            ("--rate", rate != nil), ("--per-process", perProcess), ("--per-worker", perWorker), ("--tags", tags),
            ("--diff", diff != nil), ("--since-start", sinceStart),
        ])
    }

    private func names(_ flags: [(name: String, isGiven: Bool)]) -> [String] {
        flags.filter(\.isGiven).map(\.name)
    }

    /// Whether it is more than what the admin listener would print.
    var isTable: Bool { !views.isEmpty || sort != nil || top != nil }
}
