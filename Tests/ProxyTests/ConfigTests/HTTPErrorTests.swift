import Testing

@Suite("Errors of the HTTP connection manager")
struct HTTPErrorTests {
    static let cases: [(text: String, errors: [String])] = [
        (
            Sample.hcm(""),
            [
                "envoy.yaml:6:28: \(Sample.typedConfig): required field \"stat_prefix\" is missing",
                "envoy.yaml:6:28: \(Sample.typedConfig): one of route_config, rds is required",
                "envoy.yaml:6:28: \(Sample.typedConfig): http_filters must end with the router filter, "
                    + "\(Sample.routerType)",
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), scoped_routes: {}"),
            [
                "envoy.yaml:7:142: \(Sample.typedConfig).scoped_routes: \"scoped_routes\" is an Envoy field that this build "
                    + "does not support; give the routes in route_config or rds"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, http2_protocol_options: {}"),
            [
                "envoy.yaml:7:160: \(Sample.typedConfig).http2_protocol_options: \"http2_protocol_options\" is an "
                    + "Envoy field that this build does not support"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, codec_type: HTTP2"),
            [
                "envoy.yaml:7:172: \(Sample.typedConfig).codec_type: \"HTTP2\" is not supported by this build; "
                    + "supported: AUTO, HTTP1"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, codec_typ: AUTO"),
            [
                "envoy.yaml:7:160: \(Sample.typedConfig).codec_typ: unknown field \"codec_typ\" (did you mean "
                    + "\"codec_type\"?)"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, tracing: {}, request_id_extension: {x: 1}"),
            [
                "envoy.yaml:7:160: \(Sample.typedConfig).tracing: \"tracing\" is an Envoy field that this build "
                    + "does not support",
                "envoy.yaml:7:173: \(Sample.typedConfig).request_id_extension: \"request_id_extension\" is an Envoy "
                    + "field that this build does not support",
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, route_config: {}, http_filters: []"),
            [
                "envoy.yaml:7:49: \(Sample.typedConfig).http_filters: must end with the router filter, "
                    + "\(Sample.routerType)"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, route_config: {}, http_filters: [{name: envoy.filters.http.router}]"),
            [
                "envoy.yaml:7:49: \(Sample.typedConfig).http_filters: must end with the router filter, "
                    + "\(Sample.routerType)",
                "envoy.yaml:7:50: \(Sample.typedConfig).http_filters[0]: required field \"typed_config\" is missing",
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, route_config: {}, http_filters: [{name: r, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}]"
            ),
            [
                "envoy.yaml:7:49: \(Sample.typedConfig).http_filters: must end with the router filter, "
                    + "\(Sample.routerType)",
                "envoy.yaml:7:84: \(Sample.typedConfig).http_filters[0].typed_config.@type: "
                    + "\"type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\" is not supported by this "
                    + "build; expected \(Sample.filterTypes)",
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, route_config: {}, http_filters: [{name: r, typed_config: {\"@type\": \(Sample.routerType)}}, {name: r, typed_config: {\"@type\": \(Sample.routerType)}}]"
            ),
            [
                "envoy.yaml:7:50: \(Sample.typedConfig).http_filters[0]: the router filter must be the last one"
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, route_config: {}, http_filters: [{name: r, typed_config: {\"@type\": \(Sample.routerType), strict_check_headers: [x-envoy-max-retries]}}]"
            ),
            [
                "envoy.yaml:7:152: \(Sample.typedConfig).http_filters[0].typed_config.strict_check_headers: "
                    + "\"strict_check_headers\" is an Envoy field that this build does not support"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, max_request_headers_kb: 8193"),
            [
                "envoy.yaml:7:184: \(Sample.typedConfig).max_request_headers_kb: 8193 is out of range (1 to 8192)"
            ]
        ),
        (
            Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, server_header_transformation: PASS"),
            [
                "envoy.yaml:7:190: \(Sample.typedConfig).server_header_transformation: unknown value \"PASS\"; "
                    + "supported: OVERWRITE, APPEND_IF_ABSENT, PASS_THROUGH"
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, \(Sample.router), route_config: {}, upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: WebSocket}]"
            ),
            [
                "envoy.yaml:7:220: \(Sample.typedConfig).upgrade_configs[1].upgrade_type: duplicate upgrade type "
                    + "\"WebSocket\", already in line 7"
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, \(Sample.router), route_config: {}, upgrade_configs: [{upgrade_type: CONNECT-UDP}, {enabled: 1}]"
            ),
            [
                "envoy.yaml:7:193: \(Sample.typedConfig).upgrade_configs[0].upgrade_type: upgrade type \"CONNECT-UDP\" "
                    + "is not supported by this build",
                "envoy.yaml:7:207: \(Sample.typedConfig).upgrade_configs[1]: required field \"upgrade_type\" is "
                    + "missing",
                "envoy.yaml:7:217: \(Sample.typedConfig).upgrade_configs[1].enabled: expected true or false, got "
                    + "the number 1",
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, \(Sample.router), route_config: {}, common_http_protocol_options: {max_headers_count: 0, idle_timeout: 1m}"
            ),
            [
                "envoy.yaml:7:210: \(Sample.typedConfig).common_http_protocol_options.max_headers_count: 0 is out "
                    + "of range (1 to 4294967295)",
                "envoy.yaml:7:227: \(Sample.typedConfig).common_http_protocol_options.idle_timeout: bad duration "
                    + "\"1m\", expected seconds such as 5s or 0.25s",
            ]
        ),
        (
            Sample.hcm(
                "stat_prefix: p, \(Sample.router), route_config: {}, add_proxy_protocol_connection_state: false"
            ),
            [
                "envoy.yaml:7:197: \(Sample.typedConfig).add_proxy_protocol_connection_state: the boolean "
                    + "false is not supported by this build; supported: true"
            ]
        ),
    ]

    @Test("are all reported, each as one line", arguments: cases)
    func all(text: String, expected: [String]) { #expect(errors(text) == expected) }
}
