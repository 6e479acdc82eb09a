import StatCatalog

/// By what a request is counted beside its cluster, on its way: see `RequestClass` in docs/hand-over.md.
struct RequestClassRecord: BitwiseCopyable {
    /// Names, as the configuration has them.
    var host = RecordBytes()
    var name = RecordBytes()

    private enum Tag {
        static let host: UInt32 = 1, name: UInt32 = 2
    }

    static func write(_ one: RequestClass, _ tag: UInt32, into out: inout RecordWriter) {
        let start = out.begin(tag)
        out.text(Tag.host, one.host)
        out.text(Tag.name, one.name)
        out.end(start)
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { return }
        while let field = try reader.field() {
            switch field.number {
            case Tag.host: host = try field.content()
            case Tag.name: name = try field.content()
            default: break
            }
        }
    }

    /// Nil: names that no configuration has.
    func value(_ kind: RequestClassScope.Kind) -> RequestClass? {
        guard let host = host.text, let name = name.text, !host.isEmpty, !name.isEmpty else { return nil }
        guard max(host.utf8.count, name.utf8.count) <= Self.longest else { return nil }
        return RequestClass(kind: kind, host: host, name: name)
    }

    private static let longest = 1024
}
