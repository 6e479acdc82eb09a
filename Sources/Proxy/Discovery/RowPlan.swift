/// Which rows of `Snapshot.listeners` the filter chains of a listener get when it comes or changes: those that stay as they are stay
/// where they are, and what goes makes room for others once its connections have been given another row.
struct RowPlan: Equatable {
    /// A filter chain of the listener as it was.
    struct Old: Equatable {
        var row: Int
        /// Of all that it says.
        var digest: Int
    }
    struct Move: Equatable {
        var row: Int
        var to: Int
    }

    /// The listener's first row.
    let position: Int
    /// By filter chain.
    let rows: [Int]
    /// Filter chains that have to be made.
    let new: [Int]
    /// Filter chains that have gone: where their connections go on.
    let retired: [Move]
    /// A filter chain that stays and moves to `position`, since there has to be one; its row is free then.
    let toFront: Int?

    /// Nil: there are not enough free rows.
    ///
    /// - Parameters:
    ///   - position: nil: the listener is new.
    ///   - digests: of its filter chains, at least one.
    ///   - free: from which rows are taken.
    init?(position: Int?, old: [Old], digests: [Int], free: inout [Int]) {
        var left = old
        var rows = digests.map { digest in
            guard let kept = left.firstIndex(where: { $0.digest == digest }) else { return -1 }
            return left.remove(at: kept).row
        }
        let new = rows.indices.filter { rows[$0] < 0 }
        var gone = left.map(\.row)
        // The first row stays the first.
        if let position, let index = gone.firstIndex(of: position) { gone.insert(gone.remove(at: index), at: 0) }
        var available = free
        guard available.count >= gone.count + max(new.count - gone.count, 0) else { return nil }
        var retired: [Move] = []
        for row in gone { retired.append(Move(row: row, to: available.removeFirst())) }
        var reused = gone[...]
        for chain in new { rows[chain] = reused.popFirst() ?? available.removeFirst() }
        var toFront: Int?
        if let position, reused.first == position, let first = rows.first {
            toFront = first
            rows[0] = position
            reused.removeFirst()
            available.append(first)
        }
        free = available + reused
        self.position = position ?? rows[0]
        (self.rows, self.new, self.retired, self.toFront) = (rows, new, retired, toFront)
    }
}
