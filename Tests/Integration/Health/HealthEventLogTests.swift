import Glibc
import Testing

/// Events of health checks in files.
@Suite struct HealthEventLogTests {
    private static func events(_ path: String) -> [String] {
        let names = [
            "add_healthy_event", "eject_unhealthy_event", "health_check_failure_event", "successful_health_check_event",
            "degraded_healthy_host", "no_longer_degraded_host",
        ]
        return LogFiles.lines(path).map { line in names.first { line.contains("\"\($0)\"") } ?? line }
    }

    private static func configuration(_ port: UInt16, _ path: String, _ more: String = "") -> Configuration {
        var configuration = Configuration(port)
        configuration.clusterLines = [
            "health_checks: [{ timeout: 5s, interval: 0.02s, no_traffic_interval: 0.02s, unhealthy_threshold: 2, "
                + "healthy_threshold: 2, event_log_path: \(path)\(more), http_health_check: { path: /health } }]"
        ]
        return configuration
    }

    @Test(arguments: ["SIGUSR1", "/reopen_logs"])
    func changesAreWrittenAndFilesOpenedAnew(_ how: String) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("health.log")
            let proxy = try bed.proxy(Self.configuration(upstream.port, path))
            #expect(Self.events(path) == ["add_healthy_event"])
            try upstream.setHealth(503)
            try waitUntil("it is told") { Self.events(path) == ["add_healthy_event", "eject_unhealthy_event"] }
            #expect(
                LogFiles.lines(path).last?.contains(
                    #""eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503},"timestamp":"2"#) == true
            )
            #expect(rename(path, path + ".1") == 0)
            if how == "SIGUSR1" {
                proxy.process.signal(SIGUSR1)
            } else {
                #expect(try proxy.admin(how, method: "POST").status == 200)
            }
            try waitUntil("the new file is there") { Files.exists(path) }
            try upstream.setHealth(200)
            try waitUntil("the new file has it") { Self.events(path) == ["add_healthy_event"] }
            #expect(LogFiles.lines(path).first?.contains(#""first_check":false"#) == true)
            #expect(LogFiles.lines(path + ".1").count == 2)
        }
    }

    @Test func allResultsAreWrittenOnRequest() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("health.log")
            let proxy = try bed.proxy(
                Self.configuration(
                    upstream.port, path,
                    ", always_log_health_check_success: true, always_log_health_check_failures: true"))
            try waitUntil("one passes") { Self.events(path).contains("successful_health_check_event") }
            try upstream.setHealth(503)
            try waitUntil("some fail") { Self.events(path).count { $0 == "health_check_failure_event" } > 2 }
            let events = Self.events(path)
            let turned = try #require(events.firstIndex(of: "eject_unhealthy_event"))
            #expect(events[turned + 1] == "health_check_failure_event")
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    /// What is known comes along, so that nothing is told twice.
    @Test func aHotRestartTellsNothingAnew() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.freshPath("health.log")
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            _ = try bed.proxy(Self.configuration(upstream.port, path), flags)
            let new = try bed.proxy(Self.configuration(upstream.port, path), flags)
            try upstream.setHealth(503)
            try waitUntil("it is told") { Self.events(path).count > 1 }
            #expect(Self.events(path) == ["add_healthy_event", "eject_unhealthy_event"])
            try new.waitForHealth(of: upstream, "/failed_active_hc")
        }
    }

    @Test(arguments: [[], ["--mode", "validate"]])
    func aFileThatCannotBeOpened(_ flags: [String]) throws {
        try withBed { bed in
            let (errors, ending) = try bed.failingProxy(Self.configuration(1, "/none/x").text, flags)
            #expect(ending == .exit(1))
            #expect(errors.contains("event_log_path: cannot open health check event log /none/x: No such file"))
        }
    }
}
