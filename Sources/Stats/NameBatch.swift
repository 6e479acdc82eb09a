import CLinux

/// The names of a template under one prefix, in memory for a moment.
struct NameBatch {
    /// One of them, cut where it is too long.
    struct Name {
        let start: UnsafePointer<UInt8>
        let length: Int
        let kind: StatKind
        /// Before `hash()` 0.
        fileprivate(set) var hash: UInt64 = 0
        var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: length) }
    }

    private let template: StatTemplate
    private let prefix: Int
    private let naming: StatNaming
    private let memory: UnsafeMutablePointer<UInt8>
    private let names: UnsafeMutablePointer<Name>
    /// The tags of one name.
    private let spans: UnsafeMutablePointer<cl_tag_span>
    private static let mostTags = TagExtractor.mostDimensions + 2 * TagName.envoyCount
    /// What all names have as tags of their prefix, whatever stands behind it; nil: it is not known for this one.
    private let prefixTags: [StatTag]?

    init(_ template: StatTemplate, _ prefix: UnsafeBufferPointer<UInt8>, _ naming: StatNaming) {
        self.template = template
        self.prefix = prefix.count
        self.naming = naming
        let count = template.count
        memory = .allocate(capacity: max(count * prefix.count + template.text.count, 1))
        names = .allocate(capacity: max(count, 1))
        spans = .allocate(capacity: Self.mostTags)
        prefixTags = naming == .envoy ? TagExtractor.prefixTags(Array(prefix)) : nil
        var end = memory
        template.text.withUnsafeBufferPointer { text in
            for (i, item) in template.items.enumerated() {
                let start = end
                if let bytes = prefix.baseAddress { start.update(from: bytes, count: prefix.count) }
                (start + prefix.count).update(from: text.baseAddress! + item.name.lowerBound, count: item.name.count)
                end += prefix.count + item.name.count
                let length = min(end - start, NameRecord.longestName)
                (names + i).initialize(to: Name(start: start, length: length, kind: item.kind))
            }
        }
    }

    /// Hashes all names. Their places in the index are on the way from memory afterwards.
    func hash(_ index: NameIndex) {
        for i in 0..<template.count {
            names[i].hash = NameIndex.hash(names[i].kind, names[i].bytes)
            index.prefetch(names[i].hash)
        }
    }

    func free() {
        memory.deallocate()
        names.deallocate()
        spans.deallocate()
    }

    subscript(_ position: Int) -> Name { names[position] }

    /// The tags of a name, until the next call.
    func tags(_ position: Int) -> UnsafeBufferPointer<cl_tag_span> {
        let item = template.items[position]
        let name = names[position]
        var count = 0
        func add(_ tag: StatTag, at offset: Int) {
            guard count < Self.mostTags else { return }
            var span = cl_tag_span(tag)
            span.cut_start += UInt16(offset)
            span.value_start += UInt16(offset)
            (spans + count).initialize(to: span)
            count += 1
        }
        if let prefixTags, let endTags = item.endTags, name.length == prefix + item.name.count {
            for tag in endTags { add(tag, at: prefix) }
            for tag in prefixTags { add(tag, at: 0) }
        } else {
            for tag in TagExtractor.tags(Array(name.bytes), naming.flags) { add(tag, at: 0) }
        }
        return UnsafeBufferPointer(start: spans, count: count)
    }
}
