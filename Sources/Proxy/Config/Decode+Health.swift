/// `health_checks`, `outlier_detection` and what else of a cluster is about the health of its hosts.
extension Decoder {
    func health(_ message: Message, _ cluster: inout Cluster) {
        if let value = message["health_checks"] {
            let checks = value.list()
            if checks.count > 1 { value.error("a cluster may have one health check only") }
            if let check = checks.first?.message(.healthCheck) { cluster.healthCheck = healthCheck(check) }
        }
        if let outliers = message["outlier_detection"]?.message(.outlierDetection) {
            cluster.outlierDetection = outlierDetection(outliers)
        }
        if let common = message["common_lb_config"]?.message(.commonLBConfig) {
            if let percent = common["healthy_panic_threshold"]?.message(.percent) {
                cluster.healthyPanicPercent = percent["value"]?.percent() ?? 0
            }
            if let zones = common["zone_aware_lb_config"]?.message(.zoneAware) {
                cluster.failsInPanic = zones["fail_traffic_on_panic"]?.bool() ?? false
            }
            cluster.weighsLocalities = common["locality_weighted_lb_config"]?.message(.localityWeighted) != nil
            consistentHashing(common["consistent_hashing_lb_config"], &cluster)
        }
        cluster.ignoresHealthOnRemoval = message["ignore_health_on_host_removal"]?.bool() ?? false
        cluster.closesConnectionsOnHealthFailure =
            message["close_connections_on_host_health_failure"]?.bool() ?? false
    }

    /// `health_status` and `health_check_config` of an endpoint.
    func health(_ member: Message, _ endpoint: Message, _ result: inout Endpoint) {
        result.health =
            member["health_status"]?.choice(
                [
                    ("UNKNOWN", 0, .unknown), ("HEALTHY", 1, .healthy), ("UNHEALTHY", 2, .unhealthy),
                    ("DRAINING", 3, .draining), ("TIMEOUT", 4, .timeout), ("DEGRADED", 5, .degraded),
                ]) ?? .unknown
        guard let config = endpoint["health_check_config"]?.message(.healthCheckConfig) else { return }
        result.healthCheckPort = UInt16(config["port_value"]?.number(0...65535) ?? 0)
        result.healthCheckHostname = config["hostname"].flatMap { fieldValue($0) } ?? ""
        result.disablesHealthCheck = config["disable_active_health_check"]?.bool() ?? false
    }

    // MARK: - Checks

    private func healthCheck(_ message: Message) -> HealthCheck? {
        let timeout = message.require("timeout")?.positiveDuration()
        let interval = message.require("interval")?.positiveDuration()
        let unhealthy = message.require("unhealthy_threshold")?.number()
        let healthy = message.require("healthy_threshold")?.number()
        let method = checkMethod(message)
        guard let timeout, let interval, let unhealthy, let healthy, let method else { return nil }
        var check = HealthCheck(
            method: method, timeoutMs: timeout, intervalMs: interval, unhealthyThreshold: unhealthy,
            healthyThreshold: healthy)
        check.initialJitterMs = message["initial_jitter"]?.duration() ?? 0
        check.intervalJitterMs = message["interval_jitter"]?.duration() ?? 0
        check.intervalJitterPercent = message["interval_jitter_percent"]?.number() ?? 0
        check.reusesConnection = message["reuse_connection"]?.bool() ?? true
        check.noTrafficIntervalMs = message["no_traffic_interval"]?.positiveDuration() ?? check.noTrafficIntervalMs
        check.noTrafficHealthyIntervalMs =
            message["no_traffic_healthy_interval"]?.positiveDuration() ?? check.noTrafficIntervalMs
        check.unhealthyIntervalMs = message["unhealthy_interval"]?.positiveDuration() ?? interval
        check.unhealthyEdgeIntervalMs =
            message["unhealthy_edge_interval"]?.positiveDuration() ?? check.unhealthyIntervalMs
        check.healthyEdgeIntervalMs = message["healthy_edge_interval"]?.positiveDuration() ?? interval
        check.alwaysLogsFailures = message["always_log_health_check_failures"]?.bool() ?? false
        check.alwaysLogsSuccess = message["always_log_health_check_success"]?.bool() ?? false
        check.eventLogs = eventLogs(message)
        return check
    }

    private func eventLogs(_ message: Message) -> [HealthEventLog] {
        var logs: [HealthEventLog] = []
        if let value = message["event_log_path"], let path = value.string(), !path.isEmpty {
            logs.append(HealthEventLog(file: path, location: value.location, path: value.path))
        }
        for sink in message["event_logger"]?.messages(.healthEventSink) ?? [] {
            _ = sink.require("name")?.nonEmptyString()
            let config = sink.require("typed_config")?.extensionMessage([.healthEventFile])?.message
            guard let value = config?.require("event_log_path"), let path = value.nonEmptyString() else { continue }
            logs.append(HealthEventLog(file: path, location: value.location, path: value.path))
        }
        return logs
    }

