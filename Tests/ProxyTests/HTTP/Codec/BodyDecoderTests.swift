import Testing

@testable import Proxy

@Suite struct BodyDecoderTests {
    @Test(arguments: [
        ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("00005\r\nhello\r\n000\r\n\r\n", "hello"), ("000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\n\r\n\r\n0\r\n0\r\n\r\n", "\r\n\r\n0"), ("1\r\n\u{0}\r\n1\r\n\u{FF}\r\n0\r\n\r\n", "\u{0}\u{FF}"),
        ("1F\r\n0123456789012345678901234567890\r\n0\r\n\r\n", "0123456789012345678901234567890"),
        ("5;a\r\nhello\r\n0;b\r\n\r\n", "hello"), ("5;a=b;c=\"d e\"\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5; a = b\t\r\nhello\r\n0\r\n\r\n", "hello"), ("5;\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5 \r\nhello\r\n0 \r\n\r\n", "hello"), ("5\t \r\nhello\r\n0\r\n\r\n", "hello"),
        ("5 ;a\r\nhello\r\n0\r\n\r\n", "hello"), ("00000000000005  ; a\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5;\u{80}\u{FF}\r\nhello\r\n0\r\n\r\n", "hello"), ("5;0;1\r\nhello\r\n0\r\n\r\n", "hello"),
    ])
    func chunked(input: String, data: String) {
        let body = DecodedBody.everySplit(input)
        #expect(text(body.data) == data)
        #expect(body.trailers.isEmpty)
        #expect(body.end == .complete(bytes(input).count))
        #expect(DecodedBody.everySplit(input + "GET / HTTP/1.1\r\n\r\n") == body, "what follows is not touched")
    }

    @Test(arguments: [
        "", "\r\n", " 5\r\nhello\r\n", "+5\r\nhello\r\n", "-1\r\n", "0x5\r\nhello\r\n", "g\r\n", ";a\r\n",
        "5 5\r\nhello\r\n", "5 a\r\n", "5 \u{0}\r\n", "5\u{B}\r\nhello\r\n", "5 \nhello\r\n", "5\nhello\r\n",
        "5\rhello\r\n", "5\r\r\nhello", "5,5\r\nhello",
        "5.\r\n",
        "/\r\n", ":\r\n", "@\r\n", "`\r\n", "G\r\n", "5\u{0}\r\nhello\r\n", "\u{B5}\r\n",
        "5;a\n\r\n", "5;a\u{0}\r\n", "5;a\u{7F}\r\n", "5;a\u{1F}\r\n", "5;a\rb\r\n", "5;a\r\rhello",
        "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhelloX\n0\r\n\r\n", "5\r\nhello\n\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rX0\r\n\r\n", "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\r\n0\r\n\r\n", "5\r\nhello!\r\n", "4\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n\r\n0\r\n\r\n",
        "0\r\n\rX", "0\n\n", "0\r\n\r\r\n", "1\r\na\r\nx\r\n",
        "0000000000000005\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n", "10000000000000000\r\n",
    ])
    func badChunks(input: String) {
        // Enough to see the error in every input, also in the empty one.
        let body = DecodedBody.everySplit(input + "zzzzzzzzzzzz")
        #expect(body.end == .failed(.badChunk))
    }

    @Test(arguments: [
        "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n",
        "0\r\n\r", "0\r\nA", "0\r\nA:", "0\r\nA: b\r", "0\r\nA: b\r\n", "0\r\nA: b\r\n\r", "5;abc", "",
        "FFFFFFFFFFFFFFF\r\nabc",
    ])
    func incompleteChunks(input: String) {
        #expect(DecodedBody.everySplit(input).end == .incomplete)
    }

    @Test(arguments: [
        "A: b\r\n", "A:\r\n", "A: b\r\nC: d\r\n", "a-b_c!: \t d e \t\r\n", "A: \u{E4}\r\n", "A: b: c\r\n",
        "A: b\r\nA: b\r\nA: b\r\n",
    ])
    func trailers(lines: String) {
        let input = "3\r\nabc\r\n0\r\n\(lines)\r\n"
        let body = DecodedBody.everySplit(input + "next")
        #expect(text(body.data) == "abc")
        #expect(text(body.trailers) == lines)
        #expect(body.end == .complete(bytes(input).count))
    }

    @Test(arguments: [
        "A\r\n", ": b\r\n", "A : b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A: b\nC: d\r\n", "A: b\rC: d\r\n",
        "A: \u{0}\r\n",
        "A: \u{7F}\r\n", "A\u{0}: b\r\n", "\u{0}", "A\u{E4}: b\r\n", "\nA: b\r\n", "A b: c\r\n", "A: b\r\n\n",
        "A: \u{B}\r\n",
    ])
    func badTrailers(lines: String) {
        #expect(DecodedBody.everySplit("0\r\n\(lines)\r\n").end == .failed(.badTrailer))
    }

    @Test func extensionsHaveALimit() {
        func body(_ length: Int) -> [UInt8] {
            bytes("5;" + String(repeating: "a", count: length) + "\r\nhello\r\n0\r\n\r\n")
        }
        let memory = GuardedMemory(capacity: 8192)
        let longest = body(BodyDecoder.maxExtension)
        #expect(DecodedBody(longest, memory: memory).end == .complete(longest.count))
        #expect(DecodedBody(body(BodyDecoder.maxExtension + 1), memory: memory).end == .failed(.badChunk))
        #expect(DecodedBody(body(8000), cuts: Array(1...8000), memory: memory).end == .failed(.badChunk))
    }

