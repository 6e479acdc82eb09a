/// What an admin endpoint sees of a request. A value of its own, so that it outlives the buffer it was parsed from.
struct AdminRequest: Equatable {
    /// As it stood in the request line.
    var method: String
    /// As it stood in the request line, without scheme and authority.
    var target: String
    var path: String
    var query: AdminQuery
    var authority = ""
    struct Field: Equatable {
        /// In lower case.
        var name: String
        var value: String
    }
    var fields: [Field] = []
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    var minorVersion: UInt8 = 1
    /// Whether the client takes further answers on its connection.
    var keepsAlive = true
    /// The body is a form (`application/x-www-form-urlencoded`): its parameters, once it has come.
    var isForm = false
    var form = AdminQuery("")

    /// What it asks for: in its target, or, from a page's button, in its body.
    var parameters: AdminQuery { query.parameters.isEmpty ? form : query }

    init(method: String, target: String) {
        self.method = method
        self.target = target
        let end = target.firstIndex(of: "?") ?? target.endIndex
        // An absolute-form target may have no path: "http://host?usedonly" (RFC 9112 §3.2.2).
        path = end == target.startIndex ? "/" : String(target[..<end])
        query = AdminQuery(end == target.endIndex ? "" : target[target.index(after: end)...])
    }

    /// The request that a codec has parsed.
    init(_ head: MessageHead) {
        func text(_ offset: UInt32, _ length: UInt32) -> String {
            String(decoding: UnsafeBufferPointer(start: head.base + Int(offset), count: Int(length)), as: UTF8.self)
        }
        self.init(
            method: text(head.methodStart, head.methodLength), target: text(head.target, head.targetLength))
        authority = text(head.authority, head.authorityLength)
        minorVersion = head.minorVersion
        // HTTP/1.0 clients get one answer, whatever they ask for, as from Envoy.
        keepsAlive = head.keepsAlive && head.minorVersion >= 1
        for i in 0..<head.count {
            let field = head.fields[i]
            let name = UnsafeBufferPointer(start: head.base + Int(field.name), count: Int(field.nameLength))
            let value = text(field.value, field.valueLength)
            if name.equalsFolded("content-type") { isForm = value.hasPrefix("application/x-www-form-urlencoded") }
            fields.append(Field(name: String(decoding: name, as: UTF8.self).lowercased(), value: value))
        }
    }
}

/// The parameters of a target, decoded; a name may stand several times and the first one counts, as in Envoy.
struct AdminQuery: Equatable {
    struct Parameter: Equatable {
        var name: String
        var value: String
    }
    var parameters: [Parameter] = []

    /// - Parameter text: what follows the question mark.
    init(_ text: some StringProtocol) {
        for part in text.split(separator: "&", omittingEmptySubsequences: true) {
            let equals = part.firstIndex(of: "=")
            let value = equals.map { Self.decoded(part[part.index(after: $0)...]) } ?? ""
            parameters.append(Parameter(name: Self.decoded(part[..<(equals ?? part.endIndex)]), value: value))
        }
    }

    /// Whether the parameter stands there, with a value or without (`usedonly`).
    func has(_ name: String) -> Bool { parameters.contains { $0.name == name } }

    /// The first value; an empty one counts as none, as in Envoy.
    subscript(_ name: String) -> String? {
        guard let found = parameters.first(where: { $0.name == name }), !found.value.isEmpty else { return nil }
        return found.value
    }

    /// Percent-decoded. A `+` stays one, since values are regular expressions, and so does an escape that is malformed.
    static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "%")) else { return String(text) }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = hex(bytes[i + 1]),
                let low = hex(bytes[i + 2])
            {
                output.append(high << 4 | low)
                i += 3
            } else {
                output.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func hex(_ c: UInt8) -> UInt8? {
        switch c {
        case 48...57: c - 48
        case 65...70: c - 55
        case 97...102: c - 87
        default: nil
        }
    }
}
