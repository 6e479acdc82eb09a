import ProxyConfig
import Testing

/// Where events of health checks go, and what they say of endpoints.
@Suite struct HealthEventConfigTests {
    private static let required =
        "timeout: 1s, interval: 2s, unhealthy_threshold: 3, healthy_threshold: 4, tcp_health_check: {}"
    private static let sink =
        "\"@type\": type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink"

    private static func text(_ fields: String) -> String {
        Sample.cluster("health_checks: [{\(required), \(fields)}]")
    }

    @Test func filesAreRead() throws {
        let check = try load(
            Self.text(
                "event_log_path: /a, event_logger: [{name: x, typed_config: {\(Self.sink), event_log_path: /b}}, "
                    + "{name: z, typed_config: {\(Self.sink), event_log_path: /c}}]")
        ).bootstrap.clusters.first?.healthCheck
        #expect(check?.eventLogs.map(\.file) == ["/a", "/b", "/c"])
        let none = try load(Self.text("event_log_path: ''")).bootstrap.clusters.first?.healthCheck
        #expect(none?.eventLogs.isEmpty == true)
    }

    @Test(
        arguments: [
            ("{name: x, typed_config: {\(sink)}}", "required field \"event_log_path\" is missing"),
            ("{name: x, typed_config: {\(sink), event_log_path: ''}}", "must not be empty"),
            ("{name: x}", "required field \"typed_config\" is missing"),
            ("{typed_config: {\(sink), event_log_path: /a}}", "required field \"name\" is missing"),
            ("{name: x, typed_config: {'@type': a/b.C}}", "\"a/b.C\" is not supported by this build"),
        ])
    func errorsSayWhere(_ logger: String, _ message: String) {
        let found = errors(Self.text("event_logger: [\(logger)]"))
        #expect(found.count == 1 && found[0].contains(message) && found[0].contains("event_logger[0]"), "\(found)")
    }

    /// The JSON is that of Envoy 1.40, but for the order.
    @Test func metadataIsKeptAsJSON() throws {
        let endpoint = "endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}"
        func metadata(_ text: String) throws -> String? {
            let assignment = "{cluster_name: c, endpoints: [{lb_endpoints: [{\(endpoint)\(text)}]}]}"
            return try load(Sample.cluster("load_assignment: \(assignment)")).bootstrap.clusters.first?.endpoints.first?
                .metadata
        }
        #expect(try metadata("") == "")
        #expect(try metadata(", metadata: {}") == "{}")
        let fields = """
            n: 1, t: "a\\"é\\n", l: [1, 2, null, {}], big: 9007199254740993, e: 1e3, d: 1.0, neg: -5, s: '7', b: true
            """
        #expect(
            try metadata(", metadata: {filter_metadata: {x: {\(fields)}, y: {}}}")
                == #"{"x":{"n":1,"t":"a\"é\n","l":[1,2,null,{}],"big":"9007199254740993","e":"1e3","d":"1.0","neg":-5,"#
                + #""s":"7","b":true},"y":{}}"#)
    }
}
