import CLinux
import Glibc
import Testing

/// What is known of hosts comes along in a hot restart.
@Suite struct HealthRestartTests {
    private static let stats = [
        "membership_total", "membership_healthy", "membership_degraded", "membership_excluded", "health_check.healthy",
        "outlier_detection.ejections_active",
    ]

    private struct Scene {
        var well: Upstream
        var failed: Upstream
        var ejected: Upstream
        var configuration: Configuration
        var flags: [String]
        var parent: Proxy

        /// One of three hosts fails its checks, another one is taken out.
        init(_ bed: Bed, interval: String = "1000s", ejectionSeconds: Int = 300) throws {
            well = try bed.upstream("well")
            failed = try bed.upstream("failed")
            ejected = try bed.upstream("ejected")
            configuration = Configuration(well.port, failed.port, ejected.port)
            configuration.clusterLines = [
                Configuration.httpCheck(healthy: 1, interval: interval),
                Configuration.outliers(
                    "consecutive_5xx: 2, interval: 0.05s, base_ejection_time: \(ejectionSeconds)s, "
                        + "max_ejection_percent: 40, successful_active_health_check_uneject_host: false"),
                "common_lb_config: { healthy_panic_threshold: { value: 20 } }",
            ]
            flags = ["--hot-restart-file", bed.path("restart.sock")]
            try failed.setHealth(500)
            parent = try bed.proxy(configuration, flags)
            try ejected.setStatus(500)
            let (parent, ejected) = (parent, ejected)
            try waitUntil("one is taken out") {
                _ = try parent.ask(2)
                return try parent.health(of: ejected.port) == "/failed_outlier_check"
            }
            try parent.waitUntilOnly(well)
        }

        func expectHealth(_ proxy: Proxy) throws {
            #expect(try proxy.health(of: well.port) == "healthy")
            #expect(try proxy.health(of: failed.port) == "/failed_active_hc")
            #expect(try proxy.health(of: ejected.port) == "/failed_outlier_check")
        }

        func gauges(_ proxy: Proxy) throws -> [UInt64?] {
            let shown = try proxy.stats("cluster.service")
            return HealthRestartTests.stats.map { shown["cluster.service." + $0] }
        }
    }

    @Test func theChildKnowsWhatTheParentKnew() throws {
        try withBed { bed in
            let scene = try Scene(bed)
            try scene.expectHealth(scene.parent)
            let gauges = try scene.gauges(scene.parent)
            #expect(gauges == [3, 1, 0, 0, 2, 1])
            let attempts = try scene.parent.stats("attempt")["cluster.service.health_check.attempt"]
            let (failedCount, ejectedCount) = (try scene.failed.count, try scene.ejected.count)
            let (wellChecks, failedChecks) = (try scene.well.checks, try scene.failed.checks)

            let child = try bed.proxy(scene.configuration, scene.flags)
            #expect(try child.ask(20) == ["200 \(scene.well.hello)": 20])
            try scene.expectHealth(child)
            #expect(try scene.gauges(child) == gauges)
            // Not one request went where none should, and nobody was asked again.
            #expect(try scene.failed.count == failedCount)
            #expect(try scene.ejected.count == ejectedCount)
            #expect(try scene.well.checks == wellChecks)
            #expect(try scene.failed.checks == failedChecks)
            #expect(try child.stats("attempt")["cluster.service.health_check.attempt"] == attempts)

            // And once more.
            let grandchild = try bed.proxy(scene.configuration, scene.flags)
            #expect(try grandchild.ask(20) == ["200 \(scene.well.hello)": 20])
            #expect(try scene.gauges(grandchild) == gauges)
            #expect(try scene.failed.count == failedCount)
            #expect(try scene.ejected.count == ejectedCount)
        }
    }

    /// Listeners alone may be handed over: then there are no connection records, and the state says it all.
    @Test func withoutConnectionsToo() throws {
        try withBed { bed in
            var scene = try Scene(bed)
            scene.flags += ["--hand-over", "listeners"]
            let ejectedCount = try scene.ejected.count
            let child = try bed.proxy(scene.configuration, scene.flags)
            try scene.expectHealth(child)
            #expect(try child.ask(12) == ["200 \(scene.well.hello)": 12])
            #expect(try scene.ejected.count == ejectedCount)
        }
    }

