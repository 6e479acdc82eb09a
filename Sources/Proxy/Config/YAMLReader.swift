import CYaml

/// Text to node tree, by libyaml's events. JSON is YAML to it.
///
/// The text is not trusted: nesting and what aliases expand to are limited, bytes are checked before libyaml sees them.
struct YAMLReader {
    /// Far beyond the deepest real configuration, far below what recursion could not bear.
    static let deepestNesting = 100
    /// How many nodes aliases may add in all: what stops "a billion laughs".
    static let mostAliasNodes = 100_000
    /// With more keys in a mapping equal ones are found by hash.
    private static let mostKeysInOrder = 16

    /// Thrown to stop reading: the text cannot be followed further.
    private struct Stop: Error {
        var location: SourceLocation
        var message: String
    }

    /// A finished node that an alias may name, with its size.
    private struct Anchor {
        var node: YAMLNode
        var count: Int
        var height: Int
    }

    private let findings: Findings
    private let events: YAMLEvents
    /// The members of the sequences and mappings that are being read, the innermost last.
    private let items = YAMLStack<YAMLNode>()
    private let entries = YAMLStack<YAMLEntry>()
    private var anchors: [String: Anchor] = [:]
    private var aliasNodes = 0
    /// The keys of the mappings that are being read, of the outer two.
    private var outerKeys = ["", ""]
    private var clusters: EarlyClusters?

    /// The root of the one document of `text`; nil: there is an error in `findings`.
    /// `clusters`: takes each cluster as soon as it is read. `isAhead`: another thread goes ahead with libyaml; nil: when it is
    /// worth it.
    static func read(
        name: String, text: [UInt8], findings: Findings, clusters: EarlyClusters? = nil, isAhead: Bool? = nil
    ) -> YAMLNode? {
        if let fault = TextCheck.firstFault(text) {
            findings.error(TextCheck.location(of: fault.offset, in: text, file: name), "", fault.message)
            return nil
        }
        // libyaml takes a byte order mark for content once it has been told the encoding.
        let content = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text[3...] : text[...]
        let start = SourceLocation(file: name, line: 1, column: 1)
        return content.withUnsafeBufferPointer { bytes in
            let isAhead = isAhead ?? (bytes.count >= YAMLEvents.enoughForThread)
            guard let events = YAMLEvents(bytes, source: SourceText(name), isAhead: isAhead) else {
                findings.error(start, "", "out of memory")
                return nil
            }
            defer { events.close() }
            var reader = YAMLReader(findings: findings, events: events, clusters: clusters)
            do throws(Stop) {
                return try reader.document(start)
            } catch {
                findings.error(error.location, "", error.message)
                return nil
            }
        }
    }

    private init(findings: Findings, events: YAMLEvents, clusters: EarlyClusters?) {
        self.findings = findings
        self.events = events
        self.clusters = clusters
    }

    private mutating func document(_ start: SourceLocation) throws(Stop) -> YAMLNode {
        try next()  // The stream's start.
        try next()
        guard events.kind == .documentStart else {
            throw Stop(location: start, message: "the text is empty")
        }
        try next()
        let root = try node(depth: 0).node
        try next()  // The document's end.
        try next()
        if events.kind == .documentStart {
            throw Stop(location: events.location, message: "only one document is supported, this starts a second")
        }
        return root
    }

    /// The node that begins with the current event.
    ///
    /// - Parameter isKey: a text, whatever it looks like.
    private mutating func node(depth: Int, isKey: Bool = false) throws(Stop) -> Anchor {
        let location = events.location
        if depth > Self.deepestNesting {
            throw Stop(location: location, message: "nested deeper than \(Self.deepestNesting) levels")
        }
        let properties = events.properties
        var made: Anchor
        switch events.kind {
        case .alias: return try expand(events.alias, at: location, depth: depth)
        case .scalar:
            let isString = isKey || properties.tag == "!" || properties.tag == YAML_STR_TAG
            let scalar = events.withScalar { YAMLScalar($0, isPlain: $1 && !isString) }
            made = Anchor(node: YAMLNode(content: .scalar(scalar), location: location), count: 1, height: 0)
        case .sequenceStart: made = try sequence(location, depth: depth, isNamed: properties.anchor != nil)
        case .mappingStart: made = try mapping(location, depth: depth)
        default: throw Stop(location: location, message: "unexpected YAML event")
        }
        if let tag = properties.tag { try check(tag, location) }
        if let anchor = properties.anchor { anchors[anchor] = made }
        return made
    }

