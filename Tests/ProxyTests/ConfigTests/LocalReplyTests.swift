import Testing

@testable import ProxyConfig

@Suite("local_reply_config")
struct LocalReplyTests {
    private func manager(_ config: String) -> String {
        Sample.hcm(
            "stat_prefix: p, \(Sample.router), local_reply_config: {\(config)}, route_config: {virtual_hosts: []}")
    }

    private func replies(_ config: String) throws -> LocalReplyConfig? {
        let bootstrap = try load(manager(config)).bootstrap
        guard case .httpConnectionManager(let http)? = bootstrap.listeners.first?.allChains.first?.filter else {
            return nil
        }
        return http.localReplies
    }

    private static let status =
        "filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 404, runtime_key: k}}}}"

    @Test("mappers and formats")
    func mappers() throws {
        let found = try #require(
            try replies(
                """
                mappers: [{\(Self.status), status_code: 410, body: {inline_string: b},
                  body_format_override: {json_format: {a: "%LOCAL_REPLY_BODY%"}},
                  headers_to_add: [{header: {key: X, value: "%RESPONSE_CODE%"}, append_action: ADD_IF_ABSENT}]},
                  {\(Self.status)}],
                body_format: {text_format: "%RESP(:STATUS)%", omit_empty_values: true}
                """))
        #expect(found.mappers.map(\.status) == [410, nil] && found.mappers.map(\.body) == [Array("b".utf8), nil])
        #expect(
            found.mappers.map(\.filter) == Array(repeating: .status(LogComparison(.equal, 404, key: "k")), count: 2))
        let body = LogFormat(.json(.object([LogMember("a", .template([.field(.localReplyBody)]))])))
        #expect(found.mappers[0].format == ReplyFormat(body, contentType: "application/json"))
        var header = HeaderAddition(name: "x", value: [.field(.responseCode)])
        header.action = .addIfAbsent
        #expect(found.mappers[0].added == [header] && found.mappers[1].added.isEmpty && found.mappers[1].format == nil)
        let text = LogFormat(.text([.response(LogHeader(":status"), maxLength: nil)]), omitsEmpty: true)
        #expect(found.format == ReplyFormat(text, contentType: "text/plain"))
        let typed = try replies("body_format: {text_format: a, content_type: text/html}")
        #expect(typed?.format?.contentType == "text/html" && typed?.mappers.isEmpty == true)
        #expect(try replies("") == nil)
    }

    @Test("keys of filters are known to the runtime")
    func keys() throws {
        #expect(RuntimeKeys(try load(manager("mappers: [{\(Self.status)}]")).bootstrap).contains("k"))
    }

    @Test(
        "faults are told",
        arguments: [
            ("mappers: [{status_code: 200}]", "required field \"filter\" is missing"),
            ("mappers: [{\(status), status_code: 199}]", "199"),
            ("mappers: [{\(status), body: {filename: f}}]", "filename"),
            ("mappers: [{\(status), headers_to_add: [{header: {key: content-length, value: 1}}]}]", "content-length"),
            ("body_format: {text_format: '%RESP(X)%'}", "%RESP(…)% has no value in the body of an answer"),
            ("body_format: {json_format: {a: [{b: 'x%RESP(X)%'}]}}", "%RESP(…)% has no value in the body of an answer"),
            ("body_format: {text_format: a, content_type: \"a\\nb\"}", "has control characters"),
            ("body_format: {}", "text_format"),
        ])
    func faults(_ config: String, _ message: String) {
        let found = errors(manager(config))
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }
}
