import Glibc

/// Makes the trees of a `RouteTrie`, one after the other. It takes time in proportion to the patterns' bytes, and a sort.
struct RouteTrieBuilder {
    struct Pattern: BitwiseCopyable {
        /// In lower case for a tree that ignores case.
        var text: Bytes
        var entry: RouteTrie.Entry
    }

    /// A node whose label and children are not known yet, and the patterns under it.
    private struct Open {
        var node: Int
        var low: Int
        var high: Int
        /// Bytes that all of them have in common up to the parent's end.
        var depth: Int
    }

    private var nodes: [RouteTrie.Node] = []
    private var keys: [UInt8] = []
    private var labels: [UInt8] = []
    private var entries: [RouteTrie.Entry] = []

    var trie: RouteTrie { RouteTrie(nodes: nodes, keys: keys, labels: labels, entries: entries) }

    /// Returns the root of a new tree, -1 for none without patterns.
    mutating func add(_ patterns: [Pattern]) -> Int32 {
        guard !patterns.isEmpty else { return -1 }
        let sorted = patterns.sorted(by: Self.stand)
        let root = nodes.count
        // By level, not by recursion: patterns may nest as deep as there are bytes in them.
        var open = [Open(node: append(key: 0), low: 0, high: sorted.count, depth: 0)]
        var next = 0
        while next < open.count {
            close(open[next], sorted, &open)
            next += 1
        }
        // Children stand behind their parents.
        for i in (root..<nodes.count).reversed() {
            let children = Int(nodes[i].firstChild)..<Int(nodes[i].firstChild + nodes[i].childCount)
            for child in children { nodes[i].lowest = min(nodes[i].lowest, nodes[child].lowest) }
        }
        return Int32(root)
    }

    private mutating func close(_ open: Open, _ sorted: [Pattern], _ queue: inout [Open]) {
        let first = sorted[open.low].text
        let last = sorted[open.high - 1].text
        var end = open.depth
        // What the first and the last of sorted texts have in common, all between them have.
        while end < min(first.count, last.count), first.start[end] == last.start[end] { end += 1 }
        nodes[open.node].label = UInt32(labels.count)
        nodes[open.node].labelLength = UInt32(end - open.depth)
        labels.append(contentsOf: UnsafeBufferPointer(start: first.start + open.depth, count: end - open.depth))

        // The shortest are sorted first.
        var low = open.low
        while low < open.high, sorted[low].text.count == end { low += 1 }
        addEntries(sorted[open.low..<low], to: open.node)

        nodes[open.node].firstChild = UInt32(nodes.count)
        while low < open.high {
            let key = sorted[low].text.start[end]
            let high = Self.end(of: key, at: end, sorted, low, open.high)
            queue.append(Open(node: append(key: key), low: low, high: high, depth: end))
            nodes[open.node].childCount += 1
            low = high
        }
    }

    /// Without those that can never be first: an earlier one takes all that they match.
    private mutating func addEntries(_ patterns: ArraySlice<Pattern>, to node: Int) {
        nodes[node].firstEntry = UInt32(entries.count)
        var taken = -1
        for pattern in patterns where Int(pattern.entry.follow.rawValue) > taken {
            entries.append(pattern.entry)
            nodes[node].lowest = min(nodes[node].lowest, pattern.entry.route)
            if !pattern.entry.isConditional { taken = Int(pattern.entry.follow.rawValue) }
        }
        nodes[node].entryCount = UInt32(entries.count) - nodes[node].firstEntry
    }

    private mutating func append(key: UInt8) -> Int {
        nodes.append(RouteTrie.Node())
        keys.append(key)
        return nodes.count - 1
    }

    /// The end of those in `low..<high` that have `key` at a position; those with a greater byte stand behind them.
    private static func end(of key: UInt8, at position: Int, _ sorted: [Pattern], _ low: Int, _ high: Int) -> Int {
        var (inside, outside) = (low, high)
        while outside - inside > 1 {
            let middle = (inside + outside) / 2
            if sorted[middle].text.start[position] == key { inside = middle } else { outside = middle }
        }
        return outside
    }

    /// By bytes, and equal ones in the order of the configuration.
    private static func stand(_ left: Pattern, before right: Pattern) -> Bool {
        let order = memcmp(left.text.start, right.text.start, min(left.text.count, right.text.count))
        if order != 0 { return order < 0 }
        if left.text.count != right.text.count { return left.text.count < right.text.count }
        return left.entry.route < right.entry.route
    }
}
