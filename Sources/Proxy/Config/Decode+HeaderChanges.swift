/// `request_headers_to_add`, `request_headers_to_remove` and the same of responses.
extension Decoder {
    enum HeaderSide: String {
        case request, response
        /// An answer of our own, whose values are made when all is known.
        case reply
    }

    func requestChanges(_ message: Message) -> HeaderChanges {
        changes(message["request_headers_to_remove"], message["request_headers_to_add"], .request)
    }

    func responseChanges(_ message: Message) -> HeaderChanges {
        changes(message["response_headers_to_remove"], message["response_headers_to_add"], .response)
    }

    private func changes(_ removed: Value?, _ added: Value?, _ side: HeaderSide) -> HeaderChanges {
        var changes = HeaderChanges()
        changes.removed = (removed?.list() ?? []).compactMap { changedName($0) }
        changes.added = additions(added, side)
        return changes
    }

    /// - Parameter most: Envoy's rule for the field.
    func additions(_ list: Value?, _ side: HeaderSide, most: Int = 1000) -> [HeaderAddition] {
        let added = (list?.messages(.headerValueOption) ?? []).compactMap { addition($0, side) }
        if let list, added.count > most { list.error("more than \(most) headers") }
        return added
    }

    func addition(_ option: Message, _ side: HeaderSide) -> HeaderAddition? {
        guard let header = option.require("header")?.message(.headerValue),
            let name = header.require("key").flatMap({ changedName($0) })
        else { return nil }
        var pieces: [LogPiece] = []
        if let value = header["value"] {
            guard let text = value.string(), let found = self.pieces(text, value) else { return nil }
            check(found, value, side)
            pieces = found
        }
        var result = HeaderAddition(name: name, value: pieces)
        result.keepsEmpty = option["keep_empty_value"]?.bool() ?? false
        result.action = appendAction(option)
        return result
    }

    /// `append_action`, or the older `append`.
    func appendAction(_ option: Message) -> AppendAction {
        let append = option["append"]
        guard let action = option["append_action"] else { return append?.bool() == false ? .overwriteOrAdd : .append }
        append?.error("only one of append, append_action may be given")
        return action.choice(Self.appendActions) ?? .append
    }

    private static let appendActions: [(name: String, number: Int, value: AppendAction)] = [
        ("APPEND_IF_EXISTS_OR_ADD", 0, .append), ("ADD_IF_ABSENT", 1, .addIfAbsent),
        ("OVERWRITE_IF_EXISTS_OR_ADD", 2, .overwriteOrAdd), ("OVERWRITE_IF_EXISTS", 3, .overwriteIfExists),
    ]

    /// A name that may be added or removed, in lower case.
    func changedName(_ value: Value) -> String? {
        guard let text = value.nonEmptyString() else { return nil }
        let name = text.lowercased()
        guard LogFormatParser.isHeaderName(name) else {
            value.error("\(quoted(text)) is not the name of a header")
            return nil
        }
        // Envoy's rule.
        if name.hasPrefix(":") || name == "host" {
            value.error("\(quoted(text)): neither host nor names that begin with a colon may be changed")
            return nil
        }
        if Self.framing.contains(name) {
            value.error(
                "\(quoted(text)) is of the connection or says where the message ends, and cannot be changed in this build"
            )
            return nil
        }
        return name
    }

    private static let framing: Set<String> = [
        "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade",
    ]

    /// Operators whose value is known when the request goes on.
    private static let known: Set<LogField> = [
        .protocol, .upstreamCluster, .routeName, .downstreamRemoteAddress, .downstreamRemoteAddressWithoutPort,
        .downstreamRemotePort, .downstreamDirectRemoteAddress, .downstreamDirectRemoteAddressWithoutPort,
        .downstreamDirectRemotePort, .downstreamLocalAddress, .downstreamLocalAddressWithoutPort, .downstreamLocalPort,
    ]

    private func check(_ pieces: [LogPiece], _ value: Value, _ side: HeaderSide) {
        for piece in pieces {
            var name: String?
            switch piece {
            case .literal(let text):
                if text.utf8.contains(where: { $0 < 0x20 && $0 != 9 || $0 == 0x7F }) {
                    value.error("\(quoted(text)) has control characters")
                }
            case .request: break
            case .field(let field): if side != .reply, !Self.known.contains(field) { name = field.rawValue }
            case .response: name = "RESP"
            case .startTime: if side != .reply { name = "START_TIME" }
            }
            if let name {
                value.error("command operator \(quoted(name)) is not supported in headers of a \(side) by this build")
            }
        }
    }
}