    private mutating func sequence(_ location: SourceLocation, depth: Int, isNamed: Bool) throws(Stop) -> Anchor {
        let first = items.count
        var count = 1
        var height = 0
        // Only the first list of this name: another would be an error.
        let early = depth == 2 && outerKeys == EarlyClusters.place ? clusters : nil
        if early != nil { clusters = nil }
        while true {
            try next()
            if events.kind == .sequenceEnd { break }
            let item = try node(depth: depth + 1)
            early?.take(item.node)
            // What has been decoded is not looked at again, unless an alias names the list.
            if early == nil || isNamed { items.push(item.node) }
            count += item.count
            height = max(height, item.height + 1)
        }
        early?.end()
        return Anchor(
            node: YAMLNode(content: .sequence(items.take(from: first)), location: location), count: count,
            height: height)
    }

    private mutating func mapping(_ location: SourceLocation, depth: Int) throws(Stop) -> Anchor {
        let first = entries.count
        var count = 1
        var height = 0
        // Lines of the keys, once there are many.
        var lines: [String: Int] = [:]
        while true {
            try next()
            if events.kind == .mappingEnd { break }
            let keyLocation = events.location
            let isPlain = events.kind == .scalar && events.isPlain
            let key = try node(depth: depth + 1, isKey: true)
            guard case .scalar(let scalar) = key.node.content else {
                throw Stop(location: keyLocation, message: "a key must be a plain word, not \(key.node.kindText)")
            }
            if isPlain, scalar.text == "<<" {
                throw Stop(location: keyLocation, message: "merge keys (<<) are not supported; write the fields out")
            }
            if depth < outerKeys.count { outerKeys[depth] = scalar.text }
            try next()
            let value = try node(depth: depth + 1)
            count += value.count + 1
            height = max(height, value.height + 1)
            if let line = line(of: scalar.text, from: first, &lines) {
                findings.error(
                    keyLocation, "", "duplicate key \(quoted(scalar.text)), already given in line \(line)")
                continue
            }
            entries.push(YAMLEntry(key: scalar.text, keyLocation: keyLocation, value: value.node))
        }
        return Anchor(
            node: YAMLNode(content: .mapping(entries.take(from: first)), location: location), count: count,
            height: height)
    }

    /// Where a key of the mapping stands that is equal; nil: there is none.
    private func line(of key: String, from first: Int, _ lines: inout [String: Int]) -> Int? {
        if entries.count - first <= Self.mostKeysInOrder {
            for i in first..<entries.count where entries[i].key == key { return entries[i].keyLocation.line }
            return nil
        }
        // Those that have come since are looked up from here on.
        for i in (first + lines.count)..<entries.count { lines[entries[i].key] = entries[i].keyLocation.line }
        return lines[key]
    }

    private mutating func expand(_ anchor: String, at location: SourceLocation, depth: Int) throws(Stop) -> Anchor {
        guard let known = anchors[anchor] else {
            throw Stop(location: location, message: "alias \(quoted(anchor)) names no finished anchor before it")
        }
        aliasNodes += known.count
        if aliasNodes > Self.mostAliasNodes {
            throw Stop(location: location, message: "aliases expand to more than \(Self.mostAliasNodes) nodes")
        }
        if depth + known.height > Self.deepestNesting {
            throw Stop(location: location, message: "nested deeper than \(Self.deepestNesting) levels")
        }
        return known
    }

    /// Tags may repeat what YAML says of a node anyway; those of applications mean nothing here.
    private func check(_ tag: String, _ location: SourceLocation) throws(Stop) {
        let core = [
            "!", YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_SEQ_TAG, YAML_MAP_TAG,
        ]
        if !core.contains(tag) {
            throw Stop(location: location, message: "YAML tag \(quoted(tag)) is not supported")
        }
    }

    private func next() throws(Stop) {
        if events.next() { return }
        let failure = events.failure
        throw Stop(location: failure.location, message: failure.message)
    }
}

/// Members that are collected and then become an array of just their number, without a copy on the way.
private final class YAMLStack<Element> {
    private var memory: UnsafeMutablePointer<Element>
    private var capacity = 64
    private(set) var count = 0

    init() { memory = .allocate(capacity: capacity) }

    deinit {
        memory.deinitialize(count: count)
        memory.deallocate()
    }

    subscript(_ position: Int) -> Element { memory[position] }

    func push(_ element: Element) {
        if count == capacity {
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
            larger.moveInitialize(from: memory, count: count)
            memory.deallocate()
            memory = larger
            capacity *= 2
        }
        (memory + count).initialize(to: element)
        count += 1
    }

    func take(from first: Int) -> [Element] {
        let taken = count - first
        count = first
        if taken == 0 { return [] }
        return Array(unsafeUninitializedCapacity: taken) { buffer, initialized in
            buffer.baseAddress!.moveInitialize(from: memory + first, count: taken)
            initialized = taken
        }
    }
}
