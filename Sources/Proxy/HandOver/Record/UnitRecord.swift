/// What moves as a whole: a client's connection with the request in flight and the upstream connection that serves it,
/// both ends of a tunnel, or an upstream connection on its own. Its descriptors travel in this order: downstream,
/// upstream.
struct UnitRecord: BitwiseCopyable {
    /// How the parent calls it, from 0; the answer names it so.
    var ordinal: UInt64 = 0
    /// The worker that had it.
    var worker: UInt32 = 0
    /// How the descriptors were called that came ahead; 0: they come with the transaction.
    var downstreamAhead: UInt64 = 0
    var upstreamAhead: UInt64 = 0
    /// Connections that came ahead as a whole and have not changed since: how they were called, eight bytes each. They have
    /// the ordinals from this one's on, and nothing else is said of them.
    var unchanged = RecordBytes()
    /// What a reader must understand to serve it: with bits that it does not know, it stays with the parent.
    var needs: UInt64 = 0
    // Not looked into yet: whatever they say, each has its descriptor.
    private var downstreamBytes: RecordBytes?
    private var upstreamBytes: RecordBytes?
    private var streamBytes: RecordBytes?

    enum Tag {
        static let ordinal: UInt32 = 1, downstream: UInt32 = 2, upstream: UInt32 = 3, stream: UInt32 = 4
        static let worker: UInt32 = 5, needs: UInt32 = 6
        static let downstreamAhead: UInt32 = 7, upstreamAhead: UInt32 = 8, unchanged: UInt32 = 9
    }

    var hasDownstream: Bool { downstreamBytes != nil }
    var hasUpstream: Bool { upstreamBytes != nil }
    var hasStream: Bool { streamBytes != nil }
    /// Descriptors that come with the transaction.
    var descriptorCount: Int {
        (hasDownstream && downstreamAhead == 0 ? 1 : 0) + (hasUpstream && upstreamAhead == 0 ? 1 : 0)
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { throw RecordError("a unit without fields") }
        while let field = try reader.field() {
            switch field.number {
            case Tag.ordinal: ordinal = try field.number()
            case Tag.downstream: downstreamBytes = try field.content()
            case Tag.upstream: upstreamBytes = try field.content()
            case Tag.stream: streamBytes = try field.content()
            case Tag.worker: worker = try field.number()
            case Tag.needs: needs = try field.number()
            case Tag.downstreamAhead: downstreamAhead = try field.number()
            case Tag.upstreamAhead: upstreamAhead = try field.number()
            case Tag.unchanged: unchanged = try field.content()
            default: break
            }
        }
    }

    /// The records within it; an error means that this unit is left with the parent.
    func downstream() throws(RecordError) -> ConnectionRecord? {
        guard let downstreamBytes else { return nil }
        return try ConnectionRecord(downstreamBytes)
    }

    func upstream() throws(RecordError) -> ConnectionRecord? {
        guard let upstreamBytes else { return nil }
        return try ConnectionRecord(upstreamBytes)
    }

    func stream() throws(RecordError) -> StreamRecord? {
        guard let streamBytes else { return nil }
        return try StreamRecord(streamBytes)
    }
}
