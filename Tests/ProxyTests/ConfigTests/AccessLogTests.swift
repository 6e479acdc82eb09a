import Testing

@testable import ProxyConfig

@Suite("Access logs of listeners")
struct AccessLogTests {
    private static let file = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    private static let stream = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3."

    /// The log stands in line 8 from column 1.
    private static func tcp(_ log: String) -> String {
        Sample.tcp("stat_prefix: p, cluster: c, access_log: [\n\(log)\n]")
    }

    private static func fileLog(_ fields: String, rest: String = "") -> String {
        tcp("{name: f, typed_config: {\"@type\": \(file), path: /x, \(fields)}\(rest)}")
    }

    private static func log(_ fields: String, rest: String = "") throws -> AccessLog? {
        try load(fileLog(fields, rest: rest)).tcp?.accessLogs.first
    }

    private static func filter(_ filter: String) throws -> LogFilter? {
        try log("", rest: ", filter: {\(filter)}")?.filter
    }

    @Test func aFileWithTheDefaultFormat() throws {
        let log = try #require(try Self.log(""))
        #expect(log.sink == .file(path: "/x"))
        #expect(log.format == .defaultText)
        #expect(log.filter == nil)
        #expect(log.path == Sample.typedConfig + ".access_log[0].typed_config.path")
    }

    @Test func streams() throws {
        let text = Self.tcp(
            "{typed_config: {\"@type\": \(Self.stream)StdoutAccessLog}}, "
                + "{typed_config: {\"@type\": \(Self.stream)StderrAccessLog}}")
        #expect(try load(text).tcp?.accessLogs.map(\.sink) == [.standardOutput, .standardError])
    }

    @Test(arguments: [
        "format: \"%BYTES_SENT%\"", "log_format: {text_format: \"%BYTES_SENT%\"}",
        "log_format: {text_format_source: {inline_string: \"%BYTES_SENT%\"}}",
    ])
    func texts(_ fields: String) throws {
        #expect(try Self.log(fields)?.format == LogFormat(.text([.field(.bytesSent)])))
    }

    @Test(arguments: ["json_format: FORMAT", "typed_json_format: FORMAT", "log_format: {json_format: FORMAT}"])
    func json(_ fields: String) throws {
        let text = fields.replacing("FORMAT", with: "{b: [1, true, null, 1.5], a: {y: x, x: \"%BYTES_SENT%\"}}")
        let expected = LogValue.object([
            LogMember(
                "a",
                .object([
                    LogMember("x", .template([.field(.bytesSent)])), LogMember("y", .template([.literal("x")])),
                ])),
            LogMember("b", .list([.number("1"), .bool(true), .null, .template([.literal("1.5")])])),
        ])
        #expect(try Self.log(text)?.format == LogFormat(.json(expected)))
    }

    @Test func emptyValuesMayBeLeftOut() throws {
        #expect(try Self.log("log_format: {text_format: a, omit_empty_values: true}")?.format.omitsEmpty == true)
    }

