/// Field tags, by message. They are never given a second meaning.
private enum Tag {
    enum Hello {
        static let version: UInt16 = 1, epochWanted: UInt16 = 2, pid: UInt16 = 3, freeDescriptors: UInt16 = 4
        static let capabilities: UInt16 = 5, baseID: UInt16 = 6, generation: UInt16 = 7
    }
    enum Welcome {
        static let epoch: UInt16 = 1, pid: UInt16 = 2, version: UInt16 = 3, hotRestartGeneration: UInt16 = 4
        static let startTimeNs: UInt16 = 5, capabilities: UInt16 = 6
    }
    /// REFUSE and ABORT.
    static let reason: UInt16 = 1
    /// REQUEST.
    static let parts: UInt16 = 1
    /// LISTENERS and STATE: the records and the end of the list.
    static let record: UInt16 = 1, last: UInt16 = 2
    enum Listener {
        static let kind: UInt16 = 1, name: UInt16 = 2, address: UInt16 = 3, worker: UInt16 = 4, flags: UInt16 = 5
    }
    enum State {
        static let name: UInt16 = 1, bytes: UInt16 = 2, continues: UInt16 = 3
    }
    enum Done {
        static let moved: UInt16 = 1, kept: UInt16 = 2, text: UInt16 = 3, busy: UInt16 = 4, upstream: UInt16 = 5
        static let stall: UInt16 = 6, duration: UInt16 = 7
    }
    /// RELEASE.
    static let name: UInt16 = 1
}

extension MessageCodec {
    static func encodeBody(_ message: Message, into body: inout FieldWriter) {
        switch message {
        case .hello(let hello):
            body.text(Tag.Hello.version, hello.version)
            if let epoch = hello.epochWanted { body.number(Tag.Hello.epochWanted, epoch) }
            body.number(Tag.Hello.pid, hello.pid)
            body.number(Tag.Hello.freeDescriptors, hello.freeDescriptors)
            body.number(Tag.Hello.capabilities, hello.capabilities.rawValue)
            body.number(Tag.Hello.baseID, hello.baseID)
            body.number(Tag.Hello.generation, hello.generation)
        case .welcome(let welcome):
            body.number(Tag.Welcome.epoch, welcome.epoch)
            body.number(Tag.Welcome.pid, welcome.pid)
            body.text(Tag.Welcome.version, welcome.version)
            body.number(Tag.Welcome.hotRestartGeneration, welcome.hotRestartGeneration)
            body.number(Tag.Welcome.startTimeNs, welcome.startTimeNs)
            body.number(Tag.Welcome.capabilities, welcome.capabilities.rawValue)
        case .refuse(let reason), .abort(let reason):
            body.text(Tag.reason, reason)
        case .request(let parts):
            body.number(Tag.parts, parts.rawValue)
        case .listeners(let part):
            for record in part.records { body.record(Tag.record) { write(record, into: &$0) } }
            if part.isLast { body.number(Tag.last, 1) }
        case .state(let part):
            for piece in part.pieces { body.record(Tag.record) { write(piece, into: &$0) } }
            if part.isLast { body.number(Tag.last, 1) }
        case .ahead(let bytes): write(bytes: bytes, isLast: false, into: &body)
        case .connections(let part): write(bytes: part.bytes, isLast: part.isLast, into: &body)
        case .prepared(let part): write(bytes: part.bytes, isLast: part.isLast, into: &body)
        case .done(let report):
            body.number(Tag.Done.moved, report.moved)
            body.number(Tag.Done.kept, report.kept)
            body.text(Tag.Done.text, report.text)
            body.number(Tag.Done.busy, report.busy)
            body.number(Tag.Done.upstream, report.upstream)
            body.number(Tag.Done.stall, report.stallNs)
            body.number(Tag.Done.duration, report.durationNs)
        case .release(let names):
            for name in names { body.text(Tag.name, name) }
        case .ready, .commit, .committed, .bye, .released, .terminate, .adminRelease, .adminReleased, .ignored:
            break
        }
    }

