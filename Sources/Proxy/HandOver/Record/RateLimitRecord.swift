/// What is left of a local rate limit, on its way to the next process: see `Transaction` in docs/hand-over.md.
struct RateLimitRecord: Equatable {
    /// Says which listener, filter and route it belongs to.
    var name: String
    /// `TokenBucket.word`.
    var word: UInt64

    private enum Tag {
        static let name: UInt32 = 1, word: UInt32 = 2
    }

    func write(_ tag: UInt32, into out: inout RecordWriter) {
        let start = out.begin(tag)
        out.text(Tag.name, name)
        out.number(Tag.word, word)
        out.end(start)
    }

    init(name: String, word: UInt64) {
        self.name = name
        self.word = word
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        (name, word) = ("", 0)
        guard var reader = RecordReader(bytes) else { return }
        while let field = try reader.field() {
            switch field.number {
            case Tag.name: name = try field.text()
            case Tag.word: word = try field.number()
            default: break
            }
        }
    }
}
