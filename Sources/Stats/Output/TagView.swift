// A stat by its tags: what Envoy calls the tag-extracted name, and the tags.
extension StatValue {
    /// The name without what its tags cut out of it.
    public var nameWithoutTags: String {
        guard !tags.isEmpty else { return name }
        var kept: [UInt8] = []
        kept.reserveCapacity(name.utf8.count)
        var tags = tags[...]
        for (i, byte) in name.utf8.enumerated() {
            // Most are in the order of the name: those that are behind us need not be asked again.
            while let first = tags.first, first.cut.upperBound <= i { tags.removeFirst() }
            if !tags.contains(where: { $0.cut.contains(i) }) { kept.append(byte) }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// Every tag as a Prometheus label, in the order Envoy applies them, dimensions in that of the name. No label comes
    /// twice; values are as they are, not escaped.
    public var labels: [(label: String, value: String)] {
        guard !tags.isEmpty else { return [] }
        let lines = StatLines(self)
        return lines.labels(lines[0]).map { ($0.name, $0.value) }
    }
}
