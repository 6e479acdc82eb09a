import Testing

@testable import Proxy

@Suite struct ResponseParserTests {
    @Test func plainResponse() throws {
        let message = "HTTP/1.1 404 Not  Found\r\nServer: x\r\nContent-Length: 3\r\n\r\nabc"
        let head = try #require(parseResponse(message).head)
        #expect(head.length == message.utf8.count - 3)
        #expect(head.status == 404)
        #expect(head.reason == "Not  Found")
        #expect(head.minorVersion == 1)
        #expect(head.framing == .length)
        #expect(head.contentLength == 3)
        #expect(head.fields.map(\.id) == [.server, .contentLength])
        #expect(head.facts == ["persists"])
    }

    static let goodStatusLines: [(String, UInt16, String)] = [
        ("HTTP/1.1 200 OK", UInt16(200), "OK"), ("HTTP/1.1 200 ", 200, ""), ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.0 301 x", 301, "x"), ("HTTP/1.1 999 \u{E4}\t!", 999, "\u{E4}\t!"), ("HTTP/1.1 600 a b", 600, "a b"),
        ("HTTP/1.1 200  OK", 200, " OK"),
    ]

    @Test(arguments: goodStatusLines)
    func statusLines(line: String, status: UInt16, reason: String) {
        let head = parseResponse("\(line)\r\nX: y\r\n\r\n").head
        #expect(head?.status == status)
        #expect(head?.reason == reason)
        #expect(head?.minorVersion == (line.hasPrefix("HTTP/1.0") ? 0 : 1))
        #expect(head?.fields.map(\.value) == ["y"])
    }

    static let wrongStatusLines: [(String, ParseError)] = [
        ("HTTP/1.2 200 OK", ParseError.badVersion), ("HTTP/1.a 200 OK", .badVersion), ("HTTP/1. 1 200 OK", .badVersion),
        ("HTTP/2.0 200 OK", .badStatusLine), ("http/1.1 200 OK", .badStatusLine), ("HTTP/11 200 OK", .badStatusLine),
        ("ICY 200 OK", .badStatusLine), (" HTTP/1.1 200 OK", .badStatusLine), ("\r\nHTTP/1.1 200 OK", .badStatusLine),
        ("HTTP/1.1  200 OK", .badStatusLine), ("HTTP/1.1\t200 OK", .badStatusLine), ("HTTP/1.1 099 OK", .badStatusLine),
        ("HTTP/1.1 000 OK", .badStatusLine), ("HTTP/1.1 20 OK", .badStatusLine), ("HTTP/1.1 2000 OK", .badStatusLine),
        ("HTTP/1.1 20a OK", .badStatusLine), ("HTTP/1.1 -20 OK", .badStatusLine), ("HTTP/1.1 +20 OK", .badStatusLine),
        ("HTTP/1.1 200OK", .badStatusLine), ("HTTP/1.1 200\tOK", .badStatusLine), ("HTTP/1.1 OK 200", .badStatusLine),
        ("HTTP/1.1 200 O\u{0}K", .badStatusLine), ("HTTP/1.1 200 O\u{7F}", .badStatusLine),
        ("HTTP/1.1 200 OK\r", .bareCarriageReturn), ("HTTP/1.1 200 O\rK", .bareCarriageReturn),
        ("HTTP/1.1 200\rOK", .bareCarriageReturn), ("HTTP/1.1 200 OK\nX: y", .bareLineFeed),
        ("HTTP/1.1 200 \nX: y", .bareLineFeed), ("HTTP/1.1 200\nX: y", .badStatusLine),
        ("HTTP/1.1", .badStatusLine), ("<html></html>", .badStatusLine), ("GET / HTTP/1.1", .badStatusLine),
    ]

    @Test(arguments: wrongStatusLines)
    func badStatusLines(line: String, error: ParseError) {
        #expect(parseResponse("\(line)\r\nPadding: y\r\n\r\n").error == error)
    }

