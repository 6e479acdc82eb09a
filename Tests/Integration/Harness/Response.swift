/// An HTTP/1.1 response as a client saw it.
struct Response {
    var version = ""
    var status = 0
    /// In the order in which they came, names as they came.
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var trailers = ""

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The first field of that name, which is in lower case.
    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

    var closes: Bool { self["connection"] == "close" }
}

/// A request as an upstream of the test saw it.
struct Request {
    var method: String
    var target: String
    var fields: [(name: String, value: String)]
    var body: [UInt8]
    var trailers: String

    var text: String { String(decoding: body, as: UTF8.self) }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
}

extension Client {
    /// Reads one response; interim ones (1xx but 101) are returned too.
    func response(toHead: Bool = false) throws -> Response {
        var response = try head()
        let status = response.status
        if toHead || status < 200 || status == 204 || status == 304 { return response }
        if response["transfer-encoding"] == "chunked" {
            try readChunks(&response)
        } else if let length = response["content-length"].flatMap({ Int($0) }) {
            response.body = try receive(count: length)
        } else {
            response.body = try receiveToEnd()
        }
        return response
    }

    private func head() throws -> Response {
        var response = Response()
        let start: [Substring]
        (start, response.fields) = try startLineAndFields()
        guard start.count == 3, let status = Int(start[1]) else { throw Failure("not a status line: \(start)") }
        response.version = String(start[0])
        response.status = status
        return response
    }

    /// The three parts of a start line, and the fields behind it.
    private func startLineAndFields() throws -> ([Substring], [(name: String, value: String)]) {
        let lines = try line(endingIn: "\r\n\r\n").split(separator: "\r\n", omittingEmptySubsequences: false)
        let fields = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw Failure("not a field: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (name: String(line[..<colon]), value: String(value))
        }
        return (lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false), fields)
    }

    /// Reads one request, as an upstream does.
    func request() throws -> Request {
        var message = Response()
        let start: [Substring]
        (start, message.fields) = try startLineAndFields()
        guard start.count == 3 else { throw Failure("not a request line: \(start)") }
        if message["transfer-encoding"] == "chunked" {
            try readChunks(&message)
        } else if let length = message["content-length"].flatMap({ Int($0) }) {
            message.body = try receive(count: length)
        }
        return Request(
            method: String(start[0]), target: String(start[1]), fields: message.fields, body: message.body,
            trailers: message.trailers)
    }

    private func readChunks(_ response: inout Response) throws {
        while true {
            let size = try line(endingIn: "\r\n")
            guard let count = Int(size, radix: 16) else { throw Failure("not a chunk size: \(size)") }
            if count == 0 { break }
            response.body += try receive(count: count)
            guard try receive(count: 2) == [13, 10] else { throw Failure("no CRLF after a chunk") }
        }
        while true {
            let trailer = try line(endingIn: "\r\n")
            if trailer.isEmpty { return }
            response.trailers += trailer + "\n"
        }
    }

    /// What comes before `end`, which is taken too.
    private func line(endingIn end: String) throws -> String {
        let end = Array(end.utf8)
        var from = 0
        while true {
            if let found = position(of: end, from: from) {
                let bytes = take(found + end.count)
                return String(decoding: bytes[..<found], as: UTF8.self)
            }
            from = max(unread.count - end.count, 0)
            guard try receive() else {
                throw Failure("the connection ended inside or before a response, after \(unread.count) bytes")
            }
        }
    }

    private func position(of end: [UInt8], from: Int) -> Int? {
        var i = from
        while i + end.count <= unread.count {
            if unread[i] == end[0], unread[i..<(i + end.count)].elementsEqual(end) { return i }
            i += 1
        }
        return nil
    }

    /// One request without body on this connection, and its response.
    func get(_ path: String, _ fields: String..., method: String = "GET") throws -> Response {
        try get(path, fields, method: method)
    }

    func get(_ path: String, _ fields: [String], method: String = "GET") throws -> Response {
        let lines = fields.map { $0 + "\r\n" }.joined()
        try send("\(method) \(path) HTTP/1.1\r\nhost: test\r\n\(lines)\r\n")
        return try response(toHead: method == "HEAD")
    }
}
