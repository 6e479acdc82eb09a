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

    var status: UInt16 = 200
    var content = Content.text
    var body: String
    var afterwards: Afterwards?

    static func text(_ body: String, status: UInt16 = 200) -> AdminResponse {
        AdminResponse(status: status, body: body)
    }

    static func json(_ body: String) -> AdminResponse { AdminResponse(content: .json, body: body) }

    /// A request that was refused before an endpoint saw it.
    static func refused(_ status: UInt16) -> AdminResponse {
        AdminResponse(status: status, body: "\(StatusText.reason(status))")
    }

    /// The message in Envoy's form.
    ///
    /// - Parameters:
    ///   - minorVersion: HTTP/1.0 has no chunks, so it gets a length.
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
        head += isChunked ? "transfer-encoding: chunked\r\n\r\n" : "content-length: \(body.utf8.count)\r\n\r\n"
        var output: [UInt8] = []
        output.reserveCapacity(head.utf8.count + body.utf8.count + 32)
        output.append(contentsOf: head.utf8)
        guard !isHead else { return output }
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
