/// What `/runtime_modify` has set: the state record "runtime".
struct RuntimeRecord: Equatable {
    struct Override: Equatable {
        var key: String
        var value: String
    }
    static let name = "runtime"
    /// Sorted by key.
    var overrides: [Override] = []

    private enum Tag {
        static let override: UInt32 = 1, key: UInt32 = 1, value: UInt32 = 2
    }

    init(overrides: [Override]) { self.overrides = overrides }

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 1024)
        for override in overrides {
            let start = out.begin(Tag.override)
            out.text(Tag.key, override.key)
            out.text(Tag.value, override.value)
            out.end(start)
        }
        return Array(out.bytes)
    }

    init(_ bytes: [UInt8]) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<[Override], RecordError> in
            guard let base = buffer.baseAddress else { return .success([]) }
            do throws(RecordError) {
                var overrides: [Override] = []
                var reader = RecordReader(base, buffer.count)
                while let field = try reader.field() {
                    if field.number == Tag.override { overrides.append(try Self.override(field)) }
                }
                return .success(overrides)
            } catch {
                return .failure(error)
            }
        }
        overrides = try result.get()
    }

    private static func override(_ field: RecordReader.Field) throws(RecordError) -> Override {
        var override = Override(key: "", value: "")
        guard var reader = RecordReader(try field.content()) else { return override }
        while let field = try reader.field() {
            switch field.number {
            case Tag.key: override.key = try field.text()
            case Tag.value: override.value = try field.text()
            default: break
            }
        }
        return override
    }
}
