import ProxyConfig
import Testing

/// `health_checks`, `outlier_detection` and what belongs to them.
@Suite struct HealthConfigTests {
    private static let required = "timeout: 1s, interval: 2s, unhealthy_threshold: 3, healthy_threshold: 4"

    private func cluster(_ fields: String) throws -> Cluster {
        try #require(try load(Sample.cluster(fields)).bootstrap.clusters.first)
    }

    private func check(_ fields: String) throws -> HealthCheck {
        try #require(try cluster("health_checks: [{\(Self.required), \(fields)}]").healthCheck)
    }

    @Test func defaultsAreEnvoys() throws {
        let plain = try cluster("connect_timeout: 1s")
        #expect(plain.healthCheck == nil && plain.outlierDetection == nil && plain.healthyPanicPercent == 50)
        let check = try check("http_health_check: {path: /h}")
        #expect(check.timeoutMs == 1000 && check.intervalMs == 2000)
        #expect(check.unhealthyThreshold == 3 && check.healthyThreshold == 4)
        #expect(check.reusesConnection && check.noTrafficIntervalMs == 60_000)
        #expect(check.noTrafficHealthyIntervalMs == 60_000)
        #expect(check.unhealthyIntervalMs == 2000 && check.unhealthyEdgeIntervalMs == 2000)
        #expect(check.healthyEdgeIntervalMs == 2000 && check.initialJitterMs == 0)
        guard case .http(let http) = check.method else { throw MissingPart() }
        #expect(http.path == "/h" && http.expectedStatuses == [200..<201] && !http.isHead && http.host == "")
        let outliers = try #require(try cluster("outlier_detection: {}").outlierDetection)
        #expect(outliers.consecutive5xx == 5 && outliers.intervalMs == 10_000 && outliers.baseEjectionTimeMs == 30_000)
        #expect(outliers.maxEjectionTimeMs == 300_000 && outliers.maxEjectionPercent == 10)
        #expect(outliers.enforcing5xx == 100 && outliers.enforcingGatewayFailure == 0 && outliers.checkUnejects)
    }

    private struct MissingPart: Error {}