    static func write(_ record: ListenerRecord, into out: inout FieldWriter) {
        out.number(Tag.Listener.kind, UInt64(record.kind.rawValue))
        out.text(Tag.Listener.name, record.name)
        out.text(Tag.Listener.address, record.address)
        if let worker = record.worker { out.number(Tag.Listener.worker, UInt64(worker)) }
        if record.flags != 0 { out.number(Tag.Listener.flags, UInt64(record.flags)) }
    }

    static func write(_ piece: StatePart.Piece, into out: inout FieldWriter) {
        out.text(Tag.State.name, piece.name)
        out.blob(Tag.State.bytes, piece.bytes)
        if piece.continues { out.number(Tag.State.continues, 1) }
    }

    /// The message, or nil for a type this version does not know.
    static func decodeBody(_ type: MessageType, _ body: ArraySlice<UInt8>) throws(MessageError) -> Message? {
        switch type {
        case .hello: return .hello(try readHello(body))
        case .welcome: return .welcome(try readWelcome(body))
        case .refuse: return .refuse(reason: try readReason(body))
        case .abort: return .abort(reason: try readReason(body))
        case .request: return .request(try readRequest(body))
        case .listeners: return .listeners(try readListeners(body))
        case .state: return .state(try readState(body))
        case .done: return .done(try readDone(body))
        case .release: return .release(names: try readNames(body))
        case .ahead: return .ahead(bytes: try readBytes(type, body).bytes)
        case .connections:
            let part = try readBytes(type, body)
            return .connections(ConnectionsPart(bytes: part.bytes, isLast: part.isLast))
        case .prepared:
            let part = try readBytes(type, body)
            return .prepared(PreparedPart(bytes: part.bytes, isLast: part.isLast))
        case .ready: return try plain(.ready, body)
        case .commit: return try plain(.commit, body)
        case .committed: return try plain(.committed, body)
        case .bye: return try plain(.bye, body)
        case .released: return try plain(.released, body)
        case .terminate: return try plain(.terminate, body)
        case .adminRelease: return try plain(.adminRelease, body)
        case .adminReleased: return try plain(.adminReleased, body)
        default: return nil
        }
    }

    /// A message without fields of its own; a newer peer's fields are walked over, so that broken ones are seen.
    private static func plain(_ message: Message, _ body: ArraySlice<UInt8>) throws(MessageError) -> Message {
        var fields = FieldReader(body)
        while try fields.next() != nil {}
        return message
    }

    private static func required<T>(_ value: T?, _ type: MessageType, _ tag: UInt16) throws(MessageError) -> T {
        guard let value else { throw .missingField(type: type.rawValue, tag: tag) }
        return value
    }

