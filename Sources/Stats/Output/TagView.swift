// A stat by its tags: what Envoy calls the tag-extracted name, and the tags.
extension StatValue {
    /// The name without what its tags cut out of it.
    public var nameWithoutTags: String {
        guard !tags.isEmpty else { return name }
        var kept: [UInt8] = []
        kept.reserveCapacity(name.utf8.count)
        for (i, byte) in name.utf8.enumerated() where !tags.contains(where: { $0.cut.contains(i) }) {
            kept.append(byte)
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// Label and value of every tag, in the order Envoy applies them.
    public var labels: [(label: String, value: String)] { tags.map { ($0.name.label, value(of: $0)) } }

    func value(of tag: StatTag) -> String {
        // Spans are of the bytes that lie in the region; a name that was no UTF-8 may be longer here, never shorter.
        String(decoding: name.utf8.dropFirst(tag.value.lowerBound).prefix(tag.value.count), as: UTF8.self)
    }
}
