import Testing

@testable import Proxy
@testable import ProxyConfig

/// Redirects that are followed, without a socket.
@Suite struct RedirectTests {
    private static func parse(_ text: String) -> [String]? {
        RedirectURL(Bytes(keeping: text)).map {
            [$0.isHTTP ? "http" : "other", $0.authority.string, $0.target.string]
        }
    }

    @Test(arguments: [
        ("http://h/a?b#c", ["http", "h", "/a?b"]), ("HTTP://H.Example:080", ["http", "H.Example:080", "/"]),
        ("https://[::1]:443/", ["other", "[::1]:443", "/"]), ("http://me:secret@h:0?q", ["http", "h:0", "?q"]),
        ("ftp://h/<>\"", ["other", "h", "/<>\""]),
    ])
    func urls(text: String, parts: [String]) { #expect(Self.parse(text) == parts) }

    @Test(arguments: [
        "", "/a", "//h/a", "http:/h/a", "http:///a", "http://h:/a", "http://h_x/", "http://h x/", "http://h/a b",
        "http://h/\u{e9}", "http://h:65536/", "http://h:99999999999999999999/", "http://[::1/", "http://[]/",
        "http://[g]/",
        "http://h#f", "http://h%41/", "http://a@b@c/", "http://a\"@h/", "h2://h/", "http://h/#\u{7f}", "http://[::1]x/",
    ])
    func notURLs(text: String) { #expect(Self.parse(text) == nil) }

    @Test func thePolicyTravels() throws {
        var policy = InternalRedirectPolicy()
        policy.most = 3
        policy.statuses = [301, 308]
        policy.predicates = [.previousRoutes, .safeCrossScheme, .allowListed(["a", "b"]), .allowListed([])]
        policy.crossesSchemes = true
        policy.copiedHeaders = ["x-a"]
        var writer = RecordWriter(capacity: 64)
        RedirectPolicyRecord.write(policy, routeName: "r", into: &writer)
        let bytes = Array(writer.bytes)
        try bytes.withUnsafeBufferPointer { memory in
            let start = try #require(memory.baseAddress)
            let read = try RedirectPolicyRecord(RecordBytes(start, memory.count))
            #expect(read.policy.predicates.count == 4 && read.policy.predicates.contains(.allowListed(["a", "b"])))
            #expect(read.policy.most == 3 && read.policy.statuses == [301, 308] && read.policy.crossesSchemes)
            #expect(read.policy.copiedHeaders == ["x-a"] && read.routeName == Array("r".utf8))
            for count in 1..<memory.count { _ = try? RedirectPolicyRecord(RecordBytes(start, count)) }
        }
    }

    @Test func aHeaderThatIsNoneDoesNot() throws {
        var policy = InternalRedirectPolicy()
        policy.copiedHeaders = ["x a"]
        var writer = RecordWriter(capacity: 64)
        RedirectPolicyRecord.write(policy, routeName: "", into: &writer)
        let bytes = Array(writer.bytes)
        #expect(throws: RecordError.self) {
            try bytes.withUnsafeBufferPointer {
                _ = try RedirectPolicyRecord(RecordBytes($0.baseAddress.unsafelyUnwrapped, $0.count))
            }
        }
    }

    @Test func whereARouteHasSentIt() {
        var state = RedirectState()
        defer { state.free() }
        func isNew(_ route: StaticString, _ target: StaticString) -> Bool {
            state.notePrevious(Bytes(route), Bytes(target))
        }
        let first = [isNew("a", "b"), isNew("a", ""), isNew("b", "a")]
        let again = [isNew("a", "b"), isNew("a", "")]
        #expect(first == [true, true, true] && again == [false, false])
        // Of another process, which may have said anything.
        let wild: [UInt8] = [1, 0, 0, 0, 97, 255, 255, 255, 255]
        wild.withUnsafeBufferPointer { state.previous.append($0.baseAddress.unsafelyUnwrapped, $0.count) }
        let other = isNew("x", "y")
        #expect(other)
    }
}
