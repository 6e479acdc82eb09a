/// How a connection is called whose descriptor goes ahead of its record: its worker, slot and generation, so that another
/// connection in the same slot has another name. Never 0.
enum AheadID {
    static func make(_ worker: Int, _ slot: Int32, _ generation: UInt32) -> UInt64 {
        UInt64(worker + 1) << 52 | UInt64(UInt32(bitPattern: slot) & 0xF_FFFF) << 32 | UInt64(generation)
    }

    /// The worker that has it.
    static func worker(_ id: UInt64) -> Int { Int(id >> 52) - 1 }
}

/// What stands beside descriptors that go ahead: how each is called, in their order.
struct AheadRecord: Equatable {
    /// Workers of the parent.
    var workers: UInt32 = 0
    var ids: [UInt64] = []

    private enum Tag {
        static let workers: UInt32 = 1, id: UInt32 = 2
    }

    init(workers: UInt32) { self.workers = workers }

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 4096)
        out.number(Tag.workers, UInt64(workers))
        for id in ids { out.number(Tag.id, id) }
        return Array(out.bytes)
    }

    init(_ bytes: [UInt8]) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<AheadRecord, RecordError> in
            var record = AheadRecord(workers: 0)
            guard let base = buffer.baseAddress else { return .success(record) }
            do throws(RecordError) {
                var reader = RecordReader(base, buffer.count)
                while let field = try reader.field() {
                    switch field.number {
                    case Tag.workers: record.workers = try field.number()
                    case Tag.id: record.ids.append(try field.number())
                    default: break
                    }
                }
                return .success(record)
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }
}
