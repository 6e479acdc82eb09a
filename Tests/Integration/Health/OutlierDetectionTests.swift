import Testing

/// Hosts that answer badly, and are taken out for a while.
@Suite struct OutlierDetectionTests {
    private static let name = "cluster.service.outlier_detection."

    private func proxy(
        _ bed: Bed, _ fields: String, _ upstreams: [UInt16], _ more: (inout Configuration) -> Void = { _ in }
    ) throws -> Proxy {
        var configuration = Configuration()
        configuration.upstreams = upstreams
        configuration.clusterLines = [Configuration.outliers(fields)]
        more(&configuration)
        return try bed.proxy(configuration)
    }

    /// Asks until the host is out: each worker has a turn of its own.
    private func askUntilOut(_ proxy: Proxy, _ upstream: Upstream, _ path: String = "/") throws {
        try waitUntil("\(upstream.name) is taken out") {
            _ = try proxy.ask(2, path)
            return try proxy.health(of: upstream.port) == "/failed_outlier_check"
        }
    }

    @Test func consecutive5xxTakeAHostOutForItsTime() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            let proxy = try proxy(
                bed, "consecutive_5xx: 3, interval: 0.05s, base_ejection_time: 2s, max_ejection_percent: 50",
                [a.port, b.port])
            try b.setStatus(500)
            try askUntilOut(proxy, b)
            try proxy.waitUntilOnly(a)
            let count = try b.count
            #expect(count >= 3)
            #expect(try proxy.ask(6) == ["200 \(a.hello)": 6])
            #expect(try b.count == count)
            let stats = try proxy.stats("cluster.service")
            #expect(stats[Self.name + "ejections_active"] == 1)
            #expect(stats[Self.name + "ejections_enforced_total"] == 1)
            #expect(stats[Self.name + "ejections_enforced_consecutive_5xx"] == 1)
            #expect(stats[Self.name + "ejections_detected_consecutive_5xx"] == 1)
            #expect(stats["cluster.service.membership_healthy"] == 1)

