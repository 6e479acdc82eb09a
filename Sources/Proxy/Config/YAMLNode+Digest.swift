extension YAMLNode {
    /// A number of what it says, wherever it stands in its text: another one where something else is said. Only for this
    /// process.
    var digest: Int {
        var hasher = Hasher()
        feed(&hasher)
        return hasher.finalize()
    }

    /// The same of a mapping without some of its keys.
    func digest(without keys: Set<String>) -> Int {
        guard case .mapping(let entries) = content else { return digest }
        var hasher = Hasher()
        for entry in entries where !keys.contains(entry.key) {
            hasher.combine(entry.key)
            entry.value.feed(&hasher)
        }
        return hasher.finalize()
    }

    private func feed(_ hasher: inout Hasher) {
        switch content {
        case .scalar(let scalar):
            hasher.combine(0)
            hasher.combine(scalar.kind)
            hasher.combine(scalar.text)
        case .sequence(let items):
            hasher.combine(1)
            hasher.combine(items.count)
            for item in items { item.feed(&hasher) }
        case .mapping(let entries):
            hasher.combine(2)
            hasher.combine(entries.count)
            for entry in entries {
                hasher.combine(entry.key)
                entry.value.feed(&hasher)
            }
        }
    }
}
