import Testing

/// Messages whose end two parsers might see in different places (RFC 9112 §11.2): refused, and nothing reaches the
/// upstream.
@Suite struct SmugglingTests {
    struct Attempt: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: String
        init(_ name: String, _ bytes: String) {
            testDescription = name
            self.bytes = bytes
        }
    }

    private static let smuggled = "GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n"

    private static let attempts = [
        Attempt(
            "both, length first",
            "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        Attempt(
            "both, chunked first",
            "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n"),
        Attempt("two lengths", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde"),
        Attempt("a list of lengths", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4, 5\r\n\r\nabcde"),
        Attempt("a sign", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: +4\r\n\r\nabcd"),
        Attempt("a negative length", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: -1\r\n\r\nabcd"),
        Attempt("a hexadecimal length", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 0x4\r\n\r\nabcd"),
        Attempt(
            "a length beyond 64 bits",
            "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 18446744073709551616\r\n\r\nabcd"),
        Attempt("an empty length", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length:\r\n\r\nabcd"),
        Attempt("a space before the colon", "POST / HTTP/1.1\r\nhost: test\r\ncontent-length : 4\r\n\r\nabcd"),
        Attempt("a folded line", "POST / HTTP/1.1\r\nhost: test\r\nx-a: b\r\n content-length: 4\r\n\r\nabcd"),
        Attempt("a folded first line", "POST / HTTP/1.1\r\n content-length: 4\r\nhost: test\r\n\r\nabcd"),
        Attempt("a bare CR", "POST / HTTP/1.1\r\nhost: test\r\nx-a: b\rcontent-length: 4\r\n\r\nabcd"),
        Attempt("a NUL", "GET / HTTP/1.1\r\nhost: test\r\nx-a: b\0c\r\n\r\n"),
        Attempt("no colon", "GET / HTTP/1.1\r\nhost: test\r\nno colon\r\n\r\n"),
        Attempt("no name", "GET / HTTP/1.1\r\nhost: test\r\n: empty\r\n\r\n"),
        Attempt("two hosts", "GET / HTTP/1.1\r\nhost: test\r\nhost: other\r\n\r\n"),
        Attempt("no host", "GET / HTTP/1.1\r\n\r\n"),
        Attempt("a space in the target", "GET /a b HTTP/1.1\r\nhost: test\r\n\r\n"),
        Attempt("something after the version", "GET / HTTP/1.1 x\r\nhost: test\r\n\r\n"),
        Attempt("a control character in the target", "GET /a\u{1}b HTTP/1.1\r\nhost: test\r\n\r\n"),
        Attempt("a space in the method", "G ET / HTTP/1.1\r\nhost: test\r\n\r\n"),
        Attempt("another protocol", "GET / HTTQ/1.1\r\nhost: test\r\n\r\n"),
        Attempt("a TLS greeting", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n"),
    ]

    @Test(arguments: attempts)
    func isRefused(attempt: Attempt) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send(attempt.bytes + Self.smuggled)
            let response = try client.response()
            #expect(response.status == 400)
            #expect(response["connection"] == "close")
            #expect(try client.receiveToEnd() == [])
            #expect(try upstream.count == 0)
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_protocol_error"] == 1)
        }
    }

    @Test(arguments: ["gzip", "chunked, gzip", "gzip, chunked", "xchunked", "chunked, chunked", "identity"])
    func anUnknownTransferCodingIsNotImplemented(coding: String) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send(
                "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: \(coding)\r\n\r\n0\r\n\r\n" + Self.smuggled)
            let response = try client.response()
            #expect(response.status == 501)
            #expect(try client.receiveToEnd() == [])
            #expect(try upstream.count == 0)
        }
    }

    private static let chunks = [
        Attempt("no digit", "x\r\n"), Attempt("a sign", "-1\r\n"), Attempt("a NUL", "1;\0\r\na\r\n"),
        Attempt("more than announced", "1\r\nabc\r\n"), Attempt("too many digits", "FFFFFFFFFFFFFFFFF\r\n"),
        Attempt("a bare LF", "1\na\r\n"), Attempt("a space", " 1\r\na\r\n"),
    ]

    @Test(arguments: chunks)
    func aBadChunkEndsTheConnection(chunk: Attempt) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send(
                "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n" + chunk.bytes + "0\r\n\r\n"
                    + Self.smuggled)
            let response = try client.response()
            #expect(response.status == 400)
            #expect(response["connection"] == "close")
            #expect(try client.receiveToEnd() == [])
            // The head went on before the body was known to be bad; what lies behind it did not.
            #expect(try upstream.count <= 1)
        }
    }

    @Test func aHeadThatIsTooLargeIsRefused() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            for fields in [
                "x-large: " + String(repeating: "a", count: 62_000) + "\r\n",
                (0..<101).map { "x-\($0): a\r\n" }.joined(),
            ] {
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nhost: test\r\n\(fields)\r\n")
                #expect(try client.response().status == 431)
                #expect(try client.receiveToEnd() == [])
            }
            #expect(try upstream.count == 0)
        }
    }
}
