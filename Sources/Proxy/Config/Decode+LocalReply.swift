/// `local_reply_config` of a connection manager.
extension Decoder {
    func localReplies(_ value: Value?) -> LocalReplyConfig? {
        guard let message = value?.message(.localReplyConfig) else { return nil }
        var result = LocalReplyConfig()
        result.mappers = (message["mappers"]?.messages(.responseMapper) ?? []).compactMap { replyMapper($0) }
        result.format = message["body_format"].flatMap { replyFormat($0) }
        return result.mappers.isEmpty && result.format == nil ? nil : result
    }

    private func replyMapper(_ message: Message) -> ReplyMapper? {
        let filter = message.require("filter").flatMap { logFilter($0, depth: 0) }
        let status = message["status_code"]?.number(200...599)
        let body = message["body"].flatMap { data($0) }?.bytes
        let format = message["body_format_override"].flatMap { replyFormat($0) }
        let added = additions(message["headers_to_add"], .reply)
        guard let filter else { return nil }
        var result = ReplyMapper(filter: filter)
        result.status = status.map { UInt16($0) }
        result.body = body
        result.format = format
        result.added = added
        return result
    }

    private func replyFormat(_ value: Value) -> ReplyFormat? {
        guard let message = value.message(.replyFormat), let shape = logShape(message) else { return nil }
        if shape.hasResponseHeaders {
            value.error("%RESP(…)% has no value in the body of an answer but for %RESP(:STATUS)%")
            return nil
        }
        var type = message["content_type"].flatMap { plainText($0) } ?? ""
        if type.isEmpty { if case .json = shape { type = "application/json" } else { type = "text/plain" } }
        return ReplyFormat(
            LogFormat(shape, omitsEmpty: message["omit_empty_values"]?.bool() ?? false), contentType: type)
    }
}

extension LogFormat.Shape {
    /// Whether a header of the response is in it. The status is known before there are headers.
    fileprivate var hasResponseHeaders: Bool {
        switch self {
        case .text(let pieces): Self.haveResponseHeaders(pieces)
        case .json(let value): Self.hasResponseHeaders(value)
        }
    }

    private static func haveResponseHeaders(_ pieces: [LogPiece]) -> Bool {
        pieces.contains {
            guard case .response(let header, _) = $0 else { return false }
            return header.name != ":status" || header.alternative != nil
        }
    }

    private static func hasResponseHeaders(_ value: LogValue) -> Bool {
        switch value {
        case .null, .bool, .number: false
        case .template(let pieces): haveResponseHeaders(pieces)
        case .list(let items): items.contains { hasResponseHeaders($0) }
        case .object(let members): members.contains { hasResponseHeaders($0.value) }
        }
    }
}
