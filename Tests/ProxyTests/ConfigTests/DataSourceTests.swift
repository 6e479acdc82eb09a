import Testing

@testable import ProxyConfig

@Suite("data sources")
struct DataSourceTests {
    private static let sources = DataSources(
        file: { (path) throws(DataSources.Failure) in
            guard path == "/body" else { throw DataSources.Failure("is not there") }
            return [0xFF, 10]
        },
        variable: { $0 == "SET" ? Array("value".utf8) : nil })

    private static func config(_ source: String) -> String {
        Sample.hcm(
            """
            stat_prefix: p, http_filters: [{name: r, typed_config: {"@type": \(Sample.routerType)}}], route_config: \
            {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: \
            {status: 200, body: \(source)}}]}]}
            """)
    }

    private static func body(_ source: String) throws -> [UInt8]? {
        let chain = try load(config(source), sources: sources).bootstrap.listeners.first?.allChains.first
        guard case .httpConnectionManager(let http)? = chain?.filter,
            case .directResponse(_, let body)? = http.routes.virtualHosts.first?.routes.first?.action
        else { return nil }
        return body
    }

    @Test("texts, bytes, files and variables") func all() throws {
        #expect(try Self.body("{inline_string: a}") == Array("a".utf8))
        #expect(try Self.body("{inline_bytes: /wA=}") == [0xFF, 0])
        #expect(try Self.body("{filename: /body}") == [0xFF, 10])
        #expect(try Self.body("{environment_variable: SET}") == Array("value".utf8))
    }

    @Test(
        "what cannot be read is said with its place",
        arguments: [
            ("{filename: /other}", "body.filename: \"/other\" is not there"),
            ("{filename: \"\"}", "body.filename: must not be empty"),
            ("{environment_variable: UNSET}", "body.environment_variable: the environment has no variable \"UNSET\""),
            ("{inline_bytes: \"%\"}", "body.inline_bytes: \"%\" is not base64"),
            ("{filename: /body, watched_directory: {path: /}}", "body.watched_directory: "),
            ("{}", "body: "),
        ]) func errors(source: String, error: String) throws
    {
        let found = #expect(throws: ConfigurationError.self) {
            try load(Self.config(source), sources: Self.sources)
        }
        #expect(found?.diagnostics.map(\.description).filter { $0.contains(error) }.count == 1)
    }
}
