import Glibc
import Testing

/// Processes that die without a word.
@Suite struct StandbyTests {
    @Test func theStandbyServesWhenTheServingProcessDies() throws {
        try withBed { bed in
            let (v1, v2) = (try bed.upstream("v1"), try bed.upstream("v2"))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(v1.port), flags)
            let port = try first.port
            _ = try Client(port: port).get("/")
            let second = try bed.proxy(Configuration(v2.port), flags)
            let held = try (0..<3).map { _ in try Client(port: port) }
            for client in held { #expect(try client.get("/").text == v2.hello) }
            #expect(try bed.statdump()["http.ingress_http.downstream_cx_active"] == 3)

            try second.process.kill9()
            try waitUntil("the standby answers") { try answer(port) == v1.hello }
            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.downstream_rq_total"] == 5)
            #expect(try first.admin("/ready").status == 200)
            #expect(stats["server.hot_restart_epoch"] == 0)
            #expect(stats["server.live"] == 1)
            // The connections of the dead one are gone with it.
            try waitUntil("no connection counts as alive") {
                try bed.statdump()["http.ingress_http.downstream_cx_active"] == 0
            }

            // Nothing is worn out: the next one takes over as ever.
            let third = try bed.proxy(Configuration(v2.port), flags)
            #expect(try Client(port: port).get("/").text == v2.hello)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 6)
            #expect(try first.process.terminate() == .exit(0))
            #expect(try third.process.terminate() == .exit(0))
        }
    }

    @Test func aDyingStandbyChangesNothing() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(upstream.port), flags)
            let second = try bed.proxy(Configuration(upstream.port), flags)
            let client = try second.client()
            _ = try client.get("/")
            try first.process.kill9()
            #expect(try client.get("/").status == 200)
            let third = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try third.client().get("/").status == 200)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 3)
        }
    }

    @Test func countersGoOnAfterTheOnlyProcessWasKilled() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(upstream.port), flags)
            let client = try first.client()
            for _ in 0..<5 { _ = try client.get("/") }
            try first.process.kill9()
            let between = try bed.statdump()
            #expect(between["http.ingress_http.downstream_rq_total"] == 5)
            #expect(between["http.ingress_http.downstream_cx_active"] == 0)

            // The socket file of the dead is in nobody's way.
            let second = try bed.proxy(Configuration(upstream.port), flags)
            #expect(second.log.contains("stats of base id \(bed.baseID) continue"))
            _ = try second.client().get("/")
            let stats = try bed.statdump()
            #expect(stats["http.ingress_http.downstream_rq_total"] == 6)
            #expect(stats["http.ingress_http.downstream_cx_total"] == 2)
            #expect(stats["server.hot_restart_epoch"] == 0)
            #expect(try second.process.terminate() == .exit(0))
        }
    }

    /// Before it was asked, in the middle, and after it has handed over: the child serves, cold or not.
    @Test(arguments: [0, 10, 20, 30, 35, 40, 45, 50, 60, 80])
    func aParentKilledAtAnyTimeLeavesAChildThatServes(afterMs: UInt32) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            _ = try parent.client().get("/")
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            usleep(afterMs * 1000)
            try parent.process.kill9()
            try bed.waitUntilServing(child)
            #expect(try child.client().get("/").status == 200)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 2)
        }
    }

    @Test func aParentKilledBeforeItAnswersLeavesAChildThatServes() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            parent.process.signal(SIGSTOP)
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            try waitUntil("the child has claimed the base id") { child.log.contains("continue") }
            try parent.process.kill9()
            try bed.waitUntilServing(child)
            #expect(try child.client().get("/").status == 200)
        }
    }

    @Test func resetStatsStartsAfresh() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let first = try bed.proxy(Configuration(upstream.port))
            _ = try first.client().get("/")
            #expect(try first.process.terminate() == .exit(0))
            let second = try bed.proxy(Configuration(upstream.port), ["--reset-stats"])
            #expect(second.log.contains("stats of base id \(bed.baseID) start afresh, as --reset-stats asked"))
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 0)
        }
    }

    /// nil while nobody serves.
    private func answer(_ port: UInt16) throws -> String? {
        do { return try Client(port: port).get("/").text } catch { return nil }
    }
}
