import CYaml

/// libyaml's events, one at a time: what `current` says is valid until `next`.
final class YAMLEvents {
    let current: UnsafeMutablePointer<yaml_event_t>
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let source: SourceText

    /// nil: there is no memory. `bytes` must stay.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, source: SourceText) {
        self.source = source
        parser = .allocate(capacity: 1)
        current = .allocate(capacity: 1)
        current.initialize(to: yaml_event_t())
        guard yaml_parser_initialize(parser) == 1 else { return nil }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_event_delete(current)
        yaml_parser_delete(parser)
        current.deallocate()
        parser.deallocate()
    }

    /// Goes on to the next event; false: the text is no YAML from here on.
    func next() -> Bool {
        yaml_event_delete(current)
        return yaml_parser_parse(parser, current) == 1
    }

    var kind: yaml_event_type_t { current.pointee.type }

    /// Where the event starts.
    var location: SourceLocation {
        let mark = current.pointee.start_mark
        return SourceLocation(text: source, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    /// The anchor and the tag of what begins here.
    var properties: (anchor: String?, tag: String?) {
        switch kind {
        case YAML_SCALAR_EVENT:
            return (Self.text(current.pointee.data.scalar.anchor), Self.text(current.pointee.data.scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let start = current.pointee.data.sequence_start
            return (Self.text(start.anchor), Self.text(start.tag))
        case YAML_MAPPING_START_EVENT:
            let start = current.pointee.data.mapping_start
            return (Self.text(start.anchor), Self.text(start.tag))
        default: return (nil, nil)
        }
    }

    /// What an alias names.
    var alias: String { Self.text(current.pointee.data.alias.anchor) ?? "" }

    /// The bytes of a scalar, and whether they stand without quotes.
    var scalar: (bytes: UnsafeBufferPointer<UInt8>, isPlain: Bool) {
        let scalar = current.pointee.data.scalar
        return (
            UnsafeBufferPointer(start: scalar.value, count: Int(scalar.length)),
            scalar.style == YAML_PLAIN_SCALAR_STYLE
        )
    }

    /// Why `next` failed, and where.
    var failure: (location: SourceLocation, message: String) {
        let mark = parser.pointee.problem_mark
        var message = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
        if let context = parser.pointee.context {
            message += " " + String(cString: context)
            message += " (from line \(parser.pointee.context_mark.line + 1))"
        }
        return (
            SourceLocation(text: source, line: Int(mark.line) + 1, column: Int(mark.column) + 1),
            "YAML syntax: " + message
        )
    }

    private static func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        bytes.map { String(cString: $0) }
    }
}
