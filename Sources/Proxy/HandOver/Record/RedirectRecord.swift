import ProxyConfig

/// The policy by which answers of a route are followed: see `RedirectPolicy` in docs/hand-over.md. Each request with such a route
/// carries it in this form, so that it goes on as it began whatever the new configuration says; it is read when an answer sends the
/// request elsewhere, which is rare.
struct RedirectPolicyRecord {
    var policy = InternalRedirectPolicy()
    /// Of the route that has it.
    var routeName: [UInt8] = []

    private enum Tag {
        static let most: UInt32 = 1, statuses: UInt32 = 2, crossesSchemes: UInt32 = 3, previousRoutes: UInt32 = 4
        static let safeCrossScheme: UInt32 = 5, allowList: UInt32 = 6, copiedHeaders: UInt32 = 7, routeName: UInt32 = 8
    }

    static func write(_ policy: InternalRedirectPolicy, routeName: String, into out: inout RecordWriter) {
        out.number(Tag.most, UInt64(policy.most))
        for status in policy.statuses { out.number(Tag.statuses, UInt64(status)) }
        out.number(Tag.crossesSchemes, policy.crossesSchemes ? 1 : 0)
        for predicate in policy.predicates {
            switch predicate {
            case .previousRoutes: out.number(Tag.previousRoutes, 1)
            case .safeCrossScheme: out.number(Tag.safeCrossScheme, 1)
            case .allowListed(let names):
                let list = out.begin(Tag.allowList)
                for name in names { out.text(1, name) }
                out.end(list)
            }
        }
        for name in policy.copiedHeaders { out.text(Tag.copiedHeaders, name) }
        out.text(Tag.routeName, routeName)
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        policy.most = 0
        policy.statuses = []
        guard var reader = RecordReader(bytes) else { return }
        while let field = try reader.field() {
            switch field.number {
            case Tag.most: policy.most = try field.number()
            case Tag.statuses: policy.statuses.append(try field.number())
            case Tag.crossesSchemes: policy.crossesSchemes = try field.number(as: UInt8.self) != 0
            case Tag.previousRoutes: policy.predicates.append(.previousRoutes)
            case Tag.safeCrossScheme: policy.predicates.append(.safeCrossScheme)
            case Tag.allowList:
                var names: [String] = []
                if var list = RecordReader(try field.content()) {
                    while let name = try list.field() { if name.number == 1 { names.append(try name.text()) } }
                }
                policy.predicates.append(.allowListed(names))
            case Tag.copiedHeaders: policy.copiedHeaders.append(try Self.headerName(field))
            case Tag.routeName:
                let name = try field.content()
                routeName = Array(UnsafeBufferPointer(start: name.start, count: name.count))
            default: break
            }
        }
    }

    /// It becomes a part of a head as it is.
    private static func headerName(_ field: RecordReader.Field) throws(RecordError) -> String {
        let name = try field.text()
        guard !name.isEmpty, name.utf8.allSatisfy({ ASCII.tables.isToken($0) && ASCII.lower($0) == $0 }) else {
            throw RecordError("the name of a header that is none")
        }
        return name
    }
}

/// What a request carries whose answers are followed: see `Redirects` in docs/hand-over.md.
struct RedirectRecord: BitwiseCopyable {
    /// `RedirectPolicyRecord`.
    var policy = RecordBytes()
    var count: UInt32 = 0
    var previous = RecordBytes()

    private enum Tag {
        static let policy: UInt32 = 1, count: UInt32 = 2, previous: UInt32 = 3
    }

    static func write(_ r: RedirectState, _ tag: UInt32, into out: inout RecordWriter) {
        let record = out.begin(tag)
        let policy = r.policy
        out.blob(Tag.policy, policy.start, policy.count)
        out.number(Tag.count, UInt64(r.count))
        if !r.previous.isEmpty { out.blob(Tag.previous, r.previous.bytes, r.previous.count) }
        out.end(record)
    }

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { return }
        while let field = try reader.field() {
            switch field.number {
            case Tag.policy:
                policy = try field.content()
                _ = try RedirectPolicyRecord(policy)
            case Tag.count: count = try field.number()
            case Tag.previous: previous = try field.content()
            default: break
            }
        }
    }
}
