import Testing

@Suite("Errors of the bootstrap, admin and addresses")
struct BootstrapErrorTests {
    static let cases: [(text: String, errors: [String])] = [
        (
            "foo: 1",
            [
                "envoy.yaml:1:1: foo: unknown field \"foo\""
            ]
        ),
        (
            "nodes: {id: a}",
            [
                "envoy.yaml:1:1: nodes: unknown field \"nodes\" (did you mean \"node\"?)"
            ]
        ),
        (
            "node: []",
            [
                "envoy.yaml:1:7: node: expected a mapping, got a list"
            ]
        ),
        (
            "node: {id: 1}",
            [
                "envoy.yaml:1:12: node.id: expected a string, got the number 1; put it in quotes"
            ]
        ),
        (
            "node: {id: true, cluster: [a]}",
            [
                "envoy.yaml:1:12: node.id: expected a string, got the boolean true; put it in quotes",
                "envoy.yaml:1:27: node.cluster: expected a string, got a list",
            ]
        ),
        (
            "node: {locality: {zoen: a}}",
            [
                "envoy.yaml:1:19: node.locality.zoen: unknown field \"zoen\" (did you mean \"zone\"?)"
            ]
        ),
        (
            "hds_config: {}",
            [
                "envoy.yaml:1:1: hds_config: \"hds_config\" is an Envoy field that this build does not support"
            ]
        ),
        (
            "dynamic_resources: {lds_config: {}}",
            ["envoy.yaml:1:33: dynamic_resources.lds_config: one of path_config_source, path is required"]
        ),
        (
            "runtime: {}",
            [
                "envoy.yaml:1:1: runtime: \"runtime\" is an Envoy field that this build does not support; a field "
                    + "of the v2 API, replaced by layered_runtime"
            ]
        ),
        (
            "header_prefix: x-foo",
            [
                "envoy.yaml:1:16: header_prefix: \"x-foo\" is not supported by this build; supported: x-envoy"
            ]
        ),
        (
            "stats_flush_interval: 0s",
            [
                "envoy.yaml:1:23: stats_flush_interval: must be at least 0.001s and less than 300s"
            ]
        ),
        (
            "stats_flush_interval: 300s",
            [
                "envoy.yaml:1:23: stats_flush_interval: must be at least 0.001s and less than 300s"
            ]
        ),
        (
            "stats_flush_interval: 5",
            [
                "envoy.yaml:1:23: stats_flush_interval: expected a duration such as 0.25s, got the number 5"
            ]
        ),
        (
            "stats_flush_interval: 250ms",
            [
                "envoy.yaml:1:23: stats_flush_interval: bad duration \"250ms\", expected seconds such as 5s or "
                    + "0.25s"
            ]
        ),
        (
            "stats_flush_interval: -1s",
            [
                "envoy.yaml:1:23: stats_flush_interval: duration -1s must not be negative"
            ]
        ),
        (
            "stats_flush_interval: 1s\nstats_flush_on_admin: true",
            [
                "envoy.yaml:2:1: only one of stats_flush_interval, stats_flush_on_admin may be given"
            ]
        ),
        (
            "layered_runtime: {layers: [{name: a, rtds_layer: {}}]}",
            [
                "envoy.yaml:1:38: layered_runtime.layers[0].rtds_layer: \"rtds_layer\" is an Envoy field that this "
                    + "build does not support"
            ]
        ),
        (
            "static_resources: {listeners: {}, clusters: 1, secrets: [{}]}",
            [
                "envoy.yaml:1:31: static_resources.listeners: expected a list, got a mapping",
                "envoy.yaml:1:45: static_resources.clusters: expected a list, got the number 1",
                "envoy.yaml:1:48: static_resources.secrets: \"secrets\" is an Envoy field that this build does not "
                    + "support",
            ]
        ),
        (
            "static_resources: {clusters: [null]}",
            [
                "envoy.yaml:1:31: static_resources.clusters[0]: expected a mapping, got null"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: localhost, port_value: 1}}}",
            [
                "envoy.yaml:1:45: admin.address.socket_address.address: \"localhost\" is not an IP address"
            ]
        ),
        (
            "admin: {address: {}}",
            [
                "envoy.yaml:1:18: admin.address: one of socket_address, pipe is required"
            ]
        ),
        (
            "admin: {address: {socket_address: {}}}",
            [
                "envoy.yaml:1:35: admin.address.socket_address: required field \"address\" is missing",
                "envoy.yaml:1:35: admin.address.socket_address: required field \"port_value\" is missing",
            ]
        ),
        (
            "admin: {address: {pipe: {}}}",
            [
                "envoy.yaml:1:25: admin.address.pipe: required field \"path\" is missing"
            ]
        ),
        (
            "admin: {address: {pipe: {path: /a}, socket_address: {address: \"::1\", port_value: 1}}}",
            [
                "envoy.yaml:1:37: admin.address: only one of socket_address, pipe may be given"
            ]
        ),
        (
            "admin: {address: {envoy_internal_address: {}}}",
            [
                "envoy.yaml:1:19: admin.address.envoy_internal_address: \"envoy_internal_address\" is an Envoy "
                    + "field that this build does not support"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 65536}}}",
            [
                "envoy.yaml:1:64: admin.address.socket_address.port_value: 65536 is out of range (0 to 65535)"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: -1}}}",
            [
                "envoy.yaml:1:64: admin.address.socket_address.port_value: -1 is out of range (0 to 65535)"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 1.5}}}",
            [
                "envoy.yaml:1:64: admin.address.socket_address.port_value: expected a whole number, got the number "
                    + "1.5"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 0123}}}",
            [
                "envoy.yaml:1:64: admin.address.socket_address.port_value: expected a whole number, got the number "
                    + "0123"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 99999999999999999999}}}",
            [
                "envoy.yaml:1:64: admin.address.socket_address.port_value: 99999999999999999999 is out of range (0 "
                    + "to 65535)"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", named_port: http}}}",
            [
                "envoy.yaml:1:52: admin.address.socket_address.named_port: \"named_port\" is an Envoy field that "
                    + "this build does not support; give the number in port_value"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 1, protocol: UDP}}}",
            [
                "envoy.yaml:1:77: admin.address.socket_address.protocol: \"UDP\" is not supported by this build; "
                    + "supported: TCP"
            ]
        ),
        (
            "admin: {address: {socket_address: {address: \"::1\", port_value: 1, protocol: TPC}}}",
            [
                "envoy.yaml:1:77: admin.address.socket_address.protocol: unknown value \"TPC\" (did you mean "
                    + "\"TCP\"?); supported: TCP"
            ]
        ),
        (
            "admin: {access_log: [{name: a, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, format: x}}]}",
            [
                "envoy.yaml:1:46: admin.access_log[0].typed_config: required field \"path\" is missing"
            ]
        ),
        (
            "admin: {access_log: [{name: a, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.OtherLog}}]}",
            [
                "envoy.yaml:1:56: admin.access_log[0].typed_config.@type: "
                    + "\"type.googleapis.com/envoy.extensions.access_loggers.stream.v3.OtherLog\" is not "
                    + "supported by this build; expected "
                    + "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog or "
                    + "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog or "
                    + "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog"
            ]
        ),
    ]

    @Test("are all reported, each as one line", arguments: cases)
    func all(text: String, expected: [String]) { #expect(errors(text) == expected) }
}
