/// One header field as offsets into the bytes that were parsed. Plain data: nothing is copied until it is written out.
struct HeaderField: BitwiseCopyable {
    var name: UInt32
    var value: UInt32
    var nameLength: UInt32
    /// Without the white space around it.
    var valueLength: UInt32
    var id: HeaderID
    /// Named by a `Connection` field, so it ends at this hop (RFC 9110 §7.6.1).
    var isNominated = false
    /// Its line is written as we would write it, but for the case of its name: `name: value` and CRLF.
    var isPlain = false
}

/// How long a message's body is and how it ends (RFC 9112 §6).
enum BodyFraming: UInt8, BitwiseCopyable {
    case none
    case length
    case chunked
    /// Until the connection ends: responses only.
    case untilClose
}

/// Why a message was refused. `detail` is the word Envoy uses in `%RESPONSE_CODE_DETAILS%`.
enum ParseError: UInt8, BitwiseCopyable, Equatable {
    case badRequestLine, badMethod, badTarget, badVersion, badStatusLine
    case badHeaderName, badHeaderValue, foldedHeader, bareLineFeed, bareCarriageReturn
    case missingHost, duplicateHost, badHost
    case badContentLength, lengthAndChunked, badTransferEncoding
    case headTooLarge, tooManyHeaders
    case badChunk, badTrailer
    case versionNotSupported
    /// `Connection` names a field that must not be lost, or too many.
    case badNomination
    /// An absolute-form target whose authority is none.
    case badURL
    /// A field's name has an underscore, and the listener does not take that.
    case underscore
    /// A closed connection in the middle of a message.
    case truncated
}

extension ParseError {
    /// The status that a request is refused with, Envoy's.
    var status: UInt16 {
        switch self {
        case .headTooLarge, .tooManyHeaders: 431
        case .badTransferEncoding: 501
        case .versionNotSupported: 426
        default: 400
        }
    }
}

/// What a head parser found.
enum HeadResult: BitwiseCopyable {
    /// The head ends (and the body begins) at this offset from the start.
    case complete(Int)
    case incomplete
    case failed(ParseError)
}

/// The parsed head of a request or response: offsets and facts. One lives in each worker and is reused for every message.
///
/// The storage for fields belongs to the head; the bytes do not, and must stay where they are while it is used.
struct MessageHead: BitwiseCopyable {
    var base: UnsafePointer<UInt8>
    /// So many bytes may be read from `base` on: those of the message, and what stands in the same memory behind them.
    var readable = 0
    /// How many bytes the head has, once it is complete.
    var length = 0
    let fields: UnsafeMutablePointer<HeaderField>
    let capacity: Int
    /// Here, since a global is looked at for its initialiser with each access.
    let tables = ASCII.tables
    var count = 0
    var present = HeaderIDSet()

    // Request line.
    var method = Method.other
    var methodStart: UInt32 = 0
    var methodLength: UInt32 = 0
    /// The request target; of an absolute-form one the part after the authority.
    var target: UInt32 = 0
    var targetLength: UInt32 = 0
    /// The authority: from an absolute-form target, else the `Host` field.
    var authority: UInt32 = 0
    var authorityLength: UInt32 = 0
    var isAbsoluteForm = false

    // Status line.
    var status: UInt16 = 0
    var reason: UInt32 = 0
    var reasonLength: UInt32 = 0

    var isRequest = false
    /// Of a client that is trusted (`internal_address_config`); set once the head is parsed.
    var isInternal = false
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    var minorVersion: UInt8 = 1
    var framing = BodyFraming.none
    var contentLength: UInt64 = 0
    /// What the `Connection` fields say.
    var connectionClose = false
    var connectionKeepAlive = false
    var connectionUpgrade = false
    var expectContinue = false
    /// `TE: trailers`.
    var acceptsTrailers = false
    /// The index of the `Upgrade` field, or -1.
    var upgradeField: Int32 = -1

    init(capacity: Int) {
        self.capacity = capacity
        fields = .allocate(capacity: capacity)
        base = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))
    }

    /// Gives the storage back: for heads that do not live as long as the process.
    func free() { fields.deallocate() }

    /// Bytes that may be read behind a message, so that sixteen can be looked at wherever it ends (`cl_scan.h`).
    static let slack = 16

    /// Forgets the last message.
    mutating func reset(_ base: UnsafePointer<UInt8>, readable: Int) {
        self.base = base
        self.readable = readable
        length = 0
        count = 0
        present = HeaderIDSet()
        isInternal = false
        method = .other
        methodStart = 0
        methodLength = 0
        target = 0
        targetLength = 0
        authority = 0
        authorityLength = 0
        isAbsoluteForm = false
        isRequest = false
        status = 0
        reason = 0
        reasonLength = 0
        minorVersion = 1
        framing = .none
        contentLength = 0
        connectionClose = false
        connectionKeepAlive = false
        connectionUpgrade = false
        expectContinue = false
        acceptsTrailers = false
        upgradeField = -1
    }

    /// The value of the first field with this id, or nil.
    func value(_ id: HeaderID) -> UnsafeBufferPointer<UInt8>? {
        guard present.contains(id) else { return nil }
        for i in 0..<count where fields[i].id == id {
            return UnsafeBufferPointer(start: base + Int(fields[i].value), count: Int(fields[i].valueLength))
        }
        return nil
    }

    /// Whether the connection stays open after this message (RFC 9112 §9.3).
    var keepsAlive: Bool { minorVersion >= 1 ? !connectionClose : connectionKeepAlive && !connectionClose }
}

/// The request methods whose semantics the proxy needs.
enum Method: UInt8, BitwiseCopyable {
    case get, head, post, put, delete, connect, options, trace, patch, other
}
