import ProxyConfig
import Testing

/// `layered_runtime`, `runtime_fraction`, and what a runtime value is read as.
@Suite struct RuntimeTests {
    static let values: [(String, UInt64?, FractionalPercent?)] = [
        ("5", 5, FractionalPercent(5)), (" 7\n", 7, FractionalPercent(7)), ("101", 101, FractionalPercent(100)),
        ("18446744073709551616", nil, nil), ("-1", nil, nil), ("1.5", nil, nil), ("true", nil, nil), ("", nil, nil),
        ("{numerator: 5, denominator: TEN_THOUSAND}", nil, FractionalPercent(5, of: 10_000)),
        ("{\"numerator\": 3}", nil, FractionalPercent(3)),
        ("numerator: 2\ndenominator: MILLION\n", nil, FractionalPercent(2, of: 1_000_000)),
        ("{denominator: HUNDRED}", nil, FractionalPercent(0)),
        ("{numerator: 5, denominator: SEVEN}", nil, nil), ("{numerator: -5}", nil, nil), ("{numerator: 5", nil, nil),
        ("{numerator: 5, other: 1}", nil, nil), ("numerator", nil, nil),
    ]

    @Test("a text is read as Envoy reads it", arguments: values)
    func text(text: String, number: UInt64?, share: FractionalPercent?) {
        let value = RuntimeValue(text)
        #expect(value.text == text)
        #expect(value.number == number)
        #expect(value.share == share)
    }

    @Test("a static layer is flattened")
    func flattened() throws {
        let loaded = try load(
            """
            layered_runtime:
              layers:
              - name: base
                static_layer:
                  health_check: {min_interval: 5}
                  a.b: "hello"
                  real: 3.25
                  on: true
                  part: {numerator: 5, denominator: TEN_THOUSAND}
                  deep: {a: {b: 7}}
              - name: disk
                disk_layer: {symlink_root: /srv/runtime, subdirectory: envoy, append_service_cluster: true}
              - {name: admin, admin_layer: {}}
            """)
        let layers = loaded.bootstrap.runtimeLayers
        #expect(layers.map(\.name) == ["base", "disk", "admin"])
        guard case .fixed(let values)? = layers.first?.source else { throw Unexpected() }
        #expect(
            values.mapValues(\.text) == [
                "health_check.min_interval": "5", "a.b": "hello", "real": "3.25", "on": "true", "deep.a.b": "7",
                "part": "{\"numerator\":5,\"denominator\":\"TEN_THOUSAND\"}",
            ])
        #expect(values["part"]?.share == FractionalPercent(5, of: 10_000))
        #expect(values["deep.a.b"]?.share == FractionalPercent(7))
        #expect(values["real"]?.share == nil)
        guard case .disk(let disk) = layers[1].source else { throw Unexpected() }
        #expect(disk.symlinkRoot == "/srv/runtime" && disk.subdirectory == "envoy" && disk.appendServiceCluster)
        #expect(layers[2].source == .admin)
    }

    private struct Unexpected: Error {}

    @Test("without a layered_runtime there is a layer for the admin listener, with an empty one there is none")
    func defaults() throws {
        #expect(try load("{}").bootstrap.runtimeLayers == [RuntimeLayer(name: "admin", source: .admin)])
        #expect(try load("layered_runtime: {}").bootstrap.runtimeLayers == [])
    }

    @Test("a key that nothing reads is warned about")
    func unread() throws {
        let loaded = try load(
            Sample.route(
                "{match: {prefix: /, runtime_fraction: {default_value: {numerator: 10}, runtime_key: mine}}, "
                    + "route: {cluster: c}}")
                + "layered_runtime: {layers: [{name: s, static_layer: {mine: 5, upstream.maintenance_mode.c: 0, z: 1, a.b: 1}}]}"
        )
        #expect(
            loaded.warnings.map(\.description) == [
                "envoy.yaml:16:18: layered_runtime: nothing in this build reads the runtime keys \"a.b\", \"z\""
            ])
        #expect(loaded.route?.fraction == RuntimeFraction(FractionalPercent(10), key: "mine"))
    }

    /// Whoever reads a number reads a key, too.
    @Test func keysOfAccessLogs() throws {
        let type = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
        let filter =
            "{and_filter: {filters: [{status_code_filter: {comparison: {value: {default_value: 1, runtime_key: s}}}}, "
            + "{duration_filter: {comparison: {value: {default_value: 1, runtime_key: d}}}}]}}"
        let logs = "access_log: [{name: a, filter: \(filter), typed_config: {\"@type\": \(type)}}]"
        for text in [
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, \(logs)"),
            Sample.tcp("stat_prefix: p, cluster: c, \(logs)"),
        ] {
            let loaded = try load(text + "layered_runtime: {layers: [{name: l, static_layer: {s: 1, d: 2, x: 3}}]}")
            #expect(loaded.warnings.map(\.message) == ["nothing in this build reads the runtime keys \"x\""])
        }
    }

    static let wrong: [(String, String)] = [
        (
            "layered_runtime: {layers: [{static_layer: {}}]}",
            "envoy.yaml:1:28: layered_runtime.layers[0]: required field \"name\" is missing"
        ),
        (
            "layered_runtime: {layers: [{name: a}]}",
            "envoy.yaml:1:28: layered_runtime.layers[0]: one of static_layer, disk_layer, admin_layer is required"
        ),
        (
            "layered_runtime: {layers: [{name: a, admin_layer: {}}, {name: a, static_layer: {}}]}",
            "envoy.yaml:1:63: layered_runtime.layers[1].name: duplicate layer name \"a\", already in line 1"
        ),
        (
            "layered_runtime: {layers: [{name: a, admin_layer: {}}, {name: b, admin_layer: {}}]}",
            "envoy.yaml:1:56: layered_runtime.layers[1]: a second admin_layer, there may be one; the first is in line 1"
        ),
        (
            "layered_runtime: {layers: [{name: a, static_layer: {k: [1]}}]}",
            "envoy.yaml:1:56: layered_runtime.layers[0].static_layer.k: a runtime value must be a number, a boolean, a "
                + "text or a fraction, not a list"
        ),
        (
            "layered_runtime: {layers: [{name: a, static_layer: {k: ~}}]}",
            "envoy.yaml:1:56: layered_runtime.layers[0].static_layer.k: a runtime value must not be null"
        ),
        (
            "layered_runtime: {layers: [{name: a, static_layer: {k: {numerator: 1, denominator: TEN}}}]}",
            "envoy.yaml:1:84: layered_runtime.layers[0].static_layer.k.denominator: unknown value \"TEN\"; supported: "
                + "HUNDRED, TEN_THOUSAND, MILLION"
        ),
        (
            "layered_runtime: {layers: [{name: a, disk_layer: {}}]}",
            "envoy.yaml:1:50: layered_runtime.layers[0].disk_layer: required field \"symlink_root\" is missing"
        ),
        (
            Sample.route("{match: {prefix: /, runtime_fraction: {runtime_key: k}}, route: {cluster: c}}"),
            "envoy.yaml:8:39: \(Sample.typedConfig).route_config.virtual_hosts[0].routes[0].match.runtime_fraction: "
                + "required field \"default_value\" is missing"
        ),
    ]

    @Test("what is wrong is said", arguments: wrong)
    func errors(text: String, message: String) {
        #expect(ProxyConfigTests.errors(text) == [message])
    }
}
