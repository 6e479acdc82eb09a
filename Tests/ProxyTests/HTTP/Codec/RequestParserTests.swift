import Testing

@testable import Proxy

@Suite struct RequestParserTests {
    @Test func plainRequest() throws {
        let message = "GET /a/b?c=d HTTP/1.1\r\nHost: example.com:80\r\nAccept: */*\r\n\r\nBODY"
        let head = try #require(parseRequest(message).head)
        #expect(head.length == message.utf8.count - 4)
        #expect(head.method == .get)
        #expect(head.methodText == "GET")
        #expect(head.target == "/a/b?c=d")
        #expect(head.authority == "example.com:80")
        #expect(!head.isAbsoluteForm)
        #expect(head.minorVersion == 1)
        #expect(head.framing == .none)
        #expect(head.facts == ["persists"])
        #expect(head.upgradeField == -1)
        #expect(head.fields.map(\.name) == ["Host", "Accept"])
        #expect(head.fields.map(\.value) == ["example.com:80", "*/*"])
        #expect(head.fields.map(\.id) == [.host, .other])
    }

    /// A head that is reused must not remember the message before.
    @Test func headForgetsTheLastMessage() throws {
        let parser = HeadParser(.request)
        let fresh = parser.parse(bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        let rich = """
            POST http://b/c HTTP/1.0\r\nHost: a\r\nConnection: close, keep-alive, upgrade, x\r\nX: y\r\nTE: trailers\r
            Upgrade: h\r\nContent-Length: 5\r\n\r\n
            """
        #expect(parser.parse(bytes(rich)).head?.facts == ["close", "keep-alive", "upgrade", "trailers"])
        #expect(parser.parse(bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == fresh)
        #expect(parser.parse(bytes("GET")) == .incomplete)
        #expect(parser.parse(bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == fresh)
    }

    @Test(arguments: [
        ("GET", Method.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
        ("OPTIONS", .options), ("TRACE", .trace), ("PATCH", .patch),
    ])
    func methodsWithMeaning(name: String, method: Method) throws {
        let head = try #require(parseRequest("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").head)
        #expect(head.method == method)
        #expect(head.methodText == name)
    }

    /// The further methods of Envoy's codec.
    @Test(arguments: [
        "ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE",
        "MSEARCH", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE",
        "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
    ])
    func methodsPassedOn(name: String) {
        #expect(parseRequest("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").head?.method == .other)
        #expect(parseRequest("\(name)\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").error == .badMethod)
        #expect(parseRequest("\(name.lowercased()) / HTTP/1.1\r\nHost: a\r\n\r\n").error == .badMethod)
    }

    @Test(arguments: [
        "get / HTTP/1.1", "Get / HTTP/1.1", "GE / HTTP/1.1", "GETS / HTTP/1.1", "FOO / HTTP/1.1", " GET / HTTP/1.1",
        "\tGET / HTTP/1.1", "GET\t/ HTTP/1.1", "G\u{0}T / HTTP/1.1", "GET\u{0} / HTTP/1.1", "GET: / HTTP/1.1",
        "\u{C7}ET / HTTP/1.1", "PRI * HTTP/2.0", "\u{16}\u{3}\u{1}", "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1",
        "GET\r\n/ HTTP/1.1", "/ HTTP/1.1", "\u{7F}GET / HTTP/1.1", "GET,POST / HTTP/1.1",
    ])
    func badMethods(line: String) {
        #expect(parseRequest("\(line)\r\nHost: a\r\n\r\n").error == .badMethod)
    }

    @Test func endlessMethodIsRefusedEarly() {
        #expect(HeadParser(.request).parse(bytes("ABCDEFGHIJK")) == .incomplete)
        #expect(HeadParser(.request).parse(bytes("ABCDEFGHIJKL")) == .failed(.badMethod))
    }

    @Test(arguments: [
        "/", "//", "/a//b", "/?", "/%00", "/a/../b", "/\"<>\\^`{|}", "/a;b=c", "/x?y?z", "/*", "/http://a/",
        "/~!$&'()+,;=:@",
    ])
    func originFormTargets(target: String) {
        let head = parseRequest("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").head
        #expect(head?.target == target)
        #expect(head?.authority == "a")
        #expect(head?.isAbsoluteForm == false)
    }

    static let absoluteForms: [(String, String, String)] = [
        ("http://b/c?d", "b", "/c?d"), ("http://b", "b", "/"), ("http://b?d", "b", "?d"), ("HTTP://b:80/", "b:80", "/"),
        ("https://b/c", "b", "/c"), ("hTTpS://b", "b", "/"), ("http://[::1]:8/x", "[::1]:8", "/x"),
        ("http://b/http://c/", "b", "/http://c/"), ("http://b#f", "b", "#f"), ("https://B.c//", "B.c", "//"),
    ]

    @Test(arguments: absoluteForms)
    func absoluteFormTargets(target: String, authority: String, path: String) {
        for host in ["Host: other\r\n", "Host: b\r\n", ""] {
            let head = parseRequest("GET \(target) HTTP/1.1\r\n\(host)\r\n").head
            #expect(head?.isAbsoluteForm == true)
            #expect(head?.authority == authority, "the target wins over Host")
            #expect(head?.target == path)
        }
    }

    @Test(arguments: [
        "GET  / HTTP/1.1", "GET a HTTP/1.1", "GET a/b HTTP/1.1", "GET ?x HTTP/1.1", "GET * HTTP/1.1",
        "OPTIONS ** HTTP/1.1", "OPTIONS *a HTTP/1.1", "GET http:// HTTP/1.1", "GET https:// HTTP/1.1",
        "GET http:/a HTTP/1.1", "GET ftp://a/ HTTP/1.1",
        "GET httpx://a/ HTTP/1.1", "GET example.com:80 HTTP/1.1", "GET /a\tb HTTP/1.1", "GET /\u{0} HTTP/1.1",
        "GET /\u{7F} HTTP/1.1", "GET /\u{E4} HTTP/1.1", "GET \tHTTP/1.1", "GET \r\n", "GET /a\u{B} HTTP/1.1",
        "CONNECT /a HTTP/1.1", "CONNECT a HTTP/1.1", "CONNECT :1 HTTP/1.1", "CONNECT a: HTTP/1.1",
        "CONNECT a:x HTTP/1.1",
        "CONNECT a:65536 HTTP/1.1", "CONNECT http://a/ HTTP/1.1", "CONNECT * HTTP/1.1", "GET /\u{1B} HTTP/1.1",
        "GET \n", "GET /\n",
    ])
    func badTargets(line: String) {
        #expect(parseRequest("\(line)\r\nHost: a\r\n\r\n").error == .badTarget)
    }

    @Test func asteriskAndAuthorityForm() {
        #expect(parseRequest("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head?.target == "*")
        let connect = parseRequest("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n").head
        #expect(connect?.method == .connect)
        #expect(connect?.target == "b:443")
        // The target is its authority, whatever Host says (RFC 9112 §3.2.3).
        let other = parseRequest("CONNECT [::1]:0 HTTP/1.1\r\nHost: c\r\nContent-Length: 0\r\n\r\n").head
        #expect(other?.authority == "[::1]:0")
        let body = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n"
        #expect(parseRequest("\(body)Content-Length: 1\r\n\r\n").error == .badContentLength)
        #expect(parseRequest("\(body)Transfer-Encoding: chunked\r\n\r\n").error == .badTransferEncoding)
    }

    @Test(arguments: [
        ("HTTP/1.1", UInt8(1)), ("HTTP/1.0", 0),
    ])
    func versions(version: String, minor: UInt8) {
        #expect(parseRequest("GET / \(version)\r\nHost: a\r\n\r\n").head?.minorVersion == minor)
    }

    static let unknownVersions: [(String, ParseError)] = [
        ("GET / HTTP/1.2", ParseError.versionNotSupported), ("GET / HTTP/1.9", .versionNotSupported),
        ("GET / HTTP/2.0", .versionNotSupported), ("GET / HTTP/0.9", .versionNotSupported),
        ("GET / HTTP/3.1", .versionNotSupported), ("GET /", .versionNotSupported), ("GET / http/1.1", .badVersion),
        ("GET / HTTP/11", .badVersion), ("GET / HTTP/1", .badVersion), ("GET / HTTP/a.b", .badVersion),
        ("GET / HTTP/1,1", .badVersion), ("GET / HTTP/.11", .badVersion), ("GET / HTTPS/1.1", .badVersion),
        ("GET /  HTTP/1.1", .badVersion), ("GET / ICE/1.0", .badVersion), ("GET / HTTP/-1.1", .badVersion),
        ("GET / b HTTP/1.1", .badVersion), ("GET / ", .badVersion), ("GET / HTTP/1.\u{0}", .badVersion),
        ("GET / HTTP/1.10", .badRequestLine), ("GET / HTTP/1.1 ", .badRequestLine),
        ("GET / HTTP/1.1\t", .badRequestLine), ("GET / HTTP/1.1 x", .badRequestLine),
        ("GET / HTTP/1.1\r", .badRequestLine), ("GET / HTTP/1.1\u{0}", .badRequestLine),
    ]

    @Test(arguments: unknownVersions)
    func badVersions(line: String, error: ParseError) {
        #expect(parseRequest("\(line)\r\nHost: a\r\n\r\n").error == error)
    }

    static let badLineEndings: [(String, ParseError)] = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", ParseError.bareLineFeed),
        ("GET / HTTP/1.1\n\n", .bareLineFeed), ("\nGET / HTTP/1.1\r\n\r\n", .bareLineFeed),
        ("\r\n\nGET / HTTP/1.1\r\n\r\n", .bareLineFeed), ("\rGET / HTTP/1.1\r\n\r\n", .bareCarriageReturn),
        ("\r\rGET / HTTP/1.1\r\n\r\n", .bareCarriageReturn), ("GET / HTTP/1.1\rHost: a\r\n\r\n", .badRequestLine),
    ]

    @Test(arguments: badLineEndings)
    func lineEndings(message: String, error: ParseError) {
        #expect(parseRequest(message).error == error)
    }

    @Test func emptyLinesBeforeTheRequestAreSkipped() {
        let head = parseRequest("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").head
        #expect(head?.methodText == "GET")
        #expect(head?.length == 31)
        #expect(parseRequest("\r\n\r\n") == .incomplete)
    }

    @Test(arguments: [
        "a", "a.b", "a:80", "[::1]", "[2001:db8::1]:443", "1.2.3.4", "A-b_c~d", "a%20b", "a!$&'()*+,;=b", "u@h", "",
    ])
    func hosts(host: String) {
        #expect(parseRequest("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").head?.authority == host)
    }

    @Test(arguments: [
        "a b", "a/b", "a?b", "a#b", "a\tb", "a\"b", "a\\b", "<a>", "a{b}", "a|b", "a^b", "a`b", "\u{E4}",
    ])
    func badHosts(host: String) {
        #expect(parseRequest("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").error == .badHost)
        #expect(parseRequest("GET http://ok/ HTTP/1.1\r\nHost: \(host)\r\n\r\n").error == .badHost)
    }

    @Test(arguments: [
        "http://a\"b/", "http://a\\b/", "http://<a>/", "http://a^b", "https://a|b/", "http://{a}/", "http:///a",
        "https://?a", "http://:80/", "http://a:/", "http://a:x/", "http://a:65536/", "http://a:80:80/", "http://u@a/",
        "http://a@", "http://a,b/", "http://a_b/", "http://a%20b/", "http://[]/", "http://[::1", "http://[::1]x/",
        "http://[a.b]:", "http://[x]/", "http://[::1]:/", "http://a[b/", "http://a]/", "http://]/",
    ])
    func badAuthoritiesInTheTarget(target: String) {
        #expect(parseRequest("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").error == .badURL)
    }

    @Test func numberOfHosts() {
        #expect(parseRequest("GET / HTTP/1.1\r\n\r\n").error == .missingHost)
        #expect(parseRequest("GET / HTTP/1.1\r\nHosts: a\r\n\r\n").error == .missingHost)
        #expect(parseRequest("GET / HTTP/1.0\r\n\r\n").head?.authority == "")
        for version in ["1.0", "1.1"] {
            for second in ["a", "b", ""] {
                let message = "GET / HTTP/\(version)\r\nHost: a\r\nhost: \(second)\r\n\r\n"
                #expect(parseRequest(message).error == .duplicateHost)
            }
        }
        #expect(parseRequest("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").error == .duplicateHost)
    }
}
