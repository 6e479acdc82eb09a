import Testing

@Suite("Errors of the clusters")
struct ClusterErrorTests {
    static let cases: [(text: String, errors: [String])] = [
        (
            Sample.clusters("{}"),
            [
                "envoy.yaml:6:1: static_resources.clusters[0]: required field \"name\" is missing"
            ]
        ),
        (
            Sample.clusters("{name: c},\n{name: c}"),
            [
                "envoy.yaml:7:8: static_resources.clusters[1].name: duplicate cluster name \"c\", already in line 6"
            ]
        ),
        (
            Sample.clusters("{name: \"\"}"),
            [
                "envoy.yaml:6:8: static_resources.clusters[0].name: must not be empty"
            ]
        ),
        (
            Sample.cluster("foo: 1"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].foo: unknown field \"foo\""
            ]
        ),
        (
            Sample.cluster("tls_context: {}"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].tls_context: \"tls_context\" is an Envoy field that "
                    + "this build does not support"
            ]
        ),
        (
            Sample.cluster("hosts: []"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].hosts: \"hosts\" is an Envoy field that this build "
                    + "does not support; a field of the v2 API, replaced by load_assignment"
            ]
        ),
        (
            Sample.cluster("http2_protocol_options: {}"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].http2_protocol_options: \"http2_protocol_options\" "
                    + "is an Envoy field that this build does not support"
            ]
        ),
        (
            Sample.cluster("connect_timeout: 0s"),
            [
                "envoy.yaml:7:18: static_resources.clusters[0].connect_timeout: must be greater than 0s"
            ]
        ),
        (
            Sample.cluster("connect_timeout: soon"),
            [
                "envoy.yaml:7:18: static_resources.clusters[0].connect_timeout: bad duration \"soon\", expected "
                    + "seconds such as 5s or 0.25s"
            ]
        ),
        (
            Sample.cluster("connect_timeot: 1s"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].connect_timeot: unknown field \"connect_timeot\" "
                    + "(did you mean \"connect_timeout\"?)"
            ]
        ),
        (
            Sample.cluster("type: ORIGINAL_DST"),
            [
                "envoy.yaml:6:1: static_resources.clusters[0]: lb_policy CLUSTER_PROVIDED and type ORIGINAL_DST are for "
                    + "each other only"
            ]
        ),
        (
            Sample.cluster("type: STRICTDNS"),
            [
                "envoy.yaml:7:7: static_resources.clusters[0].type: unknown value \"STRICTDNS\" (did you mean "
                    + "\"STRICT_DNS\"?); supported: STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST"
            ]
        ),
        (
            Sample.cluster(
                "type: SRV, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: "
                    + "{socket_address: {address: foo.example, port_value: 1}}}}]}]}"),
            [
                "envoy.yaml:7:7: static_resources.clusters[0].type: unknown value \"SRV\"; supported: STATIC, "
                    + "STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST"
            ]
        ),
        (
            Sample.cluster(
                "load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{load_balancing_weight: "
                    + "4294967295, endpoint: {address: {pipe: {path: /a}}}}, {endpoint: {address: {pipe: {path: "
                    + "/b}}}}]}]}"),
            [
                "envoy.yaml:7:18: static_resources.clusters[0].load_assignment: the sum of all "
                    + "load_balancing_weight exceeds 4294967295"
            ]
        ),
        (
            Sample.cluster("type: STATIC, cluster_type: {}"),
            [
                "envoy.yaml:7:15: static_resources.clusters[0].cluster_type: \"cluster_type\" is an Envoy field "
                    + "that this build does not support",
                "envoy.yaml:7:15: static_resources.clusters[0]: only one of type, cluster_type may be given",
            ]
        ),
        (
            Sample.cluster("lb_policy: CLUSTER_PROVIDED"),
            [
                "envoy.yaml:7:12: static_resources.clusters[0].lb_policy: lb_policy CLUSTER_PROVIDED and type "
                    + "ORIGINAL_DST are for each other only"
            ]
        ),
        (
            Sample.cluster("dns_lookup_family: V5"),
            [
                "envoy.yaml:7:20: static_resources.clusters[0].dns_lookup_family: unknown value \"V5\"; supported: "
                    + "AUTO, V4_ONLY, V6_ONLY, V4_PREFERRED, ALL"
            ]
        ),
        (
            Sample.cluster("dns_refresh_rate: 0.001s, dns_failure_refresh_rate: {max_interval: 1s}"),
            [
                "envoy.yaml:7:19: static_resources.clusters[0].dns_refresh_rate: must be greater than 0.001s",
                "envoy.yaml:7:53: static_resources.clusters[0].dns_failure_refresh_rate: required field "
                    + "\"base_interval\" is missing",
            ]
        ),
        (
            Sample.cluster("dns_failure_refresh_rate: {base_interval: 5s, max_interval: 1s}"),
            [
                "envoy.yaml:7:61: static_resources.clusters[0].dns_failure_refresh_rate.max_interval: must not be "
                    + "less than base_interval"
            ]
        ),
        (
            Sample.cluster("max_requests_per_connection: 1"),
            [
                "envoy.yaml:7:1: static_resources.clusters[0].max_requests_per_connection: "
                    + "\"max_requests_per_connection\" is an Envoy field that this build does not support; deprecated by "
                    + "Envoy, use typed_extension_protocol_options with HttpProtocolOptions"
            ]
        ),
        (
            Sample.cluster(
                "transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}"
            ),
            [
                "envoy.yaml:7:55: static_resources.clusters[0].transport_socket.typed_config.@type: "
                    + "\"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\" is not "
                    + "supported by this build; expected "
                    + "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer or "
                    + "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
            ]
        ),
        (
            Sample.cluster("circuit_breakers: {thresholds: [{priority: WORD, max_connections: -1}]}"),
            [
                "envoy.yaml:7:44: static_resources.clusters[0].circuit_breakers.thresholds[0].priority: unknown value "
                    + "\"WORD\"; supported: DEFAULT, HIGH",
                "envoy.yaml:7:67: static_resources.clusters[0].circuit_breakers.thresholds[0].max_connections: -1 "
                    + "is out of range (0 to 4294967295)",
            ]
        ),
        (
            Sample.cluster("circuit_breakers: {thresholds: [{}, {}]}"),
            [
                "envoy.yaml:7:37: static_resources.clusters[0].circuit_breakers.thresholds[1]: thresholds of "
                    + "priority DEFAULT may be given only once"
            ]
        ),
        (
            Sample.cluster("typed_extension_protocol_options: {foo: {}}"),
            [
                "envoy.yaml:7:36: static_resources.clusters[0].typed_extension_protocol_options[\"foo\"]: unknown "
                    + "extension \"foo\", expected \(Sample.optionsName)"
            ]
        ),
        (
            Sample.cluster(
                "typed_extension_protocol_options: {\(Sample.optionsName): {\"@type\": type.googleapis.com/\(Sample.optionsName)}}"
            ),
            [
                "envoy.yaml:7:92: static_resources.clusters[0].typed_extension_protocol_options[\"\(Sample.optionsName)\"]: required field \"explicit_http_config\" is missing"
            ]
        ),
        (
            Sample.cluster(
                "typed_extension_protocol_options: {\(Sample.optionsName): {\"@type\": type.googleapis.com/\(Sample.optionsName), explicit_http_config: {http2_protocol_options: {}}}}"
            ),
            [
                "envoy.yaml:7:201: static_resources.clusters[0].typed_extension_protocol_options[\"\(Sample.optionsName)\"].explicit_http_config.http2_protocol_options: \"http2_protocol_options\" is an Envoy field that this build does not support"
            ]
        ),
        (
            Sample.cluster(
                "typed_extension_protocol_options: {\(Sample.optionsName): {\"@type\": type.googleapis.com/\(Sample.optionsName), explicit_http_config: {}}}"
            ),
            [
                "envoy.yaml:7:200: static_resources.clusters[0].typed_extension_protocol_options[\"\(Sample.optionsName)\"].explicit_http_config: required field \"http_protocol_options\" is missing"
            ]
        ),
        (
            Sample.cluster("type: LOGICAL_DNS"),
            [
                "envoy.yaml:6:1: static_resources.clusters[0]: a LOGICAL_DNS cluster must have exactly one "
                    + "endpoint, load_assignment is missing"
            ]
        ),
        (
            Sample.cluster("type: LOGICAL_DNS, load_assignment: {cluster_name: c}"),
            [
                "envoy.yaml:7:37: static_resources.clusters[0].load_assignment: a LOGICAL_DNS cluster must have "
                    + "exactly one endpoint, this one has 0"
            ]
        ),
        (
            Sample.cluster("load_assignment: {endpoints: []}"),
            [
                "envoy.yaml:7:18: static_resources.clusters[0].load_assignment: required field \"cluster_name\" is "
                    + "missing"
            ]
        ),
        (
            Sample.cluster(
                "load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: "
                    + "{socket_address: {address: foo.example, port_value: 1}}}}]}]}"),
            [
                "envoy.yaml:7:112: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: \"foo.example\" is not an IP address; for a host name use type STRICT_DNS or LOGICAL_DNS"
            ]
        ),
        (
            Sample.cluster(
                "type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: "
                    + "{address: {pipe: {path: /a}}}}]}]}"),
            [
                "envoy.yaml:7:110: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe: a DNS cluster takes host names, use type STATIC for a pipe"
            ]
        ),
        (
            Sample.cluster(
                "type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: \"a b\", port_value: 1}}}}]}]}"
            ),
            [
                "envoy.yaml:7:130: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: \"a b\" is not a host name"
            ]
        ),
        (
            Sample.cluster(
                "load_assignment: {cluster_name: c, endpoints: [{priority: 700, lb_endpoints: [{}, "
                    + "{load_balancing_weight: 0, endpoint: {}}, {endpoint_name: a}]}]}"),
            [
                "envoy.yaml:7:59: static_resources.clusters[0].load_assignment.endpoints[0].priority: 700 is out of "
                    + "range (0 to 128)",
                "envoy.yaml:7:79: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0]: "
                    + "required field \"endpoint\" is missing",
                "envoy.yaml:7:107: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[1].load_balancing_weight: 0 is out of range (1 to 4294967295)",
                "envoy.yaml:7:120: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[1].endpoint: required field \"address\" is missing",
                "envoy.yaml:7:126: static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[2].endpoint_name: \"endpoint_name\" is an Envoy field that this build does not support",
            ]
        ),
    ]

    @Test("are all reported, each as one line", arguments: cases)
    func all(text: String, expected: [String]) { #expect(errors(text) == expected) }
}
