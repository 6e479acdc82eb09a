import ProxyConfig
import Testing

@testable import Proxy

@Suite("/config_dump")
struct ConfigDumpEndpointTests {
    let context = FakeContext()

    init() {
        context.node.id = "me"
        let yaml = """
            node: { id: text, cluster: us, metadata: { a: 1 } }
            static_resources:
              listeners:
              - name: own
                address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
                filter_chains:
                - filters:
                  - name: http
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      route_config: { name: local }
              clusters: [{ name: some, connect_timeout: 0.25s }, { name: other }]
            """
        var config = ConfigInUse()
        config.texts.file = ResourceText(path: "e.yaml", bytes: Array(yaml.utf8))
        config.loadedMs = 1_000
        config.clusters = ResourcesInUse(
            Self.file("cluster.v3.Cluster", "{ name: dyn }", "{ name: not_in_use }"), version: "c1", names: ["dyn"],
            nowMs: 2_000)
        config.routes = [
            RoutesInUse(
                name: "rr",
                text: Self.file(
                    "route.v3.RouteConfiguration", "{ name: other }", "{ name: rr, response_headers_to_remove: [x] }"),
                version: "", updatedMs: 3_500)
        ]
        context.configInUse = config
    }

    private static func file(_ type: String, _ resources: String...) -> ResourceText {
        let items = resources.map {
            "- { \"@type\": type.googleapis.com/envoy.config.\(type), \($0.dropFirst(1))\n"
        }
        return ResourceText(path: "/\(type)", bytes: Array("resources:\n\(items.joined())".utf8))
    }

    private func dump(_ query: String) -> String {
        let answer = context.get("/config_dump\(query)")
        let line = answer.body.split(separator: "\n").map { $0.drop { $0 == " " } }.joined()
        return "\(answer.status) \(line)"
    }

    private static let admin = "\"@type\": \"type.googleapis.com/envoy.admin.v3"
    private static let config = "\"@type\": \"type.googleapis.com/envoy.config"

