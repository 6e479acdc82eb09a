import ProxyConfig
import Testing

@testable import Proxy

/// What of a request is hashed.
@Suite struct HashPolicyTests {
    private let memory = GuardedMemory()
    private let scratch = OutputScratch(capacity: 256)

    private func request(_ fields: String..., path: String = "/", body: (RoutedRequest) throws -> Void) throws {
        let lines = fields.map { $0 + "\r\n" }.joined()
        let bytes = Array("GET \(path) HTTP/1.1\r\nhost: h\r\n\(lines)\r\n".utf8)
        var head = MessageHead(capacity: 100)
        defer { head.free() }
        let place = memory.place(bytes)
        guard case .complete = head.parseRequest(place, bytes.count, limits: HeadLimits(bytes: 65536, fields: 100))
        else {
            Issue.record("not parsed: \(fields)")
            return
        }
        try withUnsafeMutablePointer(to: &head) { head in try body(RoutedRequest(head: head)) }
    }

    private func hash(_ text: String) -> UInt64 { XXHash64.hash(Bytes(keeping: text)) }

    /// Several fields of one name count in the order of their values, whatever order they came in.
    @Test func fieldsOfOneName() throws {
        let name = Bytes("x-user")
        func chain(_ values: String...) -> UInt64 {
            values.reduce(0) { XXHash64.hash(Bytes(keeping: $1), seed: $0) }
        }
        try request("X-User:  a ") { #expect($0.hash(ofField: name) == chain("a")) }
        try request("x-other: a") { #expect($0.hash(ofField: name) == nil) }
        try request("x-user:") { #expect($0.hash(ofField: name) == chain("")) }
        try request("x-user: b", "x-user: a") { #expect($0.hash(ofField: name) == chain("a", "b")) }
        try request("x-user: a", "x-user: b") { #expect($0.hash(ofField: name) == chain("a", "b")) }
        try request("x-user: a", "x-user: Z", "x-user: a", "x-user: aa") {
            #expect($0.hash(ofField: name) == chain("Z", "a", "a", "aa"))
        }
    }

    @Test func fieldsThatAreOneList() throws {
        func joined(_ request: RoutedRequest) -> String? {
            request.join(Bytes("accept"), in: scratch) ? Bytes(scratch.bytes, scratch.count).string : nil
        }
        try request("accept: b", "Accept: a") { #expect(joined($0) == "b,a") }
        try request("accept:", "accept: a") { #expect(joined($0) == ",a") }
        try request("accept: c") { #expect(joined($0) == "c") }
        try request { #expect(joined($0) == nil) }
        let policy = try #require(CompiledHashPolicy([HashPolicy(.header("accept")), HashPolicy(.header("x-a"))]))
        #expect(policy.rules[0].source == .list && policy.rules[1].source == .field)
    }

    /// As a real Envoy reads them.
    @Test(arguments: [
        ("sid=1", "1"), ("sid=\"q1\"", "q1"), ("sid=", ""), ("sid", ""), ("a=1;sid=2", "2"), ("a=1; sid=3; sid=4", "3"),
        (" sid=5", "5"), ("sid =6", ""), ("sid=7 ;a", "7 "), ("sid=\"8", "\"8"), ("sid=\"\"9\"", "\"9"),
        ("x; sid=10", "10"), ("=1; sid=11", "11"), (";;sid=12", "12"), ("sid=a=b", "a=b"), ("SID=1", ""),
        ("sids=1", ""),
        ("sid=\"", "\""), ("sid=\"\"", ""), (";", ""), ("   ", ""),
    ])
    func cookies(field: String, value: String) throws {
        try request("cookie: \(field)") { #expect($0.cookie(Bytes("sid")).string == value) }
    }

    @Test func cookiesOfSeveralFields() throws {
        try request("cookie: a=1", "cookie: sid=2") { #expect($0.cookie(Bytes("sid")).string == "2") }
        try request("cookie: sid=1", "cookie: sid=2") { #expect($0.cookie(Bytes("sid")).string == "1") }
        try request { #expect($0.cookie(Bytes("sid")).string == "") }
    }

    @Test(
        arguments: [
            ("1.2.3.4", 0, "1.2.3.4"), ("1.2.3.4", 1, nil), ("1.2.3.4, 5.6.7.8", 0, "5.6.7.8"),
            ("1.2.3.4, 5.6.7.8", 1, "1.2.3.4"), ("1.2.3.4,", 0, ""), (",", 1, ""), ("", 0, ""), (" a ,\tb ", 0, "b"),
            ("a,b,c", 2, "a"), ("a,b,c", 3, nil),
        ] as [(String, UInt32, String?)])
    func forwardedAddresses(field: String, place: UInt32, address: String?) throws {
        try request("x-forwarded-for: \(field)") {
            #expect($0.forwardedAddress(fromEnd: place)?.string == address)
        }
    }

    @Test func forwardedAddressesOfSeveralFields() throws {
        try request("x-forwarded-for: a, b", "x-forwarded-for: c") { request in
            #expect((0..<4).map { request.forwardedAddress(fromEnd: $0)?.string } == ["c", "b", "a", nil])
        }
        try request { #expect($0.forwardedAddress(fromEnd: 0) == nil) }
    }

    @Test func literals() {
        func text(_ literal: String) -> String {
            let address = PeerAddress(literal: Bytes(keeping: literal))
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = bytes.withUnsafeMutableBufferPointer { address.write($0.baseAddress!) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
        #expect(text("1.2.3.4") == "1.2.3.4" && text("2001:DB8::1") == "2001:db8::1" && text("::1") == "::1")
        for literal in ["", "x", "1.2.3", "1.2.3.4:80", "[::1]", String(repeating: "1", count: 46)] {
            #expect(PeerAddress(literal: Bytes(keeping: literal)).family == 0, "\(literal)")
        }
    }

    @Test func whatACookieEndsIn() throws {
        func end(_ change: (inout HashCookie) -> Void) throws -> String? {
            var cookie = HashCookie(name: "sid")
            change(&cookie)
            let policy = try #require(CompiledHashPolicy([HashPolicy(.cookie(cookie), isTerminal: true)]))
            #expect(policy.count == 1 && policy.rules[0].isTerminal && policy.rules[0].name.string == "sid")
            return policy.rules[0].cookieEnd?.string
        }
        #expect(try end { _ in } == nil)
        #expect(try end { $0.ttlSeconds = 0 } == "; HttpOnly")
        #expect(
            try end {
                $0.ttlSeconds = 3600
                $0.path = "/p"
                $0.attributes = ["SameSite=Strict", "Secure"]
            } == "; Max-Age=3600; Path=/p; SameSite=Strict; Secure; HttpOnly")
        #expect(CompiledHashPolicy([]) == nil)
    }

    @Test func namesThatAreNoFields() throws {
        let names = [":method", ":path", ":authority", ":scheme", "host", "x-forwarded-for", "x-user"]
        let policy = try #require(CompiledHashPolicy(names.map { HashPolicy(.header($0)) }))
        let sources = (0..<policy.count).map { policy.rules[$0].source }
        #expect(sources == [.method, .path, .authority, .scheme, .authority, .forwardedFor, .field])
    }
}