    @Test func filters() throws {
        let comparison = "comparison: {op: GE, value: {default_value: 500, runtime_key: k}}"
        #expect(
            try Self.filter("status_code_filter: {\(comparison)}") == .status(LogComparison(.atLeast, 500, key: "k")))
        #expect(
            try Self.filter("duration_filter: {\(comparison)}") == .duration(LogComparison(.atLeast, 500, key: "k")))
        #expect(
            try Self.filter("response_flag_filter: {flags: [UF, DC]}")
                == .flags([
                    .upstreamConnectionFailure, .downstreamConnectionTermination,
                ]))
        #expect(try Self.filter("response_flag_filter: {}") == .flags([]))
        #expect(
            try Self.filter("and_filter: {filters: [{response_flag_filter: {}}, {duration_filter: {\(comparison)}}]}")
                == .all([.flags([]), .duration(LogComparison(.atLeast, 500, key: "k"))]))
        #expect(
            try Self.filter("or_filter: {filters: [{response_flag_filter: {}}, {response_flag_filter: {}}]}")
                == .any([.flags([]), .flags([])]))
        var regex = HeaderCondition(name: "x-a", match: .regex("b+"))
        regex.isInverted = true
        #expect(
            try Self.filter("header_filter: {header: {name: X-A, safe_regex_match: {regex: b+}, invert_match: true}}")
                == .header(regex))
        var exact = HeaderCondition(name: "x", match: .prefix("B"))
        exact.ignoresCase = true
        #expect(
            try Self.filter("header_filter: {header: {name: x, string_match: {prefix: B, ignore_case: true}}}")
                == .header(exact))
    }

    @Test func typesOfLines() throws {
        #expect(
            try Self.filter("log_type_filter: {types: [DownstreamStart, 3]}")
                == .types([LogTypes(.downstreamStart), LogTypes(.tcpConnectionEnd)], excludes: false))
        #expect(try Self.filter("log_type_filter: {exclude: true}") == .types([], excludes: true))
    }

    @Test func aShare() throws {
        var share = LogShare(FractionalPercent(0), key: "k")
        #expect(try Self.filter("runtime_filter: {runtime_key: k}") == .runtime(share))
        share = LogShare(FractionalPercent(5, of: 10_000), key: "k")
        share.isIndependent = true
        let percent = "percent_sampled: {numerator: 5, denominator: TEN_THOUSAND}"
        #expect(
            try Self.filter("runtime_filter: {runtime_key: k, \(percent), use_independent_randomness: true}")
                == .runtime(share))
    }

    @Test func momentsOfRequests() throws {
        func moments(_ fields: String) throws -> LogMoments? {
            try load(Sample.hcm("stat_prefix: p, \(Sample.router), route_config: {}, \(fields)")).http?.logMoments
        }
        var expected = LogMoments()
        #expect(try moments("access_log_options: {}") == expected)
        expected.start = true
        expected.intervalMs = 1500
        #expect(
            try moments("flush_access_log_on_new_request: true, access_log_flush_interval: 1.5s") == expected)
        expected.connected = true
        #expect(
            try moments(
                "access_log_options: {flush_access_log_on_new_request: true, access_log_flush_interval: 1.5s, "
                    + "flush_log_on_tunnel_successfully_established: true}") == expected)
    }

    @Test func momentsOfTunnels() throws {
        func moments(_ fields: String) throws -> LogMoments? {
            try load(Sample.tcp("stat_prefix: p, cluster: c, \(fields)")).tcp?.logMoments
        }
        var expected = LogMoments()
        expected.connected = true
        #expect(try moments("flush_access_log_on_connected: true") == expected)
        expected.start = true
        expected.intervalMs = 1
        #expect(
            try moments(
                "access_log_options: {flush_access_log_on_connected: true, flush_access_log_on_start: true, "
                    + "access_log_flush_interval: 0.001s}") == expected)
        let both = ProxyConfigTests.errors(
            Sample.tcp("stat_prefix: p, cluster: c, flush_access_log_on_connected: true, access_log_options: {}"))
        #expect(
            both.count == 1
                && both.first?.hasSuffix(
                    "only one of flush_access_log_on_connected and access_log_options may be given")
                    == true,
            "\(both)")
        let short = ProxyConfigTests.errors(
            Sample.tcp("stat_prefix: p, cluster: c, access_log_flush_interval: 0.0001s"))
        #expect(short.count == 1 && short.first?.hasSuffix("must be at least 0.001s") == true, "\(short)")
    }

    @Test func healthChecksMayBeLeftOut() throws {
        let loaded = try load(Self.fileLog("", rest: ", filter: {not_health_check_filter: {}}"))
        #expect(loaded.tcp?.accessLogs.first?.filter == .notHealthCheck && loaded.warnings.isEmpty)
    }

    static let errors: [(text: String, error: String)] = [
        (fileLog("format: \"%BOGUS%\""), "command operator \"BOGUS\" is unknown or not supported by this build"),
        (fileLog("json_format: {a: {b: [\"%REQ()%\"]}}"), "command operator \"REQ\" needs the name of a header"),
        (fileLog("json_format: x"), "expected a mapping"),
        (fileLog("format: x, json_format: {}"), "only one of format, json_format may be given"),
        (fileLog("log_format: {}"), "one of text_format_source, json_format, text_format is required"),
        (fileLog("log_format: {text_format_source: {filename: /x}}"), "\"/x\" cannot be opened"),
        (tcp("{typed_config: {\"@type\": \(file)}}"), "required field \"path\" is missing"),
        (tcp("{name: x}"), "required field \"typed_config\" is missing"),
        (fileLog("", rest: ", filter: {runtime_filter: {}}"), "required field \"runtime_key\" is missing"),
        (fileLog("", rest: ", filter: {metadata_filter: {}}"), "\"metadata_filter\" is an Envoy field"),
        (fileLog("", rest: ", filter: {log_type_filter: {types: [TcpEnd]}}"), "\"TcpEnd\""),
        (fileLog("", rest: ", filter: {}"), "one of status_code_filter"),
        (fileLog("", rest: ", filter: {response_flag_filter: {flags: [UFO]}}"), "unknown response flag \"UFO\""),
        (
            fileLog("", rest: ", filter: {status_code_filter: {comparison: {value: {default_value: 1}}}}"),
            "required field \"runtime_key\" is missing"
        ),
        (
            fileLog("", rest: ", filter: {header_filter: {header: {name: x, safe_regex_match: {regex: \"(\"}}}}"),
            "bad regular expression \"(\""
        ),
        (fileLog("", rest: ", filter: {and_filter: {filters: [{}]}}"), "at least two filters are required"),
    ]

    @Test(arguments: errors)
    func whatIsWrongIsSaid(_ text: String, _ error: String) {
        let lines = ProxyConfigTests.errors(text)
        #expect(lines.contains { $0.contains(error) }, "\(lines)")
        #expect(lines.allSatisfy { $0.hasPrefix("envoy.yaml:8:") }, "\(lines)")
    }

    @Test func listenersHaveThemToo() throws {
        let log = "access_log: [{typed_config: {\"@type\": \(Self.file), path: /x}}],"
        let listener = try load(Sample.oneListener(Sample.plainTCP, fields: log)).bootstrap.listeners.first
        #expect(listener?.accessLogs.map(\.sink) == [.file(path: "/x")])
    }

    @Test func theConnectionManagerHasThemToo() throws {
        let log = "access_log: [{typed_config: {\"@type\": \(Self.file), path: /x}}]"
        let text = Sample.hcm("stat_prefix: p, \(Sample.router), \(log), route_config: {}")
        #expect(try load(text).http?.accessLogs.count == 1)
    }
}
