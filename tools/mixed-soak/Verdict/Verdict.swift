import ToolSupport

/// What was found in the end, line by line.
struct Verdict {
    private(set) var failures = 0

    mutating func item(_ what: String, _ isGood: Bool, _ figures: String) {
        if !isGood { failures += 1 }
        say("\(isGood ? "ok    " : "FAILED") \(what): \(figures)")
    }

    /// Two numbers that must be the same.
    mutating func equal(_ what: String, _ pairs: [(name: String, expected: Int, found: Int)]) {
        let wrong = pairs.filter { $0.expected != $0.found }
        item(
            what, wrong.isEmpty,
            wrong.isEmpty
                ? "\(pairs.count) compared, \(pairs.prefix(4).map { "\($0.name) \($0.found)" }.joined(separator: ", "))"
                : wrong.map { "\($0.name) is \($0.found), clients know \($0.expected)" }.joined(separator: "; "))
    }

    /// Numbers that must lie within bounds.
    mutating func within(_ what: String, _ entries: [(name: String, least: Int, most: Int, found: Int)]) {
        let wrong = entries.filter { $0.found < $0.least || $0.found > $0.most }
        let told = wrong.isEmpty ? Array(entries.prefix(4)) : wrong
        item(
            what, wrong.isEmpty,
            "\(entries.count) compared, "
                + told.map { "\($0.name) \($0.found) of \($0.least) to \($0.most)" }.joined(separator: ", "))
    }
}