    /// The end of an ejection does not depend on who serves, and the child's checks go on.
    @Test func ejectionsEndAndChecksGoOnInTheChild() throws {
        try withBed { bed in
            let scene = try Scene(bed, interval: "0.03s", ejectionSeconds: 5)
            let child = try bed.proxy(scene.configuration, scene.flags)
            try scene.ejected.setStatus(200)
            try child.waitForHealth(of: scene.ejected, "healthy")
            // Since the parent took it out, not since the child began.
            try waitUntil("the child says so") {
                child.log.contains("host 127.0.0.1:\(scene.ejected.port) is not ejected any more")
            }
            #expect(!child.log.contains("is ejected for"))
            try scene.failed.setHealth(200)
            try child.waitForHealth(of: scene.failed, "healthy")
            try child.waitUntilOnly(scene.well, scene.failed, scene.ejected)
        }
    }

    /// Once the child serves, the parent asks nobody any more; if the child dies it does again.
    @Test func theStandbyChecksAgainWhenTheChildIsKilled() throws {
        try withBed { bed in
            let scene = try Scene(bed, interval: "0.03s")
            let child = try bed.proxy(scene.configuration, scene.flags)
            try waitUntil("the parent stands by") { scene.parent.log.contains("this process stands by") }
            // Only the child sees this, and the parent learns of it when it is asked to serve again.
            try scene.well.setHealth(500)
            try child.waitForHealth(of: scene.well, "/failed_active_hc")
            try scene.failed.setHealth(200)
            try child.waitForHealth(of: scene.failed, "healthy")
            #expect(!scene.parent.log.contains("host 127.0.0.1:\(scene.well.port) is unhealthy"))

            try child.process.kill9()
            try waitUntil("the parent serves again") { scene.parent.log.contains("this process serves again") }
            try scene.parent.waitForHealth(of: scene.well, "/failed_active_hc")
            try scene.parent.waitForHealth(of: scene.failed, "healthy")
            try scene.parent.waitUntilOnly(scene.failed)
            let before = try scene.failed.checks
            try waitUntil("it goes on checking") { try scene.failed.checks >= before + 3 }
        }
    }

    @Test func aHostThatIsNewInTheChildIsAskedBeforeItServes() throws {
        try withBed { bed in
            let scene = try Scene(bed)
            let fresh = try bed.upstream("fresh")
            try fresh.setHealth(500)
            var configuration = scene.configuration
            configuration.upstreams.append(fresh.port)
            let child = try bed.proxy(configuration, scene.flags)
            try scene.expectHealth(child)
            #expect(try child.health(of: fresh.port) == "/failed_active_hc")
            #expect(try fresh.checks == 1)
            #expect(try child.ask(12) == ["200 \(scene.well.hello)": 12])
            #expect(try fresh.count == 0)
        }
    }

    /// A host that fails while the hand-over is under way is known to the child all the same.
    @Test func whatHappensMeanwhileIsKnownToo() throws {
        try withBed { bed in
            let scene = try Scene(bed)
            let client = try scene.parent.client()
            let child = try bed.startProxy(scene.configuration.text, scene.flags)
            #expect(try client.get("/unwell").status == 200)
            try bed.waitUntilServing(child)
            try child.waitForHealth(of: scene.well, "/failed_active_hc/excluded_via_immediate_hc_fail")
            // No healthy one is left: below the threshold all are used.
            try waitUntil("all three are asked") { try child.ask(6).count == 3 }
        }
    }

    /// A request in flight to a host that failed is finished by the child.
    @Test func aRequestToAFailedHostIsFinished() throws {
        try withBed { bed in
            let scene = try Scene(bed)
            let client = try scene.parent.client()
            try client.send("GET /slow/1500 HTTP/1.1\r\nhost: a\r\n\r\n")
            try waitUntil("it is on its way") {
                try scene.parent.stats("rq_active")["cluster.service.upstream_rq_active"] == 1
            }
            let other = try scene.parent.client()
            #expect(try other.get("/unwell").status == 200)
            try scene.parent.waitForHealth(of: scene.well, "/failed_active_hc/excluded_via_immediate_hc_fail")
            let child = try bed.proxy(scene.configuration, scene.flags)
            #expect(try client.response().text == scene.well.hello)
            #expect(try child.health(of: scene.well.port) == "/failed_active_hc/excluded_via_immediate_hc_fail")
        }
    }
}
