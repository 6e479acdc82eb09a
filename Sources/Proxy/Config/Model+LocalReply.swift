/// `local_reply_config` of a connection manager: what becomes of answers that the proxy gives itself.
public struct LocalReplyConfig: Sendable, Equatable {
    /// The first whose filter passes acts.
    public var mappers: [ReplyMapper] = []
    /// `body_format`; nil: the body stays as it is.
    public var format: ReplyFormat?
    public init() {}
}

/// How the body of an answer is written.
public struct ReplyFormat: Sendable, Equatable {
    public var format: LogFormat
    /// `content_type`; without it that of a text or of JSON.
    public var contentType: String
    public init(_ format: LogFormat, contentType: String) {
        self.format = format
        self.contentType = contentType
    }
}

/// One of `mappers`.
public struct ReplyMapper: Sendable, Equatable {
    public var filter: LogFilter
    /// `status_code`; nil: it stays.
    public var status: UInt16?
    /// `body`; nil: it stays.
    public var body: [UInt8]?
    /// `body_format_override`.
    public var format: ReplyFormat?
    /// `headers_to_add`.
    public var added: [HeaderAddition] = []
    public init(filter: LogFilter) { self.filter = filter }
}
