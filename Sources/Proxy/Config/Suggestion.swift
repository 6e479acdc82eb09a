/// "Did you mean": the nearest of the names that would have been right.
enum Suggestion {
    /// Longer names are no typing slips, and comparing them would cost too much.
    private static let longest = 64

    /// ` (did you mean "name"?)` or nothing.
    static func text(for given: String, among names: some Sequence<String>) -> String {
        guard let name = nearest(to: given, among: names) else { return "" }
        return " (did you mean \(quoted(name))?)"
    }

    /// The name with the least edit distance, if that is small for its length; of equals the first in the alphabet.
    static func nearest(to given: String, among names: some Sequence<String>) -> String? {
        let wanted = Array(given.lowercased().utf8)
        guard !wanted.isEmpty, wanted.count <= longest else { return nil }
        let allowed = max(1, wanted.count / 4)
        var best: (distance: Int, name: String)?
        for name in names {
            let candidate = Array(name.lowercased().utf8)
            guard candidate.count <= longest, abs(candidate.count - wanted.count) <= allowed else { continue }
            let distance = editDistance(wanted, candidate)
            guard distance <= allowed else { continue }
            if let known = best, (known.distance, known.name) <= (distance, name) { continue }
            best = (distance, name)
        }
        return best?.name
    }

    /// Insertions, deletions, substitutions and swaps of neighbours, each of cost 1.
    static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in 0..<right.count {
                let substitution = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(substitution, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
