/// A message as a party behind the proxy got it. Read with little tolerance: a proxy sends what is well-formed.
package struct WireMessage {
    package var startLine = ""
    package var fields: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    /// Lines of a trailer section.
    package var trailers: [String] = []

    /// The parts of a start line.
    package var start: [Substring] { startLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false) }
    package var status: Int { start.count > 1 ? Int(start[1]) ?? 0 : 0 }

    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    package enum Progress {
        case nothing
        /// Its head is there, the rest is not.
        case begun(WireMessage)
        /// Whole, and so many bytes long.
        case whole(WireMessage, Int)
        case garbage
    }

    /// What stands at the beginning of `bytes`.
    ///
    /// - Parameters:
    ///   - bodiless: a response to HEAD.
    ///   - ended: nothing comes behind `bytes`.
    package static func read(_ bytes: [UInt8], isResponse: Bool, bodiless: Bool = false, ended: Bool = false)
        -> Progress
    {
        guard var p = end(of: bytes, from: 0, [13, 10, 13, 10]) else {
            return bytes.isEmpty ? .nothing : ended || bytes.count > 200_000 ? .garbage : .nothing
        }
        var message = WireMessage()
        let lines = text(bytes[..<(p - 4)]).split(separator: "\r\n", omittingEmptySubsequences: false)
        message.startLine = String(lines[0])
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return .garbage }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            message.fields.append((line[..<colon].lowercased(), String(value)))
        }
        guard message.start.count == 3 else { return .garbage }
        let status = isResponse ? message.status : 0
        if isResponse, bodiless || status < 200 || status == 204 || status == 304 { return .whole(message, p) }
        if let coding = message["transfer-encoding"] {
            guard coding == "chunked" else { return .garbage }
            return message.readChunks(bytes, &p)
        }
        guard let length = message["content-length"] else {
            if !isResponse { return .whole(message, p) }
            message.body = Array(bytes[p...])
            return ended ? .whole(message, bytes.count) : .begun(message)
        }
        guard let announced = UInt64(length) else { return .garbage }
        let count = Int(clamping: announced)
        message.body = Array(bytes[p...].prefix(count))
        return message.body.count < count ? .begun(message) : .whole(message, p + count)
    }

    private mutating func readChunks(_ bytes: [UInt8], _ p: inout Int) -> Progress {
        while true {
            guard let lineEnd = Self.end(of: bytes, from: p, [13, 10]) else { return .begun(self) }
            guard let size = Int(Self.text(bytes[p..<(lineEnd - 2)]), radix: 16) else { return .garbage }
            p = lineEnd
            if size == 0 { break }
            body += bytes[p...].prefix(size)
            guard bytes.count >= p + size + 2 else { return .begun(self) }
            guard bytes[p + size] == 13, bytes[p + size + 1] == 10 else { return .garbage }
            p += size + 2
        }
        while true {
            guard let lineEnd = Self.end(of: bytes, from: p, [13, 10]) else { return .begun(self) }
            let line = Self.text(bytes[p..<(lineEnd - 2)])
            p = lineEnd
            if line.isEmpty { return .whole(self, p) }
            trailers.append(line)
        }
    }

    /// Where the first `pattern` at or after `from` ends.
    private static func end(of bytes: [UInt8], from: Int, _ pattern: [UInt8]) -> Int? {
        var i = from
        while i + pattern.count <= bytes.count {
            let after = i + pattern.count
            if bytes[i] == pattern[0], bytes[i..<after].elementsEqual(pattern) { return after }
            i += 1
        }
        return nil
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        // One character a byte: what is not ASCII keeps its length.
        String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }

    // MARK: As text

    /// What every message of the proxy has, and what changes from one to the next.
    private static let usual: Set<String> = [
        "x-forwarded-proto", "x-request-id", "x-envoy-expected-rq-timeout-ms", "x-envoy-upstream-service-time", "date",
        "server", "x-target", "content-type",
    ]

    /// Its fields that matter, in brackets, and its body and trailers.
    func facts(unfinished: Bool = false) -> String {
        var shown: [String] = []
        for (name, value) in fields where !Self.usual.contains(name) && !(name == "host" && value == "test") {
            let bytes = value.unicodeScalars.map { UInt8($0.value & 0xFF) }
            shown.append("\(name): \(RawText.quote(bytes).dropFirst().dropLast())")
        }
        // The same again and again is told once.
        var told: [String] = []
        var rest = shown[...]
        while let first = rest.first {
            let same = rest.prefix { $0 == first }.count
            told += same < 4 ? Array(rest.prefix(same)) : ["\(same)*\(first)"]
            rest = rest.dropFirst(same)
        }
        var text = "[" + told.joined(separator: ", ") + "]"
        if unfinished { return text + " unfinished" }
        if !body.isEmpty { text += " " + RawText.quote(body) }
        if !trailers.isEmpty {
            let lines = trailers.map {
                RawText.quote($0.unicodeScalars.map { UInt8($0.value & 0xFF) }).dropFirst().dropLast()
            }
            text += " +[" + lines.joined(separator: ", ") + "]"
        }
        return text
    }
}
