import Testing

/// Messages whose end two parsers might see in different places (RFC 9112 §11.2): refused, and nothing reaches the
/// upstream.
@Suite struct SmugglingTests {
    private static let smuggled = "GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n"

    @Test(arguments: [
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4, 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: +4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: -1\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 0x4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 18446744073709551616\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length:\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length : 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\nx-a: b\r\n content-length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n content-length: 4\r\nhost: test\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: test\r\nx-a: b\rcontent-length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nhost: test\r\nx-a: b\0c\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: test\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: test\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: test\r\nhost: other\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET / HTTP/1.1 x\r\nhost: test\r\n\r\n",
        "GET /a\u{1}b HTTP/1.1\r\nhost: test\r\n\r\n",
        "G ET / HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET / HTTQ/1.1\r\nhost: test\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n",
    ])
    func isRefused(request: String) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send(request + Self.smuggled)
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

    @Test(arguments: ["x\r\n", "-1\r\n", "1;\0\r\na\r\n", "1\r\nabc\r\n", "FFFFFFFFFFFFFFFFF\r\n", "1\na\r\n", " 1\r\na\r\n"])
    func aBadChunkEndsTheConnection(chunk: String) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port), concurrency: 1)
            let client = try proxy.client()
            try client.send(
                "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n"
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
