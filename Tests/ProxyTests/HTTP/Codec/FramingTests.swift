import Testing

@testable import Proxy

/// `Content-Length` against `Transfer-Encoding` (RFC 9112 §6.3): the requests that smuggle others past a proxy.
@Suite struct FramingTests {
    private func parse(
        _ lines: String, version: String = "1.1", sourceLocation: SourceLocation = #_sourceLocation
    ) -> Outcome {
        let message = "POST / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n"
        return parseRequest(message, sourceLocation: sourceLocation)
    }

    static let framings: [(String, BodyFraming, UInt64)] = [
        ("", BodyFraming.none, UInt64(0)), ("Content-Length: 0\r\n", .none, 0), ("Content-Length: 5\r\n", .length, 5),
        ("content-length:005\r\n", .length, 5), ("CONTENT-LENGTH: 5 \t\r\n", .length, 5),
        ("Content-Length: 1000000000000\r\n", .length, 1_000_000_000_000),
        ("Transfer-Encoding: chunked\r\n", .chunked, 0), ("transfer-encoding:\tChunKed \r\n", .chunked, 0),
    ]

    @Test(arguments: framings)
    func validFraming(lines: String, framing: BodyFraming, length: UInt64) {
        let head = parse(lines).head
        #expect(head?.framing == framing)
        #expect(head?.contentLength == length)
    }

    @Test(arguments: [
        "", "+5", "-5", "5,5", "5, 5", "5 5", "0x5", "5.0", "5e1", "\"5\"", "a", "99999999999999999999", "5;", "\u{B2}",
        "5\t5", ",5",
    ])
    func badContentLength(value: String) {
        #expect(parse("Content-Length: \(value)\r\n").error == .badContentLength)
        #expect(parse("Content-Length: \(value)\r\n", version: "1.0").error == .badContentLength)
        #expect(parseResponse("HTTP/1.1 200 OK\r\nContent-Length: \(value)\r\n\r\n").error == .badContentLength)
    }

    /// Two lengths are refused even when they agree: a list of them may be read in other ways by the next party.
    @Test(arguments: [("5", "6"), ("6", "5"), ("5", "5"), ("0", "0"), ("0", "5"), ("5", "x")])
    func severalContentLengths(first: String, second: String) {
        let lines = "Content-Length: \(first)\r\ncontent-length: \(second)\r\n"
        #expect(parse(lines).error == .badContentLength)
        #expect(parse("Content-Length: \(first)\r\nX: y\r\nContent-Length: \(second)\r\n").error == .badContentLength)
        #expect(parseResponse("HTTP/1.1 200 OK\r\n\(lines)\r\n").error == .badContentLength)
    }

    @Test(arguments: ["0", "5", "x", ""])
    func lengthAndChunked(length: String) {
        let pair = ["Content-Length: \(length)\r\n", "Transfer-Encoding: chunked\r\n"]
        for lines in [pair[0] + pair[1], pair[1] + pair[0], pair[1] + "X: y\r\n" + pair[0]] {
            #expect(parse(lines).error == .lengthAndChunked)
            #expect(parseResponse("HTTP/1.1 200 OK\r\n\(lines)\r\n").error == .lengthAndChunked)
        }
    }

    @Test(arguments: [
        "", "gzip", "identity", "chunked, chunked", "gzip, chunked", "chunked, gzip", "chunked,", ", chunked",
        "chunked;q=1", "\"chunked\"", "xchunked", "chunkedx", "chun ked", "chunked identity", "cow",
    ])
    func badTransferEncoding(value: String) {
        #expect(parse("Transfer-Encoding: \(value)\r\n").error == .badTransferEncoding)
        #expect(parse("Transfer-Encoding: \(value)\r\nContent-Length: 5\r\n").error == .lengthAndChunked)
        #expect(parseResponse("HTTP/1.1 200 OK\r\nTransfer-Encoding: \(value)\r\n\r\n").error == .badTransferEncoding)
    }

    @Test func severalTransferEncodings() {
        for (first, second) in [("chunked", "chunked"), ("gzip", "chunked"), ("chunked", "identity"), ("", "chunked")] {
            let lines = "Transfer-Encoding: \(first)\r\nTransfer-Encoding: \(second)\r\n"
            #expect(parse(lines).error == .badTransferEncoding)
        }
    }

    /// HTTP/1.0 knows no chunks (RFC 9112 §6.1).
    @Test func transferEncodingInHTTP10() {
        #expect(parse("Transfer-Encoding: chunked\r\n", version: "1.0").error == .badTransferEncoding)
        #expect(
            parseResponse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").error == .badTransferEncoding)
    }

    /// Names that other parsers might take for the real ones must be refused, or stay other fields.
    static let disguises: [(String, ParseError)] = [
        ("Transfer-Encoding : chunked", ParseError.badHeaderName), ("Transfer-Encoding\t: chunked", .badHeaderName),
        (" Transfer-Encoding: chunked", .foldedHeader), ("X: y\r\n Transfer-Encoding: chunked", .foldedHeader),
        ("Transfer-Encoding:\r\n chunked", .foldedHeader), ("Content-Length : 5", .badHeaderName),
        ("Transfer-Encoding\u{0}: chunked", .badHeaderName), ("Transfer-Encoding: chunked\u{0}", .badHeaderValue),
        ("Transfer-Encoding: \u{B}chunked", .badHeaderValue), ("X: y\nTransfer-Encoding: chunked", .bareLineFeed),
        ("X: y\rTransfer-Encoding: chunked", .bareCarriageReturn), ("Content-Length: 5\n", .bareLineFeed),
        ("Content-Length: 5\r", .bareCarriageReturn), ("Content\u{2D}Length 5", .badHeaderName),
        ("\u{0}Content-Length: 5", .badHeaderName),
    ]

    @Test(arguments: disguises)
    func disguisedNames(lines: String, error: ParseError) {
        #expect(parse(lines + "\r\n").error == error)
    }

    @Test(arguments: [
        "Content_Length: 5", "Transfer_Encoding: chunked", "Transfer-Encodin: chunked", "Content-Length5: 5",
    ])
    func similarNamesAreOtherFields(line: String) {
        let head = parse(line + "\r\n").head
        #expect(head?.framing == BodyFraming.none)
        #expect(head?.fields.last?.id == .other)
    }
}
