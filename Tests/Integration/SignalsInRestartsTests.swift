import Glibc
import Testing

/// SIGTERM while a hand-over is on its way.
@Suite struct SignalsInRestartsTests {
    @Test(arguments: [0, 10, 20, 30, 40, 50, 60, 80])
    func aChildThatIsToldToEndIsNoFailure(afterMs: UInt32) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            usleep(afterMs * 1000)
            let ending = try child.process.terminate()
            switch ending {
            // Before it has looked at its command line, the signal still has its default effect.
            case .signal(SIGTERM): #expect(child.log.isEmpty)
            // It gave up when COMMIT was on its way: the parent makes sure of its end before it serves again.
            case .signal(SIGKILL): #expect(child.log.contains("SIGTERM: exiting before having served"))
            default: #expect(ending == .exit(0), "\(child.log)")
            }
            if child.log.contains("took over") {
                #expect(try parent.process.waitForEnd() == .exit(0))
            } else {
                #expect(try parent.client().get("/").status == 200)
                #expect(try bed.proxy(Configuration(upstream.port), flags).client().get("/").status == 200)
            }
        }
    }

    @Test func aChildThatWaitsForItsParentMayBeToldToEnd() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            parent.process.signal(SIGSTOP)
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            try waitUntil("the child has claimed the base id") { child.log.contains("continue") }
            #expect(try child.process.terminate() == .exit(0))
            parent.process.signal(SIGCONT)
            #expect(try parent.client().get("/").status == 200)
            #expect(try bed.proxy(Configuration(upstream.port), flags).client().get("/").status == 200)
        }
    }

    @Test func aParentThatDoesNotAnswerIsLeftAlone() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            parent.process.signal(SIGSTOP)
            let (errors, ending) = try bed.failingProxy(Configuration(upstream.port).text, flags)
            #expect(ending == .exit(1))
            let lines = errors.split(separator: "\n").filter { $0.hasPrefix("envoyd: ") }
            #expect(lines == ["envoyd: the running process did not answer in time before it answered HELLO"])
            parent.process.signal(SIGCONT)
            #expect(try parent.client().get("/").status == 200)
            #expect(try bed.proxy(Configuration(upstream.port), flags).client().get("/").status == 200)
        }
    }

    @Test(arguments: [0, 10, 20, 30, 40, 50, 60, 80])
    func aParentThatIsToldToEndLeavesItToTheChild(afterMs: UInt32) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            _ = try parent.client().get("/")
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            usleep(afterMs * 1000)
            #expect(try parent.process.terminate() == .exit(0))
            try bed.waitUntilServing(child)
            #expect(try child.client().get("/").status == 200)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 2)
        }
    }
}