    @Test func paddingOfASizeHasTheSameLimit() {
        let memory = GuardedMemory(capacity: 8192)
        for (count, fits) in [(BodyDecoder.maxExtension, true), (BodyDecoder.maxExtension + 1, false)] {
            let input = bytes("5" + String(repeating: " ", count: count) + "\r\nhello\r\n0\r\n\r\n")
            #expect(DecodedBody(input, memory: memory).end == (fits ? .complete(input.count) : .failed(.badChunk)))
        }
    }

    /// They are seen in the section, whichever way it is cut (RFC 9110 §6.5.1).
    @Test(arguments: [
        ("content-length", true), ("Transfer-Encoding", true), ("HOST", true), ("te", true), ("x-forwarded-for", true),
        ("content-lengt", false), ("content-lengthx", false), ("x-checksum", false), ("grpc-status", false),
    ])
    func forbiddenTrailers(name: String, isForbidden: Bool) {
        let memory = GuardedMemory()
        let input = bytes("0\r\nx-a: b\r\n\(name): c\r\nx-d: e\r\n\r\n")
        for cut in 0..<input.count - 1 {
            var decoder = BodyDecoder(framing: .chunked, length: 0)
            var seen = false
            for piece in [input[..<cut], input[cut...]] {
                let base = memory.place(piece)
                var p = 0
                decoding: while p < piece.count {
                    switch decoder.next(base + p, piece.count - p) {
                    case .trailer(_, _, let consumed):
                        p += consumed
                        seen = seen || decoder.hasForbiddenTrailer
                    case .needMore(let consumed), .data(_, _, let consumed): p += consumed
                    case .end, .failed: break decoding
                    }
                }
            }
            #expect(decoder.isDone)
            #expect(seen == isForbidden, "cut at \(cut)")
        }
    }

    /// The limit is one of a chunk, not of the body.
    @Test func extensionsOfSeveralChunks() {
        let chunk = bytes("1;" + String(repeating: "a", count: BodyDecoder.maxExtension) + "\r\nx\r\n")
        let input = chunk + chunk + chunk + bytes("0\r\n\r\n")
        let body = DecodedBody(input, memory: GuardedMemory(capacity: input.count))
        #expect(body.end == .complete(input.count))
        #expect(text(body.data) == "xxx")
    }

    @Test func trailersHaveALimit() {
        let line = "A: " + String(repeating: "b", count: 59) + "\r\n"
        let memory = GuardedMemory(capacity: 32768)
        let lines = Int(BodyDecoder.maxTrailers) / 64
        for (count, fits) in [(lines, true), (lines + 1, false)] {
            let input = bytes("0\r\n" + String(repeating: line, count: count) + "\r\n")
            for cuts in [[], Array(1..<input.count)] {
                let body = DecodedBody(input, cuts: cuts, memory: memory)
                #expect(body.end == (fits ? .complete(input.count) : .failed(.badTrailer)))
            }
        }
        let endless = bytes("0\r\nA: " + String(repeating: "b", count: 20000))
        #expect(DecodedBody(endless, memory: memory).end == .failed(.badTrailer))
    }

    @Test func lengthFraming() {
        let memory = GuardedMemory()
        for length in 0...10 {
            for cut in 0...10 {
                let body = DecodedBody(
                    bytes("0123456789"), framing: .length, length: UInt64(length), cuts: [cut], memory: memory)
                #expect(text(body.data) == String("0123456789".prefix(length)))
                // The end is told with the bytes after it, or when there are no more.
                #expect(body.end == .complete(length))
            }
        }
        #expect(DecodedBody(bytes("abc"), framing: .length, length: 4, memory: memory).end == .incomplete)
        #expect(DecodedBody([], framing: .length, length: .max, memory: memory).end == .incomplete)
    }

    @Test func otherFramings() {
        let memory = GuardedMemory()
        let closed = DecodedBody(bytes("abc"), framing: .untilClose, cuts: [0, 1], memory: memory)
        #expect(text(closed.data) == "abc")
        #expect(closed.end == .incomplete)
        let none = DecodedBody(bytes("abc"), framing: .none, memory: memory)
        #expect(none.data.isEmpty)
        #expect(none.end == .complete(0))
        #expect(BodyDecoder().isDone)
        #expect(BodyDecoder(framing: .length, length: 0).isDone)
        #expect(!BodyDecoder(framing: .length, length: 1).isDone)
        #expect(!BodyDecoder(framing: .chunked, length: 0).isDone)
        #expect(!BodyDecoder(framing: .untilClose, length: 0).isDone)
    }

    @Test func inTrailersBeginsAfterTheLastChunk() {
        let memory = GuardedMemory()
        var decoder = BodyDecoder(framing: .chunked, length: 0)
        var seen: [Bool] = []
        for byte in bytes("1\r\na\r\n0\r\nA: b\r\n\r\n") {
            _ = decoder.next(memory.place([byte]), 1)
            seen.append(decoder.inTrailers)
        }
        #expect(seen == Array(repeating: false, count: 8) + Array(repeating: true, count: 8) + [false])
        #expect(decoder.isDone)
    }
}