    @Test func everythingIsRead() throws {
        let check = try check(
            """
            initial_jitter: 0.1s, interval_jitter: 0.2s, interval_jitter_percent: 7, reuse_connection: false, \
            no_traffic_interval: 3s, no_traffic_healthy_interval: 4s, unhealthy_interval: 5s, \
            unhealthy_edge_interval: 6s, healthy_edge_interval: 7s, always_log_health_check_failures: true, \
            http_health_check: {path: /h, host: me, method: HEAD, expected_statuses: [{start: 200, end: 300}], \
            retriable_statuses: [{start: 500, end: 501}], request_headers_to_remove: [User-Agent], \
            request_headers_to_add: [{header: {key: X-A, value: b}, append_action: ADD_IF_ABSENT}]}
            """)
        #expect(check.initialJitterMs == 100 && check.intervalJitterMs == 200 && check.intervalJitterPercent == 7)
        #expect(
            !check.reusesConnection && check.noTrafficIntervalMs == 3000 && check.noTrafficHealthyIntervalMs == 4000)
        #expect(check.unhealthyIntervalMs == 5000 && check.unhealthyEdgeIntervalMs == 6000)
        #expect(check.healthyEdgeIntervalMs == 7000 && check.alwaysLogsFailures)
        guard case .http(let http) = check.method else { throw MissingPart() }
        #expect(http.host == "me" && http.isHead && http.removedHeaders == ["user-agent"])
        #expect(http.expectedStatuses == [200..<300] && http.retriableStatuses == [500..<501])
        #expect(http.headers == [HealthCheckHeader(name: "x-a", value: "b", action: .addIfAbsent)])
    }

    @Test func payloadsAreBytes() throws {
        let check = try check(
            #"tcp_health_check: {send: {text: "50494E47"}, receive: [{text: "0a"}, {binary: "/+8="}, {binary: QUI}]}"#)
        guard case .tcp(let tcp) = check.method else { throw MissingPart() }
        #expect(tcp.send == Array("PING".utf8))
        #expect(tcp.receive == [[10], [0xFF, 0xEF], Array("AB".utf8)])
    }

    @Test func outliersAndHostsAreRead() throws {
        let outliers = try #require(
            try cluster(
                """
                outlier_detection: {consecutive_5xx: 1, interval: 2s, base_ejection_time: 400s, \
                max_ejection_percent: 50, consecutive_gateway_failure: 3, split_external_local_origin_errors: true, \
                success_rate_stdev_factor: 1000, always_eject_one_host: true, max_ejection_time_jitter: 1s, \
                successful_active_health_check_uneject_host: false, enforcing_failure_percentage_local_origin: 9}
                """
            ).outlierDetection)
        #expect(outliers.consecutive5xx == 1 && outliers.intervalMs == 2000 && outliers.maxEjectionPercent == 50)
        // Never less than the base time.
        #expect(outliers.baseEjectionTimeMs == 400_000 && outliers.maxEjectionTimeMs == 400_000)
        #expect(outliers.splitsLocalOrigin && outliers.alwaysEjectsOne && !outliers.checkUnejects)
        #expect(outliers.consecutiveGatewayFailure == 3 && outliers.successRateStdevFactor == 1000)
        #expect(outliers.maxEjectionTimeJitterMs == 1000 && outliers.enforcingLocalOriginFailurePercentage == 9)
        let cluster = try cluster(
            """
            common_lb_config: {healthy_panic_threshold: {value: 33.4}}, ignore_health_on_host_removal: true, \
            close_connections_on_host_health_failure: true, load_assignment: {cluster_name: c, endpoints: [{\
            lb_endpoints: [{health_status: DRAINING, endpoint: {address: {socket_address: {address: 127.0.0.1, \
            port_value: 1}}, health_check_config: {port_value: 2, hostname: h, disable_active_health_check: true}}}]}]}
            """)
        #expect(cluster.healthyPanicPercent == 33 && cluster.ignoresHealthOnRemoval)
        #expect(cluster.closesConnectionsOnHealthFailure)
        let endpoint = try #require(cluster.endpoints.first)
        #expect(endpoint.health == .draining && endpoint.healthCheckPort == 2)
        #expect(endpoint.healthCheckHostname == "h" && endpoint.disablesHealthCheck)
    }

    private static func checkErrors(_ fields: String) -> [String] {
        errors(Sample.cluster("health_checks: [{\(required), \(fields)}]")).map {
            String($0.drop { $0 != " " }.dropFirst().drop { $0 != " " }.dropFirst())
        }
    }

    @Test(
        arguments: [
            ("grpc_health_check: {}", "\"grpc_health_check\" is an Envoy field that this build does not support"),
            ("custom_health_check: {}", "\"custom_health_check\" is an Envoy field that this build does not support"),
            (
                "tcp_health_check: {}, http_health_check: {path: /}",
                "only one of http_health_check, tcp_health_check may be given"
            ),
            ("reuse_connection: true", "one of http_health_check, tcp_health_check is required"),
            ("http_health_check: {}", "required field \"path\" is missing"),
            ("http_health_check: {path: /a b}", "\"/a b\" has characters that a path cannot have"),
            (
                "http_health_check: {path: /, expected_statuses: [{start: 200, end: 200}]}",
                "statuses from 200 to before 200: must lie within 100 and 600 and not be empty"
            ),
            (
                "http_health_check: {path: /, method: POST}",
                "\"POST\" is not supported by this build; supported: METHOD_UNSPECIFIED, GET, HEAD"
            ),
            (
                "http_health_check: {path: /, request_headers_to_add: [{header: {key: host, value: a}}]}",
                "\"host\" cannot be set on a health check; use \"host\" of the check for the host"
            ),
            (
                "http_health_check: {path: /, request_headers_to_add: [{header: {key: a, value: \"%X%\"}}]}",
                "command operators (%) are not supported by this build in a health check"
            ),
            (
                "http_health_check: {path: /, codec_client_type: HTTP2}",
                "\"HTTP2\" is not supported by this build; supported: HTTP1"
            ),
            ("tcp_health_check: {send: {text: abc}}", "\"abc\" is not hexadecimal: two digits for each byte"),
            ("tcp_health_check: {send: {binary: \"a\"}}", "\"a\" is not base64"),
            ("tcp_health_check: {}, no_traffic_interval: 0s", "must be greater than 0s"),
        ])
    func wrongChecks(fields: String, expected: String) {
        #expect(Self.checkErrors(fields) == [expected])
    }

    @Test func whatIsMissingOrTooMuchIsSaid() {
        let found = errors(Sample.cluster("health_checks: [{tcp_health_check: {}}]"))
        #expect(found.count == 4)
        for field in ["timeout", "interval", "unhealthy_threshold", "healthy_threshold"] {
            #expect(found.contains { $0.hasSuffix("required field \"\(field)\" is missing") })
        }
        let one = "{\(Self.required), tcp_health_check: {}}"
        #expect(
            errors(Sample.cluster("health_checks: [\(one), \(one)]"))
                == [
                    "envoy.yaml:7:16: static_resources.clusters[0].health_checks: a cluster may have one health check only"
                ])
        #expect(
            errors(Sample.cluster("outlier_detection: {max_ejection_percent: 101}")).first?.hasSuffix(
                "101 is out of range (0 to 100)") == true)
        #expect(
            errors(Sample.cluster("outlier_detection: {base_ejection_time: 2s, max_ejection_time: 1s}")).first?
                .hasSuffix("must not be less than base_ejection_time") == true)
        #expect(
            errors(Sample.cluster("common_lb_config: {healthy_panic_threshold: {value: 101}}")).first?
                .hasSuffix("101 is out of range (0 to 100)") == true)
        #expect(
            errors(Sample.cluster("common_lb_config: {zone_aware_lb_config: {min_cluster_size: 3}}")).first?
                .hasSuffix("is an Envoy field that this build does not support") == true)
    }
}
