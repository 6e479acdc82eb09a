import Testing

/// The filter `health_check`, where Tests/EnvoyCases cannot look: admin requests, time, hosts that fail.
@Suite struct HealthCheckFilterTests {
    private static func check(_ fields: String) -> String {
        FilterScene.filter(
            "check", "health_check.v3.HealthCheck",
            "headers: [{ name: \":path\", string_match: { exact: /check } }], \(fields)")
    }

    @Test func whoChecksIsToldToGoElsewhere() throws {
        try withBed { bed in
            let log = bed.path("access.log")
            let upstream = try bed.upstream()
            var configuration = FilterScene.configuration(upstream.port, [Self.check("pass_through_mode: false")])
            let type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            configuration.manager = [
                "access_log: [{ name: a, filter: { not_health_check_filter: {} }, typed_config: { \"@type\": \(type), "
                    + "path: \"\(log)\", log_format: { text_format: \"%REQ(:PATH)% %RESPONSE_CODE%\\n\" } } }]"
            ]
            let proxy = try bed.proxy(configuration, ["--service-cluster", "edge"])
            let healthy = try proxy.client().get("/check")
            #expect(healthy.status == 200 && healthy["x-envoy-upstream-healthchecked-cluster"] == "edge")
            #expect(healthy["x-envoy-immediate-health-check-fail"] == nil)
            _ = try proxy.admin("/healthcheck/fail", method: "POST")
            try waitUntil("the worker knows it") { try proxy.client().get("/check").status == 503 }
            let other = try proxy.client().get("/other")
            #expect(other.status == 200 && other["x-envoy-immediate-health-check-fail"] == "true")
            let stats = try proxy.stats()
            #expect(stats["http.ingress_http.downstream_rq_completed"] == 1)
            #expect(stats["http.ingress_http.downstream_rq_5xx"] == 0)
            #expect(try proxy.process.terminate() == .exit(0))
            #expect(Files.read(log) == "/other 200\n")
        }
    }

    @Test func anUpstreamsAnswerCountsForAWhile() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(
                FilterScene.configuration(upstream.port, [Self.check("pass_through_mode: true, cache_time: 0.2s")]),
                concurrency: 2)
            func asked() throws -> UInt64? { try proxy.stats()["cluster.service.upstream_rq_total"] }
            for _ in 0..<20 { #expect(try proxy.client().get("/check").status == 200) }
            let first = try #require(try asked())
            #expect(first >= 1 && first < 20)
            try waitUntil("it is asked again") {
                _ = try proxy.client().get("/check")
                return try asked() ?? 0 > first
            }
            #expect(try proxy.stats()["cluster.service.upstream_rq_completed"] == 0)
        }
    }

    /// A cluster whose hosts come and go.
    @Test func theHostsOfAClusterAreCounted() throws {
        try withBed { bed in
            let host = try bed.upstream()
            var configuration = FilterScene.configuration(
                host.port,
                [Self.check("pass_through_mode: false, cluster_min_healthy_percentages: { service: { value: 1 } }")])
            configuration.clusterLines = [Configuration.httpCheck(unhealthy: 1, healthy: 1)]
            let proxy = try bed.proxy(configuration)
            try waitUntil("healthy") { try proxy.client().get("/check").status == 200 }
            try host.setHealth(500)
            try waitUntil("not healthy") { try proxy.client().get("/check").status == 503 }
            try host.setHealth(200)
            try waitUntil("healthy again") { try proxy.client().get("/check").status == 200 }
        }
    }
}
