/// How a connection is called whose descriptor goes ahead of its record: its worker, slot and generation, so that another
/// connection in the same slot has another name. Never 0.
enum AheadID {
    static func make(_ worker: Int, _ slot: Int32, _ generation: UInt32) -> UInt64 {
        UInt64(worker + 1) << 52 | UInt64(UInt32(bitPattern: slot) & 0xF_FFFF) << 32 | UInt64(generation)
    }

    /// The worker that has it.
    static func worker(_ id: UInt64) -> Int { Int(id >> 52) - 1 }
}

/// What stands beside descriptors that go ahead: how each is called, in their order, and the records of those connections
/// that rest. Such a record holds unless the transaction brings another one.
struct AheadRecord: Equatable {
    /// A listener that records of this message refer to.
    struct Listener: Equatable {
        /// As in the parent's transaction.
        var position: Int32
        var name: String
    }
    /// A record: where it lies in the message.
    struct Early: Equatable {
        var id: UInt64 = 0
        var start = 0
        var count = 0
    }
    /// Workers of the parent.
    var workers: UInt32 = 0
    var ids: [UInt64] = []
    var listeners: [Listener] = []
    var early: [Early] = []

    enum Tag {
        static let workers: UInt32 = 1, id: UInt32 = 2, listener: UInt32 = 3, early: UInt32 = 4
        static let position: UInt32 = 1, name: UInt32 = 2
        static let earlyID: UInt32 = 1, record: UInt32 = 2
    }

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws(RecordError) {
        guard let base = bytes.baseAddress else { return }
        var reader = RecordReader(base, bytes.count)
        while let field = try reader.field() {
            switch field.number {
            case Tag.workers: workers = try field.number()
            case Tag.id: ids.append(try field.number())
            case Tag.listener: listeners.append(try Self.listener(field))
            case Tag.early: early.append(try Self.early(field, base))
            default: break
            }
        }
    }

    private static func listener(_ field: RecordReader.Field) throws(RecordError) -> Listener {
        var listener = Listener(position: -1, name: "")
        guard var reader = RecordReader(try field.content()) else { return listener }
        while let field = try reader.field() {
            switch field.number {
            case Tag.position: listener.position = try ConnectionRecord.position(field)
            case Tag.name: listener.name = try field.text()
            default: break
            }
        }
        return listener
    }

    private static func early(_ field: RecordReader.Field, _ base: UnsafePointer<UInt8>) throws(RecordError) -> Early {
        var early = Early()
        guard var reader = RecordReader(try field.content()) else { return early }
        while let field = try reader.field() {
            switch field.number {
            case Tag.earlyID: early.id = try field.number()
            case Tag.record:
                let content = try field.content()
                guard let start = content.start else { continue }
                early.start = start - base
                early.count = content.count
            default: break
            }
        }
        return early
    }
}