            try b.setStatus(200)
            try proxy.waitForHealth(of: b, "healthy")
            try proxy.waitUntilOnly(a, b)
            #expect(try proxy.stats("ejections")[Self.name + "ejections_active"] == 0)
            try waitUntil("the log says so") { proxy.log.contains("is ejected for consecutive 5xx, for 2 s at least") }
        }
    }

    /// The failures of a host are counted over all workers, and any success between them begins anew.
    @Test func aSuccessBetweenFailuresCounts() throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let proxy = try proxy(
                bed, "consecutive_5xx: 3, max_ejection_percent: 100, base_ejection_time: 300s", [a.port])
            for _ in 0..<5 {
                for path in ["/status/500", "/status/503", "/"] { _ = try proxy.client().get(path) }
            }
            #expect(try proxy.health(of: a.port) == "healthy")
            for _ in 0..<3 { _ = try proxy.client().get("/status/500") }
            try proxy.waitForHealth(of: a, "/failed_outlier_check")
            #expect(try proxy.stats("detected")[Self.name + "ejections_detected_consecutive_5xx"] == 1)
        }
    }

    @Test func onlyAShareOfTheHostsIsTakenOut() throws {
        try withBed { bed in
            let upstreams = try ["a", "b", "c"].map { try bed.upstream($0) }
            let proxy = try proxy(
                bed, "consecutive_5xx: 1, base_ejection_time: 300s, max_ejection_percent: 40", upstreams.map(\.port))
            for upstream in upstreams { try upstream.setStatus(500) }
            try waitUntil("one is out, and no other may be") {
                _ = try proxy.ask(3)
                return try proxy.stats("ejections")[Self.name + "ejections_overflow"] ?? 0 > 0
            }
            let stats = try proxy.stats("cluster.service")
            #expect(stats[Self.name + "ejections_active"] == 1)
            #expect(stats[Self.name + "ejections_enforced_total"] == 1)
            #expect(stats["cluster.service.membership_healthy"] == 2)
        }
    }

    @Test func whatIsNotEnforcedIsOnlyCounted() throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let proxy = try proxy(
                bed, "consecutive_5xx: 2, enforcing_consecutive_5xx: 0, max_ejection_percent: 100", [a.port])
            for _ in 0..<4 { _ = try proxy.client().get("/status/503") }
            try waitUntil("it is noticed") {
                try proxy.stats("ejections")[Self.name + "ejections_detected_consecutive_5xx"] ?? 0 >= 1
            }
            let stats = try proxy.stats("ejections")
            #expect(stats[Self.name + "ejections_enforced_total"] == 0)
            #expect(try proxy.health(of: a.port) == "healthy")
        }
    }

    @Test func gatewayFailuresAreCountedApart() throws {
        try withBed { bed in
            let (a, b) = (try bed.upstream("a"), try bed.upstream("b"))
            let proxy = try proxy(
                bed,
                "consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, "
                    + "enforcing_consecutive_5xx: 0, base_ejection_time: 300s, max_ejection_percent: 50",
                [a.port, b.port])
            try b.setStatus(500)
            for _ in 0..<10 { _ = try proxy.ask(2) }
            #expect(try proxy.health(of: b.port) == "healthy")
            try b.setStatus(503)
            try askUntilOut(proxy, b)
            #expect(
                try proxy.stats("ejections")[Self.name + "ejections_enforced_consecutive_gateway_failure"] == 1)
        }
    }

    /// A host that cannot be reached counts as one that answers with a 503, or as what it is.
    @Test(arguments: [false, true])
    func aHostThatCannotBeReached(splits: Bool) throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let port: UInt16
            do { port = try Listener().port }
            let proxy = try proxy(
                bed,
                "split_external_local_origin_errors: \(splits), consecutive_5xx: 2, "
                    + "consecutive_local_origin_failure: 2, base_ejection_time: 300s, max_ejection_percent: 50",
                [a.port, port])
            try waitUntil("it is taken out") {
                _ = try proxy.ask(2)
                return try proxy.health(of: port) == "/failed_outlier_check"
            }
            try proxy.waitUntilOnly(a)
            let stats = try proxy.stats("ejections")
            let reason = splits ? "consecutive_local_origin_failure" : "consecutive_5xx"
            #expect(stats[Self.name + "ejections_enforced_" + reason] == 1)
        }
    }

    @Test func aHostThatAnswersTooLateCounts() throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let proxy = try proxy(
                bed, "consecutive_5xx: 2, base_ejection_time: 300s, max_ejection_percent: 100", [a.port]
            ) {
                $0.routes = ["{ match: { prefix: / }, route: { cluster: service, timeout: 0.05s } }"]
            }
            for _ in 0..<2 { #expect(try proxy.client().get("/hang").status == 504) }
            try proxy.waitForHealth(of: a, "/failed_outlier_check")
        }
    }

    @Test func aTCPProxyTakesHostsOutToo() throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let port: UInt16
            do { port = try Listener().port }
            let proxy = try proxy(
                bed, "consecutive_5xx: 2, base_ejection_time: 300s, max_ejection_percent: 50", [a.port, port]
            ) { $0.tcp = ["max_connect_attempts: 2"] }
            try waitUntil("it is taken out") {
                _ = try proxy.client().get("/")
                return try proxy.health(of: port) == "/failed_outlier_check"
            }
            try proxy.waitUntilOnly(a)
        }
    }

    /// A success rate, and a share of failures.
    @Test(arguments: ["success_rate", "failure_percentage"])
    func ratesAreLookedAtEachInterval(kind: String) throws {
        try withBed { bed in
            let upstreams = try ["a", "b", "c"].map { try bed.upstream($0) }
            var configuration = Configuration()
            configuration.upstreams = upstreams.map(\.port)
            configuration.clusterLines = [
                "outlier_detection: { interval: 0.3s, base_ejection_time: 300s, max_ejection_percent: 40, "
                    + "enforcing_consecutive_5xx: 0, enforcing_success_rate: \(kind == "success_rate" ? 100 : 0), "
                    + "enforcing_failure_percentage: \(kind == "success_rate" ? 0 : 100), "
                    + "\(kind)_minimum_hosts: 3, \(kind)_request_volume: 2, success_rate_stdev_factor: 1000 }"
            ]
            let proxy = try bed.proxy(configuration)
            try upstreams[2].setStatus(500)
            try askUntilOut(proxy, upstreams[2])
            let stats = try proxy.stats("ejections")
            #expect(stats[Self.name + "ejections_enforced_\(kind)"] == 1)
            #expect(stats[Self.name + "ejections_active"] == 1)
        }
    }

    /// `successful_active_health_check_uneject_host`.
    @Test func aCheckThatIsPassedBringsAHostBack() throws {
        try withBed { bed in
            let a = try bed.upstream("a")
            let proxy = try proxy(
                bed, "consecutive_5xx: 2, base_ejection_time: 300s, max_ejection_percent: 100", [a.port]
            ) { $0.clusterLines.append(Configuration.httpCheck()) }
            for _ in 0..<2 { _ = try proxy.client().get("/status/500") }
            try waitUntil("it was taken out") {
                try proxy.stats("ejections")[Self.name + "ejections_enforced_total"] == 1
            }
            try proxy.waitForHealth(of: a, "healthy")
        }
    }
}