    private static func readHello(_ body: ArraySlice<UInt8>) throws(MessageError) -> Hello {
        var version: String?
        var pid: UInt64?
        var baseID: UInt64?
        var hello = Hello(version: "", pid: 0, freeDescriptors: 0, baseID: 0)
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.Hello.version: version = try field.text()
            case Tag.Hello.epochWanted: hello.epochWanted = try field.number()
            case Tag.Hello.pid: pid = try field.number()
            case Tag.Hello.freeDescriptors: hello.freeDescriptors = try field.number()
            case Tag.Hello.capabilities: hello.capabilities = Capabilities(rawValue: try field.number())
            case Tag.Hello.baseID: baseID = try field.number()
            case Tag.Hello.generation: hello.generation = try field.number()
            default: break
            }
        }
        hello.version = try required(version, .hello, Tag.Hello.version)
        hello.pid = try required(pid, .hello, Tag.Hello.pid)
        hello.baseID = try required(baseID, .hello, Tag.Hello.baseID)
        return hello
    }

    private static func readWelcome(_ body: ArraySlice<UInt8>) throws(MessageError) -> Welcome {
        var epoch: UInt64?
        var pid: UInt64?
        var version: String?
        var welcome = Welcome(epoch: 0, pid: 0, version: "", hotRestartGeneration: 0, startTimeNs: 0)
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.Welcome.epoch: epoch = try field.number()
            case Tag.Welcome.pid: pid = try field.number()
            case Tag.Welcome.version: version = try field.text()
            case Tag.Welcome.hotRestartGeneration: welcome.hotRestartGeneration = try field.number()
            case Tag.Welcome.startTimeNs: welcome.startTimeNs = try field.number()
            case Tag.Welcome.capabilities: welcome.capabilities = Capabilities(rawValue: try field.number())
            default: break
            }
        }
        welcome.epoch = try required(epoch, .welcome, Tag.Welcome.epoch)
        welcome.pid = try required(pid, .welcome, Tag.Welcome.pid)
        welcome.version = try required(version, .welcome, Tag.Welcome.version)
        return welcome
    }

    private static func readReason(_ body: ArraySlice<UInt8>) throws(MessageError) -> String {
        var reason = ""
        var fields = FieldReader(body)
        while let field = try fields.next() {
            if field.tag == Tag.reason { reason = try field.text() }
        }
        return reason
    }

    private static func readRequest(_ body: ArraySlice<UInt8>) throws(MessageError) -> RequestedParts {
        var parts: UInt64?
        var fields = FieldReader(body)
        while let field = try fields.next() {
            if field.tag == Tag.parts { parts = try field.number() }
        }
        return RequestedParts(rawValue: try required(parts, .request, Tag.parts))
    }

    private static func readListeners(_ body: ArraySlice<UInt8>) throws(MessageError) -> ListenersPart {
        var part = ListenersPart(records: [], isLast: false)
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.record: part.records.append(try readListener(field.value))
            case Tag.last: part.isLast = try field.number() != 0
            default: break
            }
        }
        return part
    }

    private static func readListener(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> ListenerRecord {
        var name: String?
        var address: String?
        var record = ListenerRecord(name: "", address: "")
        var fields = FieldReader(bytes)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.Listener.kind: record.kind = ListenerRecord.Kind(rawValue: try field.number(as: UInt16.self))
            case Tag.Listener.name: name = try field.text()
            case Tag.Listener.address: address = try field.text()
            case Tag.Listener.worker: record.worker = try field.number(as: UInt32.self)
            case Tag.Listener.flags: record.flags = try field.number(as: UInt32.self)
            default: break
            }
        }
        record.name = try required(name, .listeners, Tag.Listener.name)
        record.address = try required(address, .listeners, Tag.Listener.address)
        return record
    }

    private static func readState(_ body: ArraySlice<UInt8>) throws(MessageError) -> StatePart {
        var part = StatePart(pieces: [], isLast: false)
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.record: part.pieces.append(try readPiece(field.value))
            case Tag.last: part.isLast = try field.number() != 0
            default: break
            }
        }
        return part
    }

    private static func readPiece(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> StatePart.Piece {
        var name: String?
        var piece = StatePart.Piece(name: "", bytes: [], continues: false)
        var fields = FieldReader(bytes)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.State.name: name = try field.text()
            case Tag.State.bytes: piece.bytes = Array(field.value)
            case Tag.State.continues: piece.continues = try field.number() != 0
            default: break
            }
        }
        piece.name = try required(name, .state, Tag.State.name)
        return piece
    }

    private static func readDone(_ body: ArraySlice<UInt8>) throws(MessageError) -> HandOverReport {
        var report = HandOverReport(moved: 0, kept: 0)
        var fields = FieldReader(body)
        while let field = try fields.next() {
            switch field.tag {
            case Tag.Done.moved: report.moved = try field.number()
            case Tag.Done.kept: report.kept = try field.number()
            case Tag.Done.text: report.text = try field.text()
            case Tag.Done.busy: report.busy = try field.number()
            case Tag.Done.upstream: report.upstream = try field.number()
            case Tag.Done.stall: report.stallNs = try field.number()
            case Tag.Done.duration: report.durationNs = try field.number()
            default: break
            }
        }
        return report
    }

    private static func readNames(_ body: ArraySlice<UInt8>) throws(MessageError) -> [String] {
        var names: [String] = []
        var fields = FieldReader(body)
        while let field = try fields.next() {
            if field.tag == Tag.name { names.append(try field.text()) }
        }
        return names
    }
}
