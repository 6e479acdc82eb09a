import CLinux
import Glibc
import Testing

@testable import Proxy

/// Answers that are made by a thread while they are sent.
@Suite("Admin bodies in pieces")
struct BodyStreamTests {
    private static let names = 9000

    private func client() throws -> AdminClient {
        let client = try AdminClient()
        for i in 0..<Self.names { client.context.count("cluster.c\(i).upstream_rq_total", UInt64(i)) }
        return client
    }

    /// The body of a message in chunks, and what follows it.
    private func body(_ text: String) throws -> (body: String, rest: Substring) {
        let head = try #require(text.range(of: "\r\n\r\n"))
        var rest = text[head.upperBound...]
        var body = ""
        while true {
            let end = try #require(rest.range(of: "\r\n"))
            let size = try #require(Int(rest[..<end.lowerBound], radix: 16))
            rest = rest[end.upperBound...]
            let piece = rest.utf8.prefix(size)
            body += String(decoding: piece, as: UTF8.self)
            rest = rest[piece.endIndex...].dropFirst(1)
            if size == 0 { return (body, rest) }
        }
    }

    @Test("A large answer is whole, and the next request is answered behind it")
    func whole() throws {
        let client = try client()
        let expected = client.context.get("/stats?filter=^cluster").body
        #expect(expected.utf8.count > 300_000)
        client.send("GET /stats?filter=^cluster HTTP/1.1\r\nHost: a\r\n\r\nGET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
        var text = ""
        while !text.hasSuffix("LIVE\n\r\n0\r\n\r\n") {
            let more = client.read(patience: 1000)
            try #require(!more.ended)
            text += more.text
        }
        #expect(try body(text).body == expected)
        #expect(client.value("http.admin.downstream_rq_active") == 0)
        #expect(client.value("http.admin.downstream_rq_2xx") == 2)
    }

    @Test("HTTP/1.0 gets it until the connection ends, HEAD gets none of it")
    func others() throws {
        let client = try client()
        let expected = client.context.get("/stats?filter=^cluster").body
        client.send("GET /stats?filter=^cluster HTTP/1.0\r\n\r\n")
        var text = ""
        while true {
            let more = client.read(patience: 1000)
            text += more.text
            if more.ended { break }
        }
        #expect(!text.contains("content-length") && !text.contains("chunked"))
        #expect(text.hasSuffix("\r\n\r\n" + expected))
        client.connect()
        client.send("HEAD /stats?filter=^cluster HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.answers(patience: 1000).hasSuffix("transfer-encoding: chunked\r\n\r\n"))
    }

    @Test("A client that goes away in the middle costs nothing")
    func goesAway() throws {
        let client = try client()
        for _ in 0..<3 {
            client.connect()
            client.send("GET /stats HTTP/1.1\r\nHost: a\r\n\r\n")
            client.close()
            for _ in 0..<20 where client.value("http.admin.downstream_cx_active") > 0 { client.turn() }
        }
        client.connect()
        client.send("GET /stats?filter=c8999 HTTP/1.1\r\nHost: a\r\n\r\n")
        var text = ""
        while !text.hasSuffix("\r\n0\r\n\r\n") {
            let more = client.read(patience: 1000)
            try #require(!more.ended)
            text += more.text
        }
        #expect(text.contains("cluster.c8999.upstream_rq_total: 8999\n"))
        #expect(client.value("http.admin.downstream_rq_active") == 0)
    }

    @Test("What waits for a client is bounded")
    func bounded() throws {
        let stream = try BodyStream {}
        try stream.start { stream in
            for _ in 0..<1000 { Array(repeating: UInt8(7), count: 1000).withUnsafeBytes { stream.write($0) } }
        }
        var total = 0
        loop: while true {
            switch stream.next() {
            case .piece(let piece): total += piece.count
            case .later: usleep(100)
            case .end: break loop
            }
        }
        #expect(total == 1_000_000)
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { self[...].range(of: text) }
}

extension Substring {
    /// By bytes: a CRLF is one character.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        let wanted = Array(text.utf8)
        var at = utf8.startIndex
        while let found = utf8[at...].firstIndex(of: wanted[0]) {
            if utf8[found...].starts(with: wanted) {
                return found..<utf8.index(found, offsetBy: wanted.count)
            }
            at = utf8.index(after: found)
        }
        return nil
    }
}
