import CYaml

/// Text to node tree, by libyaml's events. JSON is YAML to it.
///
/// The text is not trusted: nesting and what aliases expand to are limited, bytes are checked before libyaml sees them.
struct YAMLReader {
    /// Far beyond the deepest real configuration, far below what recursion could not bear.
    static let deepestNesting = 100
    /// How many nodes aliases may add in all: what stops "a billion laughs".
    static let mostAliasNodes = 100_000

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

    private let name: String
    private let findings: Findings
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var anchors: [String: Anchor] = [:]
    private var aliasNodes = 0

    /// The root of the one document of `text`; nil: there is an error in `findings`.
    static func read(name: String, text: [UInt8], findings: Findings) -> YAMLNode? {
        if let fault = TextCheck.firstFault(text) {
            findings.error(TextCheck.location(of: fault.offset, in: text, file: name), "", fault.message)
            return nil
        }
        // libyaml takes a byte order mark for content once it has been told the encoding.
        let content = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text[3...] : text[...]
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            findings.error(SourceLocation(file: name, line: 1, column: 1), "", "out of memory")
            return nil
        }
        defer { yaml_parser_delete(parser) }
        return content.withUnsafeBufferPointer { bytes in
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
            var reader = YAMLReader(name: name, findings: findings, parser: parser)
            do throws(Stop) {
                return try reader.document()
            } catch {
                findings.error(error.location, "", error.message)
                return nil
            }
        }
    }

    private init(name: String, findings: Findings, parser: UnsafeMutablePointer<yaml_parser_t>) {
        self.name = name
        self.findings = findings
        self.parser = parser
    }

    private mutating func document() throws(Stop) -> YAMLNode {
        _ = try next()  // The stream's start.
        guard case .documentStart = try next().kind else {
            throw Stop(location: SourceLocation(file: name, line: 1, column: 1), message: "the text is empty")
        }
        let root = try node(next(), depth: 0).node
        _ = try next()  // The document's end.
        let after = try next()
        if case .documentStart = after.kind {
            throw Stop(location: after.location, message: "only one document is supported, this starts a second")
        }
        return root
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(Stop) -> Anchor {
        if depth > Self.deepestNesting {
            throw Stop(location: event.location, message: "nested deeper than \(Self.deepestNesting) levels")
        }
        var made = Anchor(
            node: YAMLNode(content: .sequence([]), location: event.location), count: 1, height: 0)
        switch event.kind {
        case .alias(let anchor): return try expand(anchor, at: event.location, depth: depth)
        case .scalar(let text, let isPlain):
            made.node.content = .scalar(YAMLScalar(text: text, isPlain: isPlain && !hasStringTag(event)))
        case .sequenceStart:
            var items: [YAMLNode] = []
            while true {
                let event = try next()
                if case .sequenceEnd = event.kind { break }
                let item = try node(event, depth: depth + 1)
                items.append(item.node)
                made.count += item.count
                made.height = max(made.height, item.height + 1)
            }
            made.node.content = .sequence(items)
        case .mappingStart: try mapping(into: &made, depth: depth)
        default: throw Stop(location: event.location, message: "unexpected YAML event")
        }
        try checkTag(event)
        if let anchor = event.anchor { anchors[anchor] = made }
        return made
    }

    private mutating func mapping(into made: inout Anchor, depth: Int) throws(Stop) {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        while true {
            let keyEvent = try next()
            if case .mappingEnd = keyEvent.kind { break }
            let key = try node(keyEvent, depth: depth + 1)
            guard case .scalar(let scalar) = key.node.content else {
                throw Stop(location: keyEvent.location, message: "a key must be a plain word, not \(key.node.kindText)")
            }
            if scalar.text == "<<", case .scalar(_, let isPlain) = keyEvent.kind, isPlain {
                throw Stop(
                    location: keyEvent.location, message: "merge keys (<<) are not supported; write the fields out")
            }
            let value = try node(next(), depth: depth + 1)
            made.count += value.count + 1
            made.height = max(made.height, value.height + 1)
            if let line = lines[scalar.text] {
                findings.error(
                    keyEvent.location, "", "duplicate key \(quoted(scalar.text)), already given in line \(line)")
                continue
            }
            lines[scalar.text] = keyEvent.location.line
            entries.append(YAMLEntry(key: scalar.text, keyLocation: keyEvent.location, value: value.node))
        }
        made.node.content = .mapping(entries)
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

    private func hasStringTag(_ event: YAMLEvent) -> Bool {
        event.tag == "!" || event.tag == YAML_STR_TAG
    }

    /// Tags may repeat what YAML says of a node anyway; those of applications mean nothing here.
    private func checkTag(_ event: YAMLEvent) throws(Stop) {
        guard let tag = event.tag, tag != "!" else { return }
        let core = [
            YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_SEQ_TAG, YAML_MAP_TAG,
        ]
        if !core.contains(tag) {
            throw Stop(location: event.location, message: "YAML tag \(quoted(tag)) is not supported")
        }
    }

    private func next() throws(Stop) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        return YAMLEvent(event, file: name)
    }

    private func failure() -> Stop {
        let mark = parser.pointee.problem_mark
        var message = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
        if let context = parser.pointee.context {
            message += " " + String(cString: context)
            message += " (from line \(parser.pointee.context_mark.line + 1))"
        }
        let location = SourceLocation(file: name, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
        return Stop(location: location, message: "YAML syntax: " + message)
    }
}
