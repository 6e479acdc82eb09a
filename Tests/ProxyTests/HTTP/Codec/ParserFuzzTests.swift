import Testing

@testable import Proxy

/// Random mutations of real messages, from a fixed seed: nothing is read outside the bytes (guard pages see to that),
/// cuts change nothing, and what is accepted meets rules that a simple second parser checks.
@Suite struct ParserFuzzTests {
    private static let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x?y HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 5\r\nConnection: close, X\r\nX: y\r\n\r\nhello",
        "PUT http://b/c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
        "\r\nHEAD /long/path/with/many/parts HTTP/1.0\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost:[::1]:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA:\r\n\r\n",
        "DELETE /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello", "HTTP/1.1 204 \r\n\r\n",
        "HTTP/1.1 304\r\n\r\n",
        "HTTP/1.0 500 Internal Server Error\r\nConnection: keep-alive\r\nDate: now\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\nX: a b\r\n\r\n0\r\n\r\n",
    ]
    private static let bodies = [
        "5\r\nhello\r\n0\r\n\r\n", "1;a=b\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: b\r\nC-D: e f\r\n\r\n",
        "0\r\n\r\nGET / HTTP/1.1\r\n", "0\r\nA: b\r\n\r\n", "00f\r\n0123456789abcde\r\n0;x\r\nT:\r\n\r\n",
    ]
    private static let interesting = bytes(
        "\r\n\r\n \t:;,\u{0}\u{1}\u{B}\u{7F}\u{80}\u{FF}\u{20}09azAZ-/?#*\"chunked")

    private static func mutate(_ message: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var message = message
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let at = Int.random(in: 0...message.count, using: &generator)
            let end = min(message.count, at + Int.random(in: 1...8, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0 where at < message.count: message[at] = interesting.randomElement(using: &generator)!
            case 1 where at < message.count: message[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: message.insert(interesting.randomElement(using: &generator)!, at: at)
            case 3: message.removeSubrange(at..<end)
            case 4: message.insert(contentsOf: message[at..<end], at: at)
            default: message.insert(contentsOf: bytes("\r\n"), at: at)
            }
        }
        return message
    }

    /// How many mutations a run tries of each kind.
    private static let rounds = 20_000

    @Test func requests() {
        fuzzHeads(.request, Self.requests, seed: 1)
    }

    @Test(arguments: [Method.get, .head])
    func responses(to method: Method) {
        fuzzHeads(.response(to: method), Self.responses, seed: 2)
    }

    private func fuzzHeads(_ kind: HeadParser.Kind, _ corpus: [String], seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let parser = HeadParser(kind, limits: HeadLimits(bytes: 100, fields: 4))
        var accepted = 0
        for _ in 0..<Self.rounds {
            let message = Self.mutate(bytes(corpus.randomElement(using: &generator)!), &generator)
            let whole = parser.parse(message)
            let shown = text(message).debugDescription
            #expect(parser.parseAtStart(message) == whole, "\(shown)")
            for _ in 0..<4 {
                let cut = Int.random(in: 0...message.count, using: &generator)
                let part = parser.parse(message.prefix(cut))
                #expect(part == .incomplete || part == whole, "\(cut) bytes of \(shown): \(part), \(whole)")
            }
            guard let head = whole.head else { continue }
            accepted += 1
            #expect(parser.parse(message.prefix(head.length - 1)) == .incomplete, "\(shown)")
            #expect(parser.parse(message.prefix(head.length)) == whole, "\(shown)")
            #expect(head.length <= 100)
            checkAccepted(head, message, isRequest: kind == .request)
        }
        #expect(accepted > Self.rounds / 20 && accepted < Self.rounds, "\(accepted) accepted")
    }

    /// What must hold of every head that is accepted, found without the parser.
    private func checkAccepted(_ head: ParsedHead, _ message: [UInt8], isRequest: Bool) {
        let shown = "\(text(message).debugDescription)"
        let raw = Array(message.prefix(head.length))
        for (i, byte) in raw.enumerated() {
            switch byte {
            case 13: #expect(i + 1 < raw.count && raw[i + 1] == 10, "\(shown)")
            case 10: #expect(i > 0 && raw[i - 1] == 13, "\(shown)")
            case 9: break
            default: #expect(byte >= 32 && byte != 127, "\(shown)")
            }
        }
        #expect(raw.suffix(4) == bytes("\r\n\r\n"), "\(shown)")
        var lines = text(raw).unicodeScalars.split(separator: "\r\n".unicodeScalars).map { String($0).lowercased() }
        lines.removeFirst()
        #expect(lines.count == head.fields.count, "\(shown)")
        func values(_ name: String) -> [String] {
            lines.filter { $0.hasPrefix(name + ":") }.map {
                String($0.dropFirst(name.utf8.count + 1).drop { " \t".contains($0) })
            }
        }
        let lengths = values("content-length")
        let codings = values("transfer-encoding")
        #expect(lengths.count + codings.count <= 1, "\(shown)")
        #expect(codings.allSatisfy { $0.hasPrefix("chunked") && head.minorVersion == 1 }, "\(shown)")
        if let length = lengths.first { #expect(length.hasPrefix(where: \.isNumber), "\(shown)") }
        guard isRequest else { return }
        #expect(head.framing == (!codings.isEmpty ? .chunked : head.contentLength > 0 ? .length : .none), "\(shown)")
        #expect(values("host").count <= 1, "\(shown)")
        #expect(head.isAbsoluteForm || head.minorVersion == 0 || values("host").count == 1, "\(shown)")
        #expect(!head.target.isEmpty || head.isAbsoluteForm, "\(shown)")
    }

    @Test func chunkedBodies() {
        var generator = SeededGenerator(seed: 3)
        let memory = GuardedMemory()
        var complete = 0
        for _ in 0..<Self.rounds {
            let input = Self.mutate(bytes(Self.bodies.randomElement(using: &generator)!), &generator)
            let whole = DecodedBody(input, memory: memory)
            for _ in 0..<4 {
                let count = Int.random(in: 1...4, using: &generator)
                let cuts = (0..<count).map { _ in Int.random(in: 0...input.count, using: &generator) }.sorted()
                let cut = DecodedBody(input, cuts: cuts, memory: memory)
                #expect(cut == whole, "cut at \(cuts): \(text(input).debugDescription)")
            }
            if case .complete(let length) = whole.end {
                complete += 1
                #expect(input.prefix(length).suffix(2) == [13, 10][...])
                #expect(whole.data.count < length)
            }
        }
        #expect(complete > Self.rounds / 20 && complete < Self.rounds, "\(complete) complete")
    }

    /// What an encoder makes of random data comes back.
    @Test func roundTrips() {
        var generator = SeededGenerator(seed: 4)
        let memory = GuardedMemory(capacity: 65536)
        for _ in 0..<300 {
            var data: [UInt8] = []
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 0...5, using: &generator) {
                let size = Int.random(in: 1...400, using: &generator)
                let chunk = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let digits = String(size, radix: 16, uppercase: .random(using: &generator))
                let suffix = Bool.random(using: &generator) ? ";x=y" : ""
                input += bytes("\(digits)\(suffix)\r\n") + chunk + bytes("\r\n")
                data += chunk
            }
            let trailers = Bool.random(using: &generator) ? bytes("A: b\r\n") : []
            input += bytes("0\r\n") + trailers + bytes("\r\n")
            let cuts = (0..<3).map { _ in Int.random(in: 0...input.count, using: &generator) }.sorted()
            let body = DecodedBody(input + bytes("x"), cuts: cuts, memory: memory)
            #expect(body.data == data)
            #expect(body.trailers == trailers)
            #expect(body.end == .complete(input.count))
        }
    }
}

extension Collection {
    fileprivate func hasPrefix(where predicate: (Element) -> Bool) -> Bool { first.map(predicate) ?? false }
}

extension Collection where Element: Equatable {
    /// The pieces between occurrences of `separator`, empty ones left out.
    fileprivate func split(separator: some Collection<Element>) -> [SubSequence] {
        var pieces: [SubSequence] = []
        var start = startIndex
        var i = startIndex
        while i < endIndex {
            if self[i...].starts(with: separator) {
                if start < i { pieces.append(self[start..<i]) }
                i = index(i, offsetBy: separator.count)
                start = i
            } else {
                i = index(after: i)
            }
        }
        if start < endIndex { pieces.append(self[start...]) }
        return pieces
    }
}
