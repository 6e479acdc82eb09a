import CYaml

/// What libyaml tells of one event, without a reference. Its texts stand one behind the other in its batch.
struct YAMLEvent: BitwiseCopyable {
    enum Kind: UInt8 {
        case documentStart, alias, scalar, sequenceStart, sequenceEnd, mappingStart, mappingEnd
        /// Ends of documents and of the stream, and its start.
        case other
    }

    var kind = Kind.other
    /// Of a scalar: it stands without quotes.
    var isPlain = false
    /// Where it starts, from 1.
    var line: Int32 = 1
    var column: Int32 = 1
    /// Where its texts begin: the value of a scalar or what an alias names, then the anchor, then the tag.
    var texts = 0
    var valueLength: Int32 = 0
    /// -1: there is none.
    var anchorLength: Int32 = -1
    var tagLength: Int32 = -1
}

/// Up to a thousand events that follow each other, with their texts: what one thread hands to the other at a time.
final class YAMLBatch {
    private static let mostEvents = 1024
    /// With so many bytes of text it is full too.
    private static let enoughText = 128 << 10

    private(set) var events: [YAMLEvent] = []
    private(set) var texts: [UInt8] = []
    /// The text is no YAML behind these events: where, and why.
    private(set) var failure: (location: SourceLocation, message: String)?
    /// No events come behind these.
    private(set) var isLast = false

    /// Takes the next events instead of those it has.
    func fill(from scanner: YAMLScanner) {
        var events = self.events
        var texts = self.texts
        self.events = []
        self.texts = []
        events.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        events.reserveCapacity(Self.mostEvents)
        while !isLast, events.count < Self.mostEvents, texts.count < Self.enoughText {
            guard let event = scanner.next(&texts, &isLast) else {
                failure = scanner.failure
                isLast = true
                break
            }
            events.append(event)
        }
        self.events = events
        self.texts = texts
    }
}

/// libyaml at work on a text.
final class YAMLScanner {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>
    private let source: SourceText

    /// nil: there is no memory. `bytes` must stay.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, source: SourceText) {
        self.source = source
        parser = .allocate(capacity: 1)
        event = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            event.deallocate()
            return nil
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        event.deallocate()
        parser.deallocate()
    }

    /// The next event, whose texts are appended to `texts`; nil: the text is no YAML from here on. `isLast`: it ends the stream.
    func next(_ texts: inout [UInt8], _ isLast: inout Bool) -> YAMLEvent? {
        guard yaml_parser_parse(parser, event) == 1 else { return nil }
        defer { yaml_event_delete(event) }
        var result = YAMLEvent()
        let mark = event.pointee.start_mark
        result.line = Int32(clamping: mark.line &+ 1)
        result.column = Int32(clamping: mark.column &+ 1)
        result.texts = texts.count
        switch event.pointee.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.pointee.data.scalar
            result.kind = .scalar
            result.isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            texts.append(contentsOf: UnsafeBufferPointer(start: scalar.value, count: scalar.length))
            result.valueLength = Int32(clamping: texts.count - result.texts)
            Self.name(&result, scalar.anchor, scalar.tag, &texts)
        case YAML_MAPPING_START_EVENT:
            result.kind = .mappingStart
            let start = event.pointee.data.mapping_start
            Self.name(&result, start.anchor, start.tag, &texts)
        case YAML_SEQUENCE_START_EVENT:
            result.kind = .sequenceStart
            let start = event.pointee.data.sequence_start
            Self.name(&result, start.anchor, start.tag, &texts)
        case YAML_ALIAS_EVENT:
            result.kind = .alias
            result.valueLength = Self.append(event.pointee.data.alias.anchor, &texts)
        case YAML_MAPPING_END_EVENT: result.kind = .mappingEnd
        case YAML_SEQUENCE_END_EVENT: result.kind = .sequenceEnd
        case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
        case YAML_STREAM_END_EVENT: isLast = true
        default: break
        }
        return result
    }

    /// Why `next` gave nothing, and where.
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

    /// Nearly nothing has an anchor or a tag.
    private static func name(
        _ event: inout YAMLEvent, _ anchor: UnsafeMutablePointer<yaml_char_t>?,
        _ tag: UnsafeMutablePointer<yaml_char_t>?, _ texts: inout [UInt8]
    ) {
        if let anchor { event.anchorLength = append(anchor, &texts) }
        if let tag { event.tagLength = append(tag, &texts) }
    }

    private static func append(_ text: UnsafeMutablePointer<yaml_char_t>?, _ texts: inout [UInt8]) -> Int32 {
        guard let text else { return 0 }
        let before = texts.count
        var end = text
        while end.pointee != 0 { end += 1 }
        texts.append(contentsOf: UnsafeBufferPointer(start: text, count: end - text))
        return Int32(clamping: texts.count - before)
    }
}
