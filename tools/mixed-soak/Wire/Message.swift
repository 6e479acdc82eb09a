import Glibc

/// The head of a message: its start line in three parts, and its fields.
struct Head {
    var start: [String] = []
    /// Names in lower case.
    var fields: [(name: String, value: String)] = []

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// Of a response; 0 when there is none.
    var status: Int { start.count > 1 ? Int(start[1]) ?? 0 : 0 }
    var closes: Bool { self["connection"]?.lowercased() == "close" }
}

enum Framing: Equatable { case none, length(Int), chunked, untilEnd }

extension Head {
    /// Of a request's body.
    var requestFraming: Framing {
        if self["transfer-encoding"] != nil { return .chunked }
        return self["content-length"].flatMap { Int($0) }.map { .length($0) } ?? .none
    }

    /// Of a response's body.
    func responseFraming(toHead: Bool) -> Framing {
        if toHead || status < 200 || status == 204 || status == 304 { return .none }
        if self["transfer-encoding"] != nil { return .chunked }
        return self["content-length"].flatMap { Int($0) }.map { .length($0) } ?? .untilEnd
    }
}

extension Wire {
    /// Reads a head.
    func head() throws -> Head {
        let text = try text(through: "\r\n\r\n")
        var head = Head()
        for (number, line) in text.split(separator: "\r\n").enumerated() {
            if number == 0 {
                head.start = line.split(separator: " ", maxSplits: 2).map(String.init)
                continue
            }
            guard let colon = line.firstIndex(of: ":") else { throw Trouble.wrong("not a field: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            head.fields.append((line[..<colon].lowercased(), String(value)))
        }
        return head
    }

    /// What comes before `end`, which is taken too.
    private func text(through end: String) throws -> String {
        let mark = Array(end.utf8)
        var from = 0
        while true {
            let bytes = unread
            while from + mark.count <= bytes.count {
                if bytes[from] == mark[0], memcmp(bytes.baseAddress! + from, mark, mark.count) == 0 {
                    let text = String(decoding: bytes[..<from], as: UTF8.self)
                    take(from + mark.count)
                    return text
                }
                from += 1
            }
            try receive()
        }
    }

    /// Reads a body and hands out each piece with its place.
    func body(_ framing: Framing, _ piece: (UnsafeRawBufferPointer, Int) throws -> Void) throws -> Int {
        var offset = 0
        switch framing {
        case .none: break
        case .length(let length): try data(length, &offset, piece)
        case .chunked:
            while true {
                let line = try text(through: "\r\n")
                guard let size = Int(line, radix: 16) else {
                    throw Trouble.wrong("not a chunk's size: \(line.prefix(40))")
                }
                if size == 0 { break }
                try data(size, &offset, piece)
                guard try text(through: "\r\n").isEmpty else { throw Trouble.wrong("no CR LF behind a chunk") }
            }
            while try !text(through: "\r\n").isEmpty {}
        case .untilEnd:
            do {
                while true {
                    if unread.isEmpty { try receive() }
                    let count = unread.count
                    try piece(unread, offset)
                    offset += count
                    take(count)
                }
            } catch let trouble as Trouble where trouble.kind == .ended {}
        }
        return offset
    }

    private func data(_ count: Int, _ offset: inout Int, _ piece: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
        var rest = count
        while rest > 0 {
            if unread.isEmpty { try receive() }
            let bytes = UnsafeRawBufferPointer(rebasing: unread.prefix(rest))
            try piece(bytes, offset)
            offset += bytes.count
            rest -= bytes.count
            take(bytes.count)
        }
    }

    /// Sends a body of `count` bytes in chunks of up to `most` bytes, without the last chunk if it is not `whole`.
    func sendChunks(_ content: Content, _ count: Int, most: Int, whole: Bool = true) throws {
        var at = 0
        while at < count {
            let size = min(most, count - at)
            try send(String(size, radix: 16) + "\r\n")
            try send(content, at..<(at + size))
            try send("\r\n")
            at += size
        }
        if whole { try send("0\r\n\r\n") }
    }
}
