/// The events of a text, one at a time. Those of a long text are read ahead by another thread, while the caller works on the ones
/// before: libyaml is nearly half of what reading a large configuration takes.
final class YAMLEvents {
    /// A shorter text is read before a thread has started.
    static let enoughForThread = 64 << 10

    private let scanner: YAMLScanner
    private let ahead: YAMLAhead?
    private var batch = YAMLBatch()
    private var position = -1
    private let source: SourceText

    /// nil: there is no memory. `bytes` must stay until `close`. `isAhead`: by another thread, if there can be one.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, source: SourceText, isAhead: Bool) {
        guard let scanner = YAMLScanner(bytes, source: source) else { return nil }
        self.scanner = scanner
        self.source = source
        ahead = isAhead ? YAMLAhead(scanner) : nil
    }

    /// Nothing looks at the text any more.
    func close() { ahead?.stop() }

    /// Goes on to the next event; false: the text is no YAML from here on, or at its end.
    func next() -> Bool {
        position += 1
        if position < batch.events.count { return true }
        if batch.isLast { return false }
        if let ahead { batch = ahead.take(giving: batch) } else { batch.fill(from: scanner) }
        position = 0
        return !batch.events.isEmpty
    }

    var kind: YAMLEvent.Kind { batch.events[position].kind }

    /// Where the event starts.
    var location: SourceLocation {
        let event = batch.events[position]
        return SourceLocation(text: source, line: Int(event.line), column: Int(event.column))
    }

    /// Of a scalar: it stands without quotes.
    var isPlain: Bool { batch.events[position].isPlain }

    /// Calls `body` with the bytes of a scalar, and whether they stand without quotes.
    func withScalar<Result>(_ body: (UnsafeBufferPointer<UInt8>, Bool) -> Result) -> Result {
        let event = batch.events[position]
        return batch.texts.withUnsafeBufferPointer { texts in
            body(.init(rebasing: texts[event.texts..<event.texts + Int(event.valueLength)]), event.isPlain)
        }
    }

    /// What an alias names.
    var alias: String { text(behind: 0, batch.events[position].valueLength) ?? "" }

    /// The anchor and the tag of what begins here.
    var properties: (anchor: String?, tag: String?) {
        let event = batch.events[position]
        if event.anchorLength < 0, event.tagLength < 0 { return (nil, nil) }
        return (
            text(behind: event.valueLength, event.anchorLength),
            text(behind: event.valueLength + max(event.anchorLength, 0), event.tagLength)
        )
    }

    /// Why `next` gave false, and where.
    var failure: (location: SourceLocation, message: String) {
        batch.failure ?? (SourceLocation(text: source, line: 1, column: 1), "YAML syntax: the text ends too soon")
    }

    private func text(behind skipped: Int32, _ length: Int32) -> String? {
        if length < 0 { return nil }
        let start = batch.events[position].texts + Int(skipped)
        return String(decoding: batch.texts[start..<start + Int(length)], as: UTF8.self)
    }
}