    @Test("all of it, in Envoy's order")
    func all() {
        let text = dump("")
        #expect(
            text.hasPrefix(
                "200 {\"configs\": [{\(Self.admin).BootstrapConfigDump\",\"bootstrap\": {\"node\": {\"id\": \"me\""))
        var rest = text[...]
        for type in ["Bootstrap", "Clusters", "Listeners", "ScopedRoutes", "Routes", "Secrets"] {
            let parts = rest.split(separator: "\(Self.admin).\(type)ConfigDump\"", maxSplits: 1)
            #expect(parts.count == 2, "\(type)")
            rest = parts.last ?? rest
        }
        #expect(
            text.contains("\"metadata\": {\"a\": 1}") && text.contains("\"last_updated\": \"1970-01-01T00:00:01Z\""))
        #expect(!text.contains("Endpoints") && !text.contains("not_in_use"))
    }

    @Test(
        "one list of it, a message each",
        arguments: [
            (
                "static_clusters&name_regex=s.me",
                "{\(admin).ClustersConfigDump.StaticCluster\",\"cluster\": {\(config).cluster.v3.Cluster\","
                    + "\"name\": \"some\",\"connect_timeout\": \"0.250s\"},\"last_updated\": \"1970-01-01T00:00:01Z\"}"
            ),
            ("static_clusters&name_regex=o", ""),
            (
                "dynamic_active_clusters",
                "{\(admin).ClustersConfigDump.DynamicCluster\",\"version_info\": \"c1\",\"cluster\": "
                    + "{\(config).cluster.v3.Cluster\",\"name\": \"dyn\"},\"last_updated\": \"1970-01-01T00:00:02Z\"}"
            ),
            (
                "static_route_configs",
                "{\(admin).RoutesConfigDump.StaticRouteConfig\",\"route_config\": "
                    + "{\(config).route.v3.RouteConfiguration\",\"name\": \"local\"},\"last_updated\": \"1970-01-01T00:00:01Z\"}"
            ),
            (
                "dynamic_route_configs",
                "{\(admin).RoutesConfigDump.DynamicRouteConfig\",\"route_config\": "
                    + "{\(config).route.v3.RouteConfiguration\",\"name\": \"rr\",\"response_headers_to_remove\": [\"x\"]},"
                    + "\"last_updated\": \"1970-01-01T00:00:03.500Z\"}"
            ),
            (
                "static_clusters&mask=cluster.name&name_regex=some",
                "{\(admin).ClustersConfigDump.StaticCluster\",\"cluster\": {\(config).cluster.v3.Cluster\",\"name\": \"some\"}}"
            ),
        ])
    func list(query: String, expected: String) {
        #expect(dump("?resource=\(query)") == "200 {\"configs\": [\(expected)]}")
    }

    @Test(
        "a mask keeps fields",
        arguments: [
            ("bootstrap.node.id", "{\(admin).BootstrapConfigDump\",\"bootstrap\": {\"node\": {\"id\": \"me\"}}}"),
            (
                "version_info",
                "{\(admin).ClustersConfigDump\",\"version_info\": \"c1\"},{\(admin).ListenersConfigDump\"}"
            ),
        ])
    func mask(mask: String, expected: String) {
        #expect(dump("?mask=\(mask)") == "200 {\"configs\": [\(expected)]}")
    }

    @Test(
        "what cannot be is told",
        arguments: [
            ("?resource=nope", "404 nope not found in config dump"),
            ("?resource=static_endpoint_configs", "404 static_endpoint_configs not found in config dump"),
            (
                "?resource=bootstrap",
                "400 bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field"
            ),
            ("?mask=nope", "400 FieldMask nope could not be successfully applied to any configs."),
            (
                "?mask=bootstrap.node,static_clusters",
                "400 FieldMask bootstrap.node,static_clusters could not be successfully applied to any configs."
            ),
            (
                "?mask=bootstrap.static_resources.clusters.name",
                "400 FieldMask bootstrap.static_resources.clusters.name could not be successfully applied to any configs."
            ),
            ("?resource=static_clusters&mask=nope", "400 FieldMask nope could not be successfully used."),
            (
                "?resource=static_clusters&mask=cluster.nope",
                "400 FieldMask cluster.nope could not be successfully used."
            ),
            ("?name_regex=(", "400 INVALID_ARGUMENT: Error while parsing name_regex from (: missing ): ("),
            ("?name_regex=a)(b", "400 INVALID_ARGUMENT: Error while parsing name_regex from a)(b: unexpected ): a)(b"),
        ])
    func refused(query: String, expected: String) {
        #expect(dump(query) == expected)
    }

    @Test("hosts as they are")
    func endpoints() {
        context.addCluster()
        let host = { (address: String, port: Int, more: String, weight: Int) in
            "{\"endpoint\": {\"address\": {\"socket_address\": {\"address\": \"\(address)\",\"port_value\": \(port)}},"
                + "\"health_check_config\": {}\(more)},\"health_status\": \"HEALTHY\",\"load_balancing_weight\": \(weight)}"
        }
        #expect(
            dump("?resource=static_endpoint_configs&include_eds")
                == "200 {\"configs\": [{\(Self.admin).EndpointsConfigDump.StaticEndpointConfig\",\"endpoint_config\": "
                + "{\(Self.config).endpoint.v3.ClusterLoadAssignment\",\"cluster_name\": \"some_service\",\"endpoints\": "
                + "[{\"locality\": {},\"lb_endpoints\": [\(host("127.0.0.1", 19180, "", 1)),"
                + "\(host("::1", 80, ",\"hostname\": \"six\"", 3))],\"load_balancing_weight\": 0}],"
                + "\"policy\": {\"overprovisioning_factor\": 140}}}]}")
    }
}
