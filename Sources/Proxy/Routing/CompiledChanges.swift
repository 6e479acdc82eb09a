import ProxyConfig

/// What is done to a header. Raw values travel in hand-over records, so none is ever given a second meaning.
enum HeaderAction: UInt8, BitwiseCopyable {
    case remove = 0
    case append = 1
    /// As `append`, but a header that is there has the value added to its list.
    case join = 2
    case addIfAbsent = 3
    case overwriteOrAdd = 4
    case overwriteIfExists = 5

    var overwrites: Bool { self == .overwriteOrAdd || self == .overwriteIfExists }
}

/// What a route does to the headers of a message, one change after the other. Plain data that lives as long as the process.
struct CompiledChanges: BitwiseCopyable {
    struct Piece: BitwiseCopyable {
        enum Kind: UInt8, BitwiseCopyable { case literal, header, field }
        var kind: Kind
        /// The literal, or the header's name.
        var text = Bytes("")
        /// A header to take when that one is missing.
        var other: Bytes?
        var maxLength = Int.max
        var field = LogField.protocol
    }
    struct Change: BitwiseCopyable {
        var action: HeaderAction
        var name: Bytes
        var keepsEmpty = false
        /// The last one of its level.
        var endsLevel = false
        var pieces: UnsafeMutablePointer<Piece>
        var pieceCount = 0
    }
    let changes: UnsafeMutablePointer<Change>
    let count: Int

    /// - Parameters:
    ///   - levels: in the order in which they act.
    ///   - isRequest: which headers are lists differs, in Envoy.
    /// Nil when there is nothing to do.
    init?(_ levels: [HeaderChanges], isRequest: Bool) {
        var all: [Change] = []
        for level in levels where !level.isEmpty {
            for name in level.removed {
                all.append(Change(action: .remove, name: Bytes(keeping: name), pieces: .kept(capacity: 1)))
            }
            let added = level.added.map { Self.change($0, isRequest: isRequest) }
            // As in Envoy, whose lists of both are done one after the other.
            all += added.filter(\.action.overwrites) + added.filter { !$0.action.overwrites }
            all[all.count - 1].endsLevel = true
        }
        if all.isEmpty { return nil }
        count = all.count
        changes = .kept(capacity: count)
        changes.initialize(from: all, count: count)
    }

    private static func change(_ addition: HeaderAddition, isRequest: Bool) -> Change {
        let pieces = addition.value.compactMap { piece($0) }
        let memory = UnsafeMutablePointer<Piece>.kept(capacity: max(pieces.count, 1))
        memory.initialize(from: pieces, count: pieces.count)
        return Change(
            action: action(addition, isRequest: isRequest), name: Bytes(keeping: addition.name),
            keepsEmpty: addition.keepsEmpty, pieces: memory, pieceCount: pieces.count)
    }

    static func action(_ addition: HeaderAddition, isRequest: Bool) -> HeaderAction {
        switch addition.action {
        case .append: (isRequest ? requestLists : responseLists).contains(addition.name) ? .join : .append
        case .addIfAbsent: .addIfAbsent
        case .overwriteOrAdd: .overwriteOrAdd
        case .overwriteIfExists: .overwriteIfExists
        }
    }

    private static func piece(_ piece: LogPiece) -> Piece? {
        switch piece {
        case .literal(let text): Piece(kind: .literal, text: Bytes(keeping: text))
        case .request(let header, let length):
            Piece(
                kind: .header, text: Bytes(keeping: header.name), other: header.alternative.map { Bytes(keeping: $0) },
                maxLength: length ?? .max)
        case .field(let field): Piece(kind: .field, field: field)
        // Refused by the loader.
        case .response, .startTime: nil
        }
    }

    /// Envoy keeps these in one piece, so that a value that is added becomes one more of a list; found out from Envoy 1.40.
    private static let requestLists: Set<String> = [
        "accept", "accept-encoding", "access-control-request-headers", "access-control-request-method", "authorization",
        "cache-control", "content-encoding", "content-type", "grpc-accept-encoding", "grpc-timeout", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin", "pragma", "referer",
        "user-agent", "via", "x-client-trace-id", "x-envoy-attempt-count", "x-envoy-decorator-operation",
        "x-envoy-original-path", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
        "x-request-id",
    ]
    private static let responseLists: Set<String> = [
        "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
        "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age", "age",
        "cache-control",
        "content-encoding", "content-type", "date", "etag", "expires", "grpc-message", "grpc-status", "last-modified",
        "location", "server", "vary", "via", "x-envoy-attempt-count", "x-envoy-decorator-operation", "x-envoy-degraded",
        "x-request-id",
    ]
}
