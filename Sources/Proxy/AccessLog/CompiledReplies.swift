import ProxyConfig

/// `local_reply_config`, compiled: plain data that lives as long as the process. Filters and formats are those of access logs,
/// and take their values from the same entry.
struct CompiledReplies: BitwiseCopyable {
    struct Format: BitwiseCopyable {
        let program: UnsafePointer<LogProgram>
        let contentType: Bytes

        init(_ format: ReplyFormat, names: inout LogNames) {
            program = CompiledReplies.keep(LogProgram(format.format, names: &names))
            contentType = Bytes(keeping: format.contentType)
        }
    }
    struct Header: BitwiseCopyable {
        let action: HeaderAction
        let name: Bytes
        let keepsEmpty: Bool
        let value: UnsafePointer<LogProgram>

        init(_ addition: HeaderAddition, names: inout LogNames) {
            action = CompiledChanges.action(addition, isRequest: false)
            name = Bytes(keeping: addition.name)
            keepsEmpty = addition.keepsEmpty
            value = CompiledReplies.keep(LogProgram(LogFormat(.text(addition.value), omitsEmpty: true), names: &names))
        }
    }
    struct Mapper: BitwiseCopyable {
        let filter: LogFilterNode
        /// 0: it stays.
        let status: UInt16
        /// Nil: it stays.
        let body: Bytes?
        /// Nil: that of all.
        let format: Format?
        let headers: UnsafePointer<Header>
        let headerCount: Int

        init(_ mapper: ReplyMapper, names: inout LogNames) {
            filter = LogFilterNode(mapper.filter, names: &names)
            status = mapper.status ?? 0
            body = mapper.body.map { Bytes(keeping: $0) }
            format = mapper.format.map { Format($0, names: &names) }
            var headers = mapper.added.map { Header($0, names: &names) }
            // As in Envoy, see `CompiledChanges`.
            headers = headers.filter(\.action.overwrites) + headers.filter { !$0.action.overwrites }
            (self.headers, headerCount) = CompiledReplies.keep(headers)
        }
    }

    private let mappers: UnsafePointer<Mapper>
    private let count: Int
    /// Nil: the body stays as it is.
    let format: Format?

    init(_ config: LocalReplyConfig, names: inout LogNames) {
        (mappers, count) = Self.keep(config.mappers.map { Mapper($0, names: &names) })
        format = config.format.map { Format($0, names: &names) }
    }

    /// The mapper that is for an answer: the first that is.
    func mapper(_ entry: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) -> UnsafePointer<Mapper>? {
        for i in 0..<count where mappers[i].filter.passes(entry, facts) { return mappers + i }
        return nil
    }

    private static func keep<Part: BitwiseCopyable>(_ part: Part) -> UnsafePointer<Part> { keep([part]).0 }

    private static func keep<Part: BitwiseCopyable>(_ parts: [Part]) -> (UnsafePointer<Part>, Int) {
        let memory = UnsafeMutablePointer<Part>.kept(capacity: max(parts.count, 1))
        memory.initialize(from: parts, count: parts.count)
        return (UnsafePointer(memory), parts.count)
    }
}
