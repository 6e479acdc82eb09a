import Testing

@testable import ProxyConfig

@Suite("Headers that are added and removed")
struct HeaderChangesTests {
    private func hosts(_ host: String, _ route: String, _ config: String = "") -> String {
        Sample.hcm(
            "stat_prefix: p, \(Sample.router), route_config: {\(config) virtual_hosts: [{name: v, domains: ['*'], \(host) "
                + "routes: [{match: {prefix: /}, route: {cluster: c}, \(route)}]}]}")
    }

    @Test("the levels stand in the order in which they act")
    func levels() throws {
        let add = "request_headers_to_add: [{header: {key: X, value: "
        func names(_ config: String) throws -> [String] {
            let text = hosts("\(add)host}}],", "\(add)route}}]", "\(config) \(add)config}}],")
            return try #require(try load(text).route).requestChanges.map { level in
                if case .literal(let text)? = level.added.first?.value.first { return text }
                return ""
            }
        }
        #expect(try names("") == ["route", "host", "config"])
        #expect(try names("most_specific_header_mutations_wins: true,") == ["config", "host", "route"])
        let plain = try #require(try load(hosts("", "")).route)
        #expect(plain.requestChanges.isEmpty && plain.responseChanges.isEmpty)
    }

    @Test("values, actions and names")
    func additions() throws {
        let changes = try #require(
            try load(
                hosts(
                    "",
                    """
                    response_headers_to_remove: [X-Gone], response_headers_to_add: [
                    {header: {key: X-A, value: "a%REQ(B?C):3%"}, append_action: ADD_IF_ABSENT, keep_empty_value: true},
                    {header: {key: b}, append: false}, {header: {key: c, value: v}, append: true}]
                    """)
            ).route?.responseChanges.first)
        #expect(changes.removed == ["x-gone"])
        #expect(changes.added.map(\.name) == ["x-a", "b", "c"])
        #expect(changes.added.map(\.action) == [.addIfAbsent, .overwriteOrAdd, .append])
        #expect(changes.added.map(\.keepsEmpty) == [true, false, false])
        #expect(
            changes.added.map(\.value) == [
                [.literal("a"), .request(LogHeader("b", or: "c"), maxLength: 3)], [], [.literal("v")],
            ])
    }

    @Test(
        "faults are told",
        arguments: [
            (
                "request_headers_to_add: [{header: {key: ':path', value: a}}]",
                "neither host nor names that begin with a colon"
            ),
            ("request_headers_to_remove: [Host]", "neither host nor names that begin with a colon"),
            ("response_headers_to_remove: [Content-Length]", "says where the message ends"),
            ("request_headers_to_add: [{header: {key: 'a b', value: a}}]", "\"a b\" is not the name of a header"),
            ("request_headers_to_add: [{header: {value: a}}]", "required field \"key\" is missing"),
            ("request_headers_to_add: [{}]", "required field \"header\" is missing"),
            ("request_headers_to_add: [{header: {key: a, value: '%BOGUS%'}}]", "command operator \"BOGUS\" is unknown"),
            (
                "request_headers_to_add: [{header: {key: a, value: '%RESP(X)%'}}]",
                "command operator \"RESP\" is not supported in headers of a request by this build"
            ),
            (
                "response_headers_to_add: [{header: {key: a, value: '%RESPONSE_CODE%'}}]",
                "command operator \"RESPONSE_CODE\" is not supported in headers of a response by this build"
            ),
            ("request_headers_to_add: [{header: {key: a, value: \"a\\nb\"}}]", "has control characters"),
            (
                "request_headers_to_add: [{header: {key: a, value: b}, append: true, append_action: ADD_IF_ABSENT}]",
                "only one of append, append_action may be given"
            ),
        ])
    func faults(_ route: String, _ message: String) {
        let found = errors(hosts("", route))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
