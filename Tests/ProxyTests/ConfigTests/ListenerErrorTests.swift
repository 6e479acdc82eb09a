import Testing

@Suite("Errors of the listeners and the TCP proxy")
struct ListenerErrorTests {
    static let cases: [(text: String, errors: [String])] = [
        (
            Sample.bootstrap(listeners: "{}"),
            [
                "envoy.yaml:3:1: static_resources.listeners[0]: required field \"address\" is missing",
                "envoy.yaml:3:1: static_resources.listeners[0]: required field \"filter_chains\" is missing",
            ]
        ),
        (
            Sample.bootstrap(listeners: "{name: a, adress: {}}"),
            [
                "envoy.yaml:3:1: static_resources.listeners[0]: required field \"address\" is missing",
                "envoy.yaml:3:1: static_resources.listeners[0]: required field \"filter_chains\" is missing",
                "envoy.yaml:3:11: static_resources.listeners[0].adress: unknown field \"adress\" (did you mean "
                    + "\"address\"?)",
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {socket_address: {address: foo.example, port_value: 1}}, filter_chains: []}"),
            [
                "envoy.yaml:3:47: static_resources.listeners[0].address.socket_address.address: \"foo.example\" is "
                    + "not an IP address",
                "envoy.yaml:3:92: static_resources.listeners[0].filter_chains: one filter chain is required",
            ]
        ),
        (
            Sample.bootstrap(listeners: "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: []}]}"),
            [
                "envoy.yaml:3:66: static_resources.listeners[0].filter_chains[0].filters: one network filter is "
                    + "required"
            ]
        ),
        (
            Sample.bootstrap(
                listeners: "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: [{name: f}]}]}"),
            [
                "envoy.yaml:3:67: static_resources.listeners[0].filter_chains[0].filters[0]: required field "
                    + "\"typed_config\" is missing"
            ]
        ),
        (
            Sample.bootstrap(
                listeners: "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: [{name: f, config: {}}]}]}"
            ),
            [
                "envoy.yaml:3:77: static_resources.listeners[0].filter_chains[0].filters[0].config: \"config\" is "
                    + "an Envoy field that this build does not support; a field of the v2 API, replaced by typed_config"
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: [{name: f, typed_config: {}}]}]}"),
            [
                "envoy.yaml:3:91: \(Sample.typedConfig): \"@type\" is missing, expected "
                    + Sample.networkTypes
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: [{name: f, typed_config: {\"@type\": type.googleapis.com/envoy.config.filter.network.tcp_proxy.v2.TcpProxy}}]}]}"
            ),
            [
                "envoy.yaml:3:101: \(Sample.typedConfig).@type: "
                    + "\"type.googleapis.com/envoy.config.filter.network.tcp_proxy.v2.TcpProxy\" is of Envoy's v2 API; "
                    + "expected \(Sample.networkTypes)"
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {pipe: {path: /a}}, filter_chains: [{filters: [{name: f, typed_config: {\"@type\": TcpProxy}}]}]}"
            ),
            [
                "envoy.yaml:3:101: \(Sample.typedConfig).@type: \"TcpProxy\" is not supported by this build; "
                    + "expected \(Sample.networkTypes)"
            ]
        ),
        (
            Sample.oneListener(
                Sample.plainTCP
                    + ", {name: second, typed_config: {\"@type\": \(Sample.tcpType), stat_prefix: p, cluster: c}}",
                fields: ""),
            [
                "envoy.yaml:6:1: static_resources.listeners[0].filter_chains[0].filters[0]: ends the filter chain: no "
                    + "other may stand behind it"
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {socket_address: {address: 1.1.1.1, port_value: 1}}, filter_chains: [{filters: [\(Sample.plainTCP)]}]},\n{name: a, address: {socket_address: {address: 1.1.1.1, port_value: 1}}, filter_chains: [{filters: [\(Sample.plainTCP)]}]}"
            ),
            [
                "envoy.yaml:4:8: static_resources.listeners[1].name: duplicate listener name \"a\", already in "
                    + "line 3",
                "envoy.yaml:4:20: static_resources.listeners[1].address: duplicate listener address 1.1.1.1:1, "
                    + "already in line 3",
            ]
        ),
        (
            Sample.bootstrap(
                listeners:
                    "{name: a, address: {pipe: {path: /a}}, filter_chains: [{tls_context: {}, filters: [\(Sample.plainTCP)]}, {filters: [\(Sample.plainTCP)]}]}"
            ),
            [
                "envoy.yaml:3:57: static_resources.listeners[0].filter_chains[0].tls_context: \"tls_context\" is "
                    + "an Envoy field that this build does not support",
                "envoy.yaml:3:228: static_resources.listeners[0].filter_chains[1]: takes the same connections as the "
                    + "filter chain in line 3; nothing decides between them",
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "reuse_port: true,"),
            [
                "envoy.yaml:4:1: static_resources.listeners[0].reuse_port: \"reuse_port\" is an Envoy field that "
                    + "this build does not support; deprecated by Envoy, use enable_reuse_port"
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "listener_filters: [{name: tls}],"),
            [
                "envoy.yaml:4:20: static_resources.listeners[0].listener_filters[0]: required field \"typed_config\" is "
                    + "missing"
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "tcp_backlog_size: many,"),
            [
                "envoy.yaml:4:19: static_resources.listeners[0].tcp_backlog_size: expected a whole number, got "
                    + "\"many\""
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "enable_reuse_port: maybe,"),
            [
                "envoy.yaml:4:20: static_resources.listeners[0].enable_reuse_port: expected true or false, got "
                    + "\"maybe\""
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "enable_reuse_port: \"truth\","),
            [
                "envoy.yaml:4:20: static_resources.listeners[0].enable_reuse_port: expected true or false, got "
                    + "\"truth\""
            ]
        ),
        (
            Sample.oneListener(Sample.plainTCP, fields: "drain_type: MODIFY_ONLY,"),
            [
                "envoy.yaml:4:13: static_resources.listeners[0].drain_type: \"MODIFY_ONLY\" is not supported by "
                    + "this build; supported: DEFAULT"
            ]
        ),
        (
            Sample.tcp("cluster: c"),
            [
                "envoy.yaml:6:27: \(Sample.typedConfig): required field \"stat_prefix\" is missing"
            ]
        ),
        (
            Sample.tcp("stat_prefix: \"\""),
            [
                "envoy.yaml:6:27: \(Sample.typedConfig): one of cluster, weighted_clusters is required",
                "envoy.yaml:7:14: \(Sample.typedConfig).stat_prefix: must not be empty",
            ]
        ),
        (
            Sample.tcp("stat_prefix: p, cluster: cc"),
            [
                "envoy.yaml:7:26: \(Sample.typedConfig).cluster: cluster \"cc\" does not exist (did you mean "
                    + "\"c\"?)"
            ]
        ),
        (
            Sample.tcp("stat_prefix: p, cluster: other"),
            [
                "envoy.yaml:7:26: \(Sample.typedConfig).cluster: cluster \"other\" does not exist"
            ]
        ),
        (
            Sample.tcp("stat_prefix: p, weighted_clusters: {}"),
            [
                "envoy.yaml:7:36: \(Sample.typedConfig).weighted_clusters: required field \"clusters\" is missing"
            ]
        ),
        (
            Sample.tcp("stat_prefix: p, weighted_clusters: {clusters: []}"),
            [
                "envoy.yaml:7:47: \(Sample.typedConfig).weighted_clusters.clusters: at least one cluster is required"
            ]
        ),
        (
            Sample.tcp(
                "stat_prefix: p, weighted_clusters: {clusters: [{name: cc, weight: 0}, "
                    + "{name: c, weight: 1, metadata_match: {filter_metadata: {}}}]}"),
            [
                "envoy.yaml:7:55: \(Sample.typedConfig).weighted_clusters.clusters[0].name: cluster \"cc\" does not "
                    + "exist (did you mean \"c\"?)",
                "envoy.yaml:7:67: \(Sample.typedConfig).weighted_clusters.clusters[0].weight: 0 is out of range (1 to "
                    + "4294967295)",
                "envoy.yaml:7:92: \(Sample.typedConfig).weighted_clusters.clusters[1].metadata_match: "
                    + "\"metadata_match\" is an Envoy field that this build does not support",
            ]
        ),
        (
            Sample.tcp("stat_prefix: p, cluster: c, weighted_clusters: {}"),
            [
                "envoy.yaml:7:29: \(Sample.typedConfig): only one of cluster, weighted_clusters may be given"
            ]
        ),
        (
            Sample.tcp(
                "stat_prefix: p, cluster: c, max_connect_attempts: 0, max_downstream_connection_duration: 0s, "
                    + "idle_timeout: 1"),
            [
                "envoy.yaml:7:51: \(Sample.typedConfig).max_connect_attempts: 0 is out of range (1 to 4294967295)",
                "envoy.yaml:7:90: \(Sample.typedConfig).max_downstream_connection_duration: must be greater than 0s",
                "envoy.yaml:7:108: \(Sample.typedConfig).idle_timeout: expected a duration such as 0.25s, got the "
                    + "number 1",
            ]
        ),
    ]

    @Test("are all reported, each as one line", arguments: cases)
    func all(text: String, expected: [String]) { #expect(errors(text) == expected) }
}