    private func checkMethod(_ message: Message) -> HealthCheck.Method? {
        if let http = message["http_health_check"] {
            return http.message(.httpHealthCheck).flatMap { httpCheck($0) }.map { .http($0) }
        }
        if let tcp = message["tcp_health_check"] {
            return tcp.message(.tcpHealthCheck).map { .tcp(tcpCheck($0)) }
        }
        _ = message.requireOne(
            of: ["http_health_check", "tcp_health_check"], else: ["grpc_health_check", "custom_health_check"])
        return nil
    }

    private func httpCheck(_ message: Message) -> HTTPHealthCheck? {
        let path = message.require("path").flatMap { value -> String? in
            guard let path = value.nonEmptyString() else { return nil }
            guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                value.error("\(quoted(path)) has characters that a path cannot have")
                return nil
            }
            return path
        }
        var check = HTTPHealthCheck(path: path ?? "")
        check.host = message["host"].flatMap { fieldValue($0) } ?? ""
        check.isHead =
            message["method"]?.choice(
                [("METHOD_UNSPECIFIED", 0, false), ("GET", 1, false), ("HEAD", 2, true)],
                known: ["POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]) ?? false
        check.headers = (message["request_headers_to_add"]?.messages(.headerValueOption) ?? []).compactMap(header)
        check.removedHeaders = (message["request_headers_to_remove"]?.list() ?? []).compactMap { fieldName($0) }
        if let expected = message["expected_statuses"] {
            let ranges = statuses(expected)
            if !ranges.isEmpty { check.expectedStatuses = ranges }
        }
        check.retriableStatuses = message["retriable_statuses"].map { statuses($0) } ?? []
        return path == nil ? nil : check
    }

    private func header(_ option: Message) -> HealthCheckHeader? {
        guard let header = option.require("header")?.message(.headerValue),
            let name = header.require("key").flatMap({ fieldName($0) })
        else { return nil }
        let value = header["value"].flatMap { fieldValue($0, isFormat: true) } ?? ""
        if value.isEmpty, option["keep_empty_value"]?.bool() != true { return nil }
        return HealthCheckHeader(name: name, value: value, action: appendAction(option))
    }

    /// A name of a field that a check may set; in lower case.
    private func fieldName(_ value: Value) -> String? {
        guard let text = value.nonEmptyString()?.lowercased() else { return nil }
        let isToken = text.utf8.allSatisfy { c in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(c) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(c)
                || "!#$%&'*+-.^_`|~".utf8.contains(c)
        }
        let framing = ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "expect"]
        if !isToken || framing.contains(text) {
            value.error("\(quoted(text)) cannot be set on a health check; use \"host\" of the check for the host")
            return nil
        }
        return text
    }

    private func fieldValue(_ value: Value, isFormat: Bool = false) -> String? {
        guard let text = value.string() else { return nil }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            value.error("has characters that a header field cannot have")
            return nil
        }
        if isFormat, text.contains("%") {
            value.error("command operators (%) are not supported by this build in a health check")
            return nil
        }
        return text
    }

    /// Half-open ranges of statuses.
    private func statuses(_ value: Value) -> [Range<UInt32>] {
        value.messages(.int64Range).compactMap { range in
            let start = range["start"]?.number() ?? 0
            let end = range["end"]?.number() ?? 0
            guard start >= 100, end <= 600, start < end else {
                range.error("statuses from \(start) to before \(end): must lie within 100 and 600 and not be empty")
                return nil
            }
            return start..<end
        }
    }

    private func tcpCheck(_ message: Message) -> TCPHealthCheck {
        var check = TCPHealthCheck()
        if let send = message["send"]?.message(.healthCheckPayload) { check.send = payload(send) ?? [] }
        check.receive = (message["receive"]?.messages(.healthCheckPayload) ?? []).compactMap { payload($0) }
        return check
    }

    /// `text` is hexadecimal, `binary` base64.
    private func payload(_ message: Message) -> [UInt8]? {
        if let value = message["text"] {
            guard let text = value.nonEmptyString() else { return nil }
            guard let bytes = Payload.hex(text) else {
                value.error("\(quoted(text)) is not hexadecimal: two digits for each byte")
                return nil
            }
            return bytes
        }
        guard let value = message.requireOne(of: ["text", "binary"]), let text = value.nonEmptyString() else {
            return nil
        }
        guard let bytes = Payload.base64(text) else {
            value.error("\(quoted(text)) is not base64")
            return nil
        }
        return bytes
    }
}

/// Bytes of a TCP check as they stand in a configuration.
enum Payload {
    static func hex(_ text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// The usual and the URL-safe alphabet, with or without padding, as protobuf's JSON form allows.
    static func base64(_ text: String) -> [UInt8]? {
        let body = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
        guard text.utf8.count - body.count <= 2, body.count % 4 != 1 else { return nil }
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for c in body {
            let value: UInt8
            switch c {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = c - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = c - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = c - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }
}