    @Test(arguments: [
        ("X : y", ParseError.badHeaderName), (" X: y", .foldedHeader), ("X: y\n", .bareLineFeed),
        ("X: \u{0}", .badHeaderValue), ("X: a\r b", .bareCarriageReturn),
    ])
    func fieldsAreAsStrictAsInRequests(line: String, error: ParseError) {
        #expect(parseResponse("HTTP/1.1 200 OK\r\n\(line)\r\n\r\n").error == error)
    }

    @Test func noHostIsNeededAndAnyIsPassed() {
        #expect(parseResponse("HTTP/1.1 200 OK\r\n\r\n").head != nil)
        #expect(parseResponse("HTTP/1.1 200 OK\r\nHost: a b\r\nHost: c\r\n\r\n").head?.fields.count == 2)
    }

    /// Without length or chunks a body goes to the end of the connection (RFC 9112 §6.3).
    static let framings: [(String, BodyFraming, UInt64)] = [
        ("", BodyFraming.untilClose, UInt64(0)), ("Content-Length: 0\r\n", .none, 0),
        ("Content-Length: 7\r\n", .length, 7), ("Transfer-Encoding: chunked\r\n", .chunked, 0),
    ]

    @Test(arguments: framings)
    func framing(lines: String, framing: BodyFraming, length: UInt64) {
        for status in [200, 201, 205, 206, 302, 400, 404, 500, 999] {
            for method in [Method.get, .post, .put, .delete, .options, .patch, .trace, .other] {
                let head = parseResponse("HTTP/1.1 \(status) x\r\n\(lines)\r\n", to: method).head
                #expect(head?.framing == framing)
                #expect(head?.contentLength == length)
            }
        }
    }

    /// Responses that never have a body, whatever their fields say.
    @Test(arguments: ["", "Content-Length: 0\r\n", "Content-Length: 7\r\n"])
    func framingOfBodiless(lines: String) {
        for status in [100, 101, 102, 103, 199, 204] {
            let parsed = parseResponse("HTTP/1.1 \(status) x\r\n\(lines)\r\n")
            if lines.contains("7") {
                // RFC 9110 §8.6.
                #expect(parsed.error == .badContentLength)
            } else {
                #expect(parsed.head?.framing == BodyFraming.none)
            }
        }
        #expect(parseResponse("HTTP/1.1 304 x\r\n\(lines)\r\n").head?.framing == BodyFraming.none)
        for status in [200, 304, 404, 500] {
            let head = parseResponse("HTTP/1.1 \(status) x\r\n\(lines)\r\n", to: .head).head
            #expect(head?.framing == BodyFraming.none)
            #expect(head?.contentLength == (lines.contains("7") ? 7 : 0))
        }
        #expect(
            parseResponse("HTTP/1.0 200 x\r\nContent-Length: 7\r\n\r\n", to: .head).head?.framing == BodyFraming.none)
    }

    /// RFC 9112 §6.1: no Transfer-Encoding in 1xx and 204; a 304 and the answer to HEAD may say what GET would get.
    @Test func chunkedWithoutBody() {
        for status in [100, 101, 103, 204] {
            let parsed = parseResponse("HTTP/1.1 \(status) x\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(parsed.error == .badTransferEncoding)
        }
        let notModified = parseResponse("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(notModified.head?.framing == BodyFraming.none)
        let toHead = parseResponse("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", to: .head)
        #expect(toHead.head?.framing == BodyFraming.none)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n", false), ("HTTP/1.1 200 OK\r\n", true),
        ("HTTP/1.0 200 OK\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", true),
    ])
    func persistence(lines: String, persists: Bool) {
        #expect(parseResponse(lines + "\r\n").head?.facts.contains("persists") == persists)
    }

    @Test func limits() {
        let head = bytes("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n")
        let exact = HeadParser(.response(to: .get), limits: HeadLimits(bytes: head.count, fields: 2))
        #expect(exact.parseEverySplit(head + bytes("body")).head?.length == head.count)
        let fewer = HeadParser(.response(to: .get), limits: HeadLimits(bytes: head.count, fields: 1))
        #expect(fewer.parseEverySplit(head).error == .tooManyHeaders)
        let shorter = HeadParser(.response(to: .get), limits: HeadLimits(bytes: head.count - 1, fields: 2))
        #expect(shorter.parseEverySplit(head).error == .headTooLarge)
    }
}
