import Glibc

/// What an endpoint answers.
struct AdminResponse: Equatable {
    enum Content: String {
        case text = "text/plain; charset=UTF-8"
        case json = "application/json"
        case html = "text/html; charset=UTF-8"
    }
    /// What happens when the client has the answer, or is gone.
    enum Afterwards {
        case quit
    }

    /// Makes a body piece by piece, on a thread of its own; `body` is empty then.
    struct Maker: Sendable {
        var make: @Sendable (_ write: @escaping (UnsafeRawBufferPointer) -> Void) -> Void
    }

    var status: UInt16 = 200
    var content = Content.text
    var body: String
    var maker: Maker?
    var afterwards: Afterwards?

    static func == (one: AdminResponse, other: AdminResponse) -> Bool {
        one.status == other.status && one.content == other.content && one.body == other.body
            && one.afterwards == other.afterwards && (one.maker == nil) == (other.maker == nil)
    }

    /// The same with its whole body.
    var collected: AdminResponse {
        guard let maker else { return self }
        var bytes: [UInt8] = []
        withUnsafeMutablePointer(to: &bytes) { bytes in
            nonisolated(unsafe) let bytes = bytes
            maker.make { bytes.pointee.append(contentsOf: $0) }
        }
        var whole = self
        whole.maker = nil
        whole.body = String(decoding: bytes, as: UTF8.self)
        return whole
    }

    static func text(_ body: String, status: UInt16 = 200) -> AdminResponse {
        AdminResponse(status: status, body: body)
    }

    static func json(_ body: String) -> AdminResponse { AdminResponse(content: .json, body: body) }

    /// A request that was refused before an endpoint saw it.
    static func refused(_ status: UInt16) -> AdminResponse {
        AdminResponse(status: status, body: "\(StatusText.reason(status))")
    }

    /// The message in Envoy's form; of a body that is yet to be made its head only.
    ///
    /// - Parameters:
    ///   - minorVersion: HTTP/1.0 has no chunks, so it gets a length, or the end of the connection.
    ///   - date: in the IMF-fixdate form.
    func encoded(minorVersion: UInt8, isHead: Bool, closes: Bool, date: String) -> [UInt8] {
        var head = "HTTP/1.\(minorVersion) \(status) \(StatusText.reason(status))\r\n"
        head += "content-type: \(content.rawValue)\r\n"
        head += "cache-control: no-cache, max-age=0\r\n"
        head += "x-content-type-options: nosniff\r\n"
        head += "date: \(date)\r\n"
        head += "server: envoy\r\n"
        if closes { head += "connection: close\r\n" }
        let isChunked = minorVersion >= 1
        if isChunked {
            head += "transfer-encoding: chunked\r\n"
        } else if maker == nil {
            head += "content-length: \(body.utf8.count)\r\n"
        }
        head += "\r\n"
        var output: [UInt8] = []
        output.reserveCapacity(head.utf8.count + body.utf8.count + 32)
        output.append(contentsOf: head.utf8)
        guard !isHead, maker == nil else { return output }
        if isChunked, !body.isEmpty {
            output.append(contentsOf: "\(String(body.utf8.count, radix: 16))\r\n".utf8)
            output.append(contentsOf: body.utf8)
            output.append(contentsOf: "\r\n".utf8)
        } else {
            output.append(contentsOf: body.utf8)
        }
        if isChunked { output.append(contentsOf: "0\r\n\r\n".utf8) }
        return output
    }

    /// The fields of an encoded message, names in lower case, as they are written.
    static func fields(of bytes: [UInt8]) -> [AdminRequest.Field] {
        var fields: [AdminRequest.Field] = []
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropFirst() {
            let text = line.dropLast()
            guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return fields }
            fields.append(
                AdminRequest.Field(
                    name: String(decoding: text[..<colon], as: UTF8.self),
                    value: String(decoding: text[(colon + 1)...].drop { $0 == 32 }, as: UTF8.self)))
        }
        return fields
    }

    /// A piece of a body in chunks (RFC 9112 §7.1); the last one is empty.
    static func chunk(_ piece: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(piece.count + 16)
        output.append(contentsOf: "\(String(piece.count, radix: 16))\r\n".utf8)
        output.append(contentsOf: piece)
        output.append(contentsOf: "\r\n".utf8)
        return output
    }

    /// A time in the IMF-fixdate form (RFC 9110 §5.6.7).
    static func date(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 40)
        let length = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
