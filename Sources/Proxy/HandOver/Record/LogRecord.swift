import CLinux

/// What a request or connection will have in its access log lines, on its way: see `Log` in docs/hand-over.md. Texts carry
/// the names that the parent's formats have for them; the child keeps those that its own formats name.
enum LogRecord {
    private enum Tag {
        static let startWall: UInt32 = 1, start: UInt32 = 2, received: UInt32 = 3, sent: UInt32 = 4
        static let flags: UInt32 = 5, details: UInt32 = 6, connectError: UInt32 = 7, firstResponse: UInt32 = 8
        static let state: UInt32 = 9, upstream: UInt32 = 10, upstreamLocal: UInt32 = 11, local: UInt32 = 12
        static let attempts: UInt32 = 13, value: UInt32 = 14
        static let kind: UInt32 = 1, name: UInt32 = 2, text: UInt32 = 3
    }

    /// - Parameter entry: of a listener with these logs.
    static func write(
        _ entry: UnsafeMutablePointer<LogEntry>, _ logs: ListenerLogs, _ tag: UInt32, into out: inout RecordWriter
    ) {
        let record = out.begin(tag)
        let e = entry.pointee
        out.number(Tag.startWall, e.startWallNs)
        out.number(Tag.start, e.startNs)
        out.number(Tag.received, e.bytesReceived)
        out.number(Tag.sent, e.bytesSent)
        out.number(Tag.flags, e.flags.rawValue)
        out.number(Tag.details, UInt64(e.details.rawValue))
        out.number(Tag.connectError, UInt64(UInt32(bitPattern: max(e.connectError, 0))))
        out.number(Tag.firstResponse, e.firstResponseNs)
        out.number(Tag.state, UInt64(e.state.rawValue))
        write(entry, \.upstream, Tag.upstream, into: &out)
        write(entry, \.upstreamLocal, Tag.upstreamLocal, into: &out)
        write(entry, \.local, Tag.local, into: &out)
        out.number(Tag.attempts, UInt64(e.attempts))
        for i in 0..<logs.nameCount {
            guard let text = e.values.get(i) else { continue }
            let value = out.begin(Tag.value)
            out.number(Tag.kind, UInt64(logs.names[i].kind.rawValue))
            out.blob(Tag.name, logs.names[i].text.start, logs.names[i].text.count)
            out.blob(Tag.text, text.start, text.count)
            out.end(value)
        }
        out.end(record)
    }

    private static func write(
        _ entry: UnsafeMutablePointer<LogEntry>, _ address: PartialKeyPath<LogEntry>, _ tag: UInt32,
        into out: inout RecordWriter
    ) {
        guard let offset = MemoryLayout<LogEntry>.offset(of: address) else { return }
        let pointer = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: cl_address.self)
        if pointer.pointee.length > 0 { AddressRecord.write(pointer, tag, into: &out) }
    }

    /// Texts of one record together, at most.
    private static let largestTexts = 1 << 20

    /// Reads a record into an entry that was reset.
    ///
    /// - Parameters:
    ///   - entry: nil to find only whether the record is sound.
    ///   - logs: of the listener here; a text that none of its lines needs is dropped.
    static func read(
        _ bytes: RecordBytes, into entry: UnsafeMutablePointer<LogEntry>?, _ logs: ListenerLogs?
    ) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { return }
        var read = LogEntry()
        // Its texts stay where they are.
        if let entry { read.values = entry.pointee.values }
        // Also after an error: what they were in may have moved.
        defer { entry?.pointee.values = read.values }
        var texts = 0
        while let field = try reader.field() {
            switch field.number {
            case Tag.startWall: read.startWallNs = try field.number()
            case Tag.start: read.startNs = try field.number()
            case Tag.received: read.bytesReceived = try field.number()
            case Tag.sent: read.bytesSent = try field.number()
            case Tag.flags: read.flags = LogFlags(rawValue: try field.number())
            // A newer build may know more of them.
            case Tag.details: read.details = LogDetails(rawValue: try field.number()) ?? .none
            case Tag.connectError: read.connectError = try field.number()
            case Tag.firstResponse: read.firstResponseNs = try field.number()
            case Tag.state: read.state = LogEntry.State(rawValue: try field.number() & LogEntry.State.known)
            case Tag.upstream: read.upstream = try AddressRecord.read(field)
            case Tag.upstreamLocal: read.upstreamLocal = try AddressRecord.read(field)
            case Tag.local: read.local = try AddressRecord.read(field)
            case Tag.attempts: read.attempts = try field.number()
            case Tag.value:
                let content = try field.content()
                texts += content.count
                guard texts <= largestTexts else { throw RecordError("a log with \(texts) bytes of texts") }
                try readValue(content, into: &read.values, logs)
            default: break
            }
        }
        entry?.pointee = read
    }

    private static func readValue(
        _ bytes: RecordBytes, into values: inout LogValues, _ logs: ListenerLogs?
    ) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { return }
        var kind: UInt8 = 0
        var name = RecordBytes()
        var text = RecordBytes()
        while let field = try reader.field() {
            switch field.number {
            case Tag.kind: kind = try field.number()
            case Tag.name: name = try field.content()
            case Tag.text: text = try field.content()
            default: break
            }
        }
        guard let logs else { return }
        let position = logs.position(kind, UnsafeBufferPointer(start: name.start, count: name.count))
        if position >= 0 { values.set(position, text.start ?? Bytes("").start, text.count) }
    }
}
