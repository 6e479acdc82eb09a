import Testing

@testable import ProxyConfig

@Suite("a configuration as JSON")
struct ConfigDumpTests {
    private static func dump(_ yaml: String, inline: String? = nil) -> JSON {
        ConfigDump.bootstrap(
            BootstrapTexts(
                file: ResourceText(path: "e.yaml", bytes: Array(yaml.utf8)), inline: inline.map { Array($0.utf8) }))
    }

    /// One cluster with these fields.
    private static func cluster(_ fields: String) -> JSON? {
        let root = dump(Sample.cluster(fields))
        guard case .array(let clusters) = root["static_resources"]?["clusters"] else { return nil }
        return clusters.first
    }

    private static func text(_ json: JSON?) -> String {
        (json?.text ?? "nil").split(separator: "\n").map { $0.drop { $0 == " " } }.joined()
    }

    @Test(
        "values have the form that protobuf gives them",
        arguments: [
            ("connect_timeout", "connectTimeout: 0.25s", "\"0.250s\""),
            ("connect_timeout", "connect_timeout: 5s", "\"5s\""),
            ("connect_timeout", "connect_timeout: 0.0001s", "\"0.000100s\""),
            ("connect_timeout", "connect_timeout: 1.000000001s", "\"1.000000001s\""),
            ("type", "type: 0", "\"STATIC\""), ("type", "type: static", "\"STATIC\""),
            ("lb_policy", "lb_policy: 1", "\"LEAST_REQUEST\""),
            ("respect_dns_ttl", "respect_dns_ttl: yes", "true"),
            ("per_connection_buffer_limit_bytes", "per_connection_buffer_limit_bytes: \"32768\"", "32768"),
            ("per_connection_buffer_limit_bytes", "per_connection_buffer_limit_bytes: 1e3", "1000"),
            (
                "common_lb_config", "common_lb_config: {healthyPanicThreshold: {value: 33.5}}",
                "{\"healthy_panic_threshold\": {\"value\": 33.5}}"
            ),
            ("alt_stat_name", "alt_stat_name: \"5s\"", "\"5s\""),
            (
                "metadata", "metadata: {filter_metadata: {x: {y: 1.5, z: [1, null, true]}}}",
                "{\"filter_metadata\": {\"x\": {\"y\": \"1.5\",\"z\": [1,null,true]}}}"
            ),
            // Given, but as good as not.
            ("dns_resolvers", "dns_resolvers: []", "nil"), ("cleanup_interval", "cleanup_interval: null", "nil"),
        ])
    func forms(field: String, yaml: String, expected: String) {
        #expect(Self.text(Self.cluster(yaml)?[field]) == expected)
    }

    @Test("numbers of 64 bits are strings")
    func long() {
        let root = Self.dump(
            Sample.route(
                "match: {prefix: /, headers: [{name: a, range_match: {start: 1, end: 1e2}}]}, "
                    + "direct_response: {status: 200}"))
        #expect(Self.text(root).contains("\"range_match\": {\"start\": \"1\",\"end\": \"100\"}"))
    }

    @Test("--config-yaml is merged into it")
    func merged() {
        let root = Self.dump("node: {id: a, cluster: b}", inline: "{node: {id: c}, admin: {}}")
        #expect(Self.text(root["node"]) == #"{"id": "c","cluster": "b"}"#)
        #expect(root["admin"] == .members([]))
    }

    @Test("@type comes first, and routes of listeners are found")
    func routes() throws {
        let root = Self.dump(
            Sample.route("match: {prefix: /}, route: {cluster: c, timeout: 1.5s}"))
        let found = ConfigDump.ownRoutes(try #require(root["static_resources"]?["listeners"]))
        #expect(found.count == 1)
        let text = Self.text(found.first)
        #expect(text.hasPrefix("{\"@type\": \"type.googleapis.com/envoy.config.route.v3.RouteConfiguration\","))
        #expect(text.contains("\"route\": {\"cluster\": \"c\",\"timeout\": \"1.500s\"}"))
    }

    @Test("the resources of a file")
    func resources() {
        let type = "\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster"
        let resource = "\"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource"
        let text = """
            version_info: "1"
            resources:
            - {name: a, \(type), connect_timeout: 1s}
            - {\(resource), name: b, resource: {\(type), name: b, type: 0}}
            """
        let found = ConfigDump.resources(ResourceText(path: "/cds", bytes: Array(text.utf8)), .clusters)
        #expect(
            found.map(Self.text) == [
                "{\"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\"name\": \"a\",\"connect_timeout\": \"1s\"}",
                "{\"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\"name\": \"b\",\"type\": \"STATIC\"}",
            ])
    }

    @Test("a listener without a name has that of its address")
    func unnamed() {
        let text = """
            resources:
            - {"@type": type.googleapis.com/envoy.config.listener.v3.Listener, address: {socket_address: {address: 127.0.0.1,
               port_value: 5}}, filter_chains: [{filters: [\(Sample.plainTCP)]}]}
            """
        let found = ConfigDump.resources(ResourceText(path: "/lds", bytes: Array(text.utf8)), .listeners)
        #expect(found.map { $0["name"]?.string } == ["127.0.0.1:5"])
    }
}
