/// Whether the process fails health checks on purpose: the state record "health".
struct HealthRecord: Equatable {
    static let name = "health"
    var failed = false

    private enum Tag {
        static let failed: UInt32 = 1
    }

    init(failed: Bool) { self.failed = failed }

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 64)
        out.number(Tag.failed, failed ? 1 : 0)
        return Array(out.bytes)
    }

    init(_ bytes: [UInt8]) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<Bool, RecordError> in
            guard let base = buffer.baseAddress else { return .success(false) }
            var failed = false
            do throws(RecordError) {
                var reader = RecordReader(base, buffer.count)
                while let field = try reader.field() {
                    if field.number == Tag.failed { failed = try field.number(as: UInt8.self) != 0 }
                }
                return .success(failed)
            } catch {
                return .failure(error)
            }
        }
        failed = try result.get()
    }
}
