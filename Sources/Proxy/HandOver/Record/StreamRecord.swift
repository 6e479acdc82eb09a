import CLinux

/// A request in flight, on its way: see `Stream` in docs/hand-over.md.
struct StreamRecord: BitwiseCopyable {
    /// `Stream.Flags`.
    var flags: UInt32 = 0
    var method: UInt8 = 0
    var status: UInt16 = 0
    /// Position of the cluster's name in the transaction's table, -1: none.
    var cluster: Int32 = -1
    var host = cl_address()
    var startNs: UInt64 = 0
    var requestEndNs: UInt64 = 0
    var timeoutNs: UInt64 = 0
    var idleTimeoutNs: UInt64 = 0
    var lastActivityNs: UInt64 = 0
    var endNs: UInt64 = 0
    var upstreamEndNs: UInt64 = 0
    var buffer = RecordBytes()
    /// `Log`; empty: none came.
    var log = RecordBytes()
    /// Of a route that retries.
    var retry: RetryState?
    /// `RetryState.headerNames`; there only if `retry` is.
    var retryNames = RecordBytes()
    /// `KeptChanges`; empty: none.
    var changes = RecordBytes()
    /// What its answer gives the client for cookies.
    var cookies = RecordBytes()
    /// Of one whose answers are followed; there if flag 27 is.
    var redirect: RedirectRecord?
    /// What it keeps of filters; there if flag 22 is.
    var filter: FilterRecord?

    /// By what it is counted beside its cluster.
    var virtualCluster: RequestClassRecord?
    var routeClass: RequestClassRecord?

    /// Whether it waits for a filter: it has no cluster yet.
    var isHeld: Bool { filter.map { $0.untilNs > 0 } ?? false }

    private enum Tag {
        static let flags: UInt32 = 1, method: UInt32 = 2, status: UInt32 = 3, cluster: UInt32 = 4, host: UInt32 = 5
        static let start: UInt32 = 6, requestEnd: UInt32 = 7, timeout: UInt32 = 8, idleTimeout: UInt32 = 9
        static let lastActivity: UInt32 = 10, buffer: UInt32 = 11
        // 12 and 13 are below.
        static let changes: UInt32 = 14
    }

    /// The log's record stands behind all others.
    static let logTag: UInt32 = 12
    /// As does what it is to be sent again with.
    static let retryTag: UInt32 = 13
    static let cookiesTag: UInt32 = 15
    static let filterTag: UInt32 = 16
    static let redirectTag: UInt32 = 17
    private static let endTag: UInt32 = 18, upstreamEndTag: UInt32 = 19
    static let virtualClusterTag: UInt32 = 20, routeClassTag: UInt32 = 21

    static func write(
        _ s: StreamPointer, cluster: Int32, host: UnsafePointer<cl_address>?, into out: inout RecordWriter
    ) {
        out.number(Tag.flags, UInt64(s.pointee.flags.rawValue & Stream.Flags.known))
        out.number(Tag.method, UInt64(s.pointee.method.rawValue))
        out.number(Tag.status, UInt64(s.pointee.status))
        if cluster >= 0 { out.number(Tag.cluster, UInt64(cluster) + 1) }
        if let host { AddressRecord.write(host, Tag.host, into: &out) }
        out.number(Tag.start, s.pointee.startNs)
        out.number(Tag.requestEnd, s.pointee.requestEndNs)
        out.number(Tag.timeout, s.pointee.timeoutNs)
        out.number(Tag.idleTimeout, s.pointee.idleTimeoutNs)
        out.number(Tag.lastActivity, s.pointee.lastActivityNs)
        out.number(Self.endTag, s.pointee.endNs)
        out.number(Self.upstreamEndTag, s.pointee.upstreamEndNs)
        if !s.pointee.changes.isEmpty { out.blob(Tag.changes, s.pointee.changes.bytes, s.pointee.changes.count) }
        if !s.pointee.buffer.isEmpty { out.blob(Tag.buffer, s.pointee.buffer.bytes, s.pointee.buffer.count) }
    }

    init() {}

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { throw RecordError("a request without fields") }
        while let field = try reader.field() {
            switch field.number {
            case Tag.flags: flags = try field.number()
            case Tag.method: method = try field.number()
            case Tag.status: status = try field.number()
            case Tag.cluster: cluster = try ConnectionRecord.position(field)
            case Tag.host: host = try AddressRecord.read(field)
            case Tag.start: startNs = try field.number()
            case Tag.requestEnd: requestEndNs = try field.number()
            case Tag.timeout: timeoutNs = try field.number()
            case Tag.idleTimeout: idleTimeoutNs = try field.number()
            case Tag.lastActivity: lastActivityNs = try field.number()
            case Tag.buffer: buffer = try field.content()
            case Tag.changes:
                changes = try field.content()
                if let start = changes.start, !KeptChanges(start, changes.count).areSound {
                    throw RecordError("changes of headers that are none")
                }
            case Self.logTag:
                log = try field.content()
                try LogRecord.read(log, into: nil, nil)
            case Self.retryTag:
                let content = try field.content()
                retry = try RetryRecord.read(content)
                retryNames = try RetryRecord.names(content)
            case Self.cookiesTag: cookies = try field.content()
            case Self.filterTag: filter = try FilterRecord(try field.content())
            case Self.endTag: endNs = try field.number()
            case Self.upstreamEndTag: upstreamEndNs = try field.number()
            case Self.virtualClusterTag: virtualCluster = try RequestClassRecord(try field.content())
            case Self.routeClassTag: routeClass = try RequestClassRecord(try field.content())
            case Self.redirectTag: redirect = try RedirectRecord(try field.content())
            default: break
            }
        }
    }
}
