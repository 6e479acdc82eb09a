/// What a request keeps of filters, on its way: see `Filters` in docs/hand-over.md. Its head is the `buffer` of its stream.
struct FilterRecord: BitwiseCopyable {
    var untilNs: UInt64 = 0
    /// Of the filter for which it waits.
    var name = RecordBytes()
    var hasFault = false
    var passedChanges: UInt32 = 0
    var bodyStart: UInt32 = 0
    var mostBody: UInt64 = 0

    private enum Tag {
        static let until: UInt32 = 1, name: UInt32 = 2, hasFault: UInt32 = 3, passedChanges: UInt32 = 4
        static let bodyStart: UInt32 = 5, mostBody: UInt32 = 6
    }

    static func write(_ f: FilterState, name: Bytes, _ tag: UInt32, into out: inout RecordWriter) {
        let record = out.begin(tag)
        out.number(Tag.until, f.untilNs)
        out.blob(Tag.name, name.start, name.count)
        out.number(Tag.hasFault, f.hasFault ? 1 : 0)
        out.number(Tag.passedChanges, UInt64(f.passedChanges))
        if f.bodyStart > 0 { out.number(Tag.bodyStart, UInt64(f.bodyStart)) }
        if f.mostBody > 0 { out.number(Tag.mostBody, f.mostBody) }
        out.end(record)
    }

    init() {}

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { return }
        while let field = try reader.field() {
            switch field.number {
            case Tag.until: untilNs = try field.number()
            case Tag.name: name = try field.content()
            case Tag.hasFault: hasFault = try field.number(as: UInt8.self) != 0
            case Tag.passedChanges: passedChanges = try field.number()
            case Tag.bodyStart: bodyStart = try field.number()
            case Tag.mostBody: mostBody = try field.number()
            default: break
            }
        }
    }
}
