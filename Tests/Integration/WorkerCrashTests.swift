import CLinux
import Glibc
import Testing
import ThreadTesting

/// A worker that traps, which to the process is a signal: it ends with a report, and then everything is as if it had been
/// killed.
@Suite(.enabled(if: cl_crash_is_supported(), "sanitizers have reports of their own"))
struct WorkerCrashTests {
    struct Signal: Sendable, CustomTestStringConvertible {
        var number: Int32
        var name: String
        var testDescription: String { name }
    }
    static let signals = [
        Signal(number: SIGILL, name: "SIGILL"), Signal(number: SIGTRAP, name: "SIGTRAP"),
        Signal(number: SIGSEGV, name: "SIGSEGV"), Signal(number: SIGBUS, name: "SIGBUS"),
        Signal(number: SIGFPE, name: "SIGFPE"), Signal(number: SIGABRT, name: "SIGABRT"),
    ]

    /// The parts of what a crashed process said.
    private static func expectReport(
        _ text: String, _ signal: String, thread: String, _ proxy: Proxy, epoch: Int, baseID: UInt32
    ) {
        let lines = text.split(separator: "\n").map(String.init)
        let first = lines.first { $0.contains("(\(signal)), sent by pid \(getpid()), in thread \(thread); ") }
        #expect(first?.contains("][\(proxy.process.pid)][critical][main] Caught ") == true, "\(text)")
        #expect(first?.hasSuffix(", base id \(baseID), epoch \(epoch)") == true, "\(text)")
        #expect(first?.contains("; envoyd ") == true)
        #expect(lines.count { $0.contains("][critical][main] #") } > 3, "\(text)")
    }

    @Test(arguments: signals)
    func theProcessEndsByThatSignalWithAReport(_ signal: Signal) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let logPath = bed.path("log")
            let proxy = try bed.proxy(Configuration(upstream.port), ["--log-path", logPath])
            _ = try proxy.client().get("/")
            let before = cl_monotonic_ns()
            try proxy.process.signal(signal.number, thread: "wrk:worker_1")
            #expect(try proxy.process.waitForEnd() == .signal(signal.number))
            #expect(Double(cl_monotonic_ns() - before) < 1e9 * Pace.slowness * 3, "it hung")
            for text in [proxy.process.errors, proxy.log] {
                Self.expectReport(
                    text, signal.name, thread: "wrk:worker_1", proxy, epoch: 0, baseID: bed.baseID)
                // Names come from the program's own table; a worker waits in its loop.
                #expect(text.contains("6WorkerC"), "\(text)")
            }
        }
    }

    @Test func theMainThreadsToo() throws {
        try withBed { bed in
            let proxy = try bed.proxy(Configuration(try bed.upstream().port))
            try proxy.process.signal(SIGSEGV, thread: "envoyd")
            #expect(try proxy.process.waitForEnd() == .signal(SIGSEGV))
            Self.expectReport(
                proxy.log, "SIGSEGV", thread: "envoyd", proxy, epoch: 0, baseID: bed.baseID)
        }
    }

    /// A supervisor starts it again, three times, under load: what was answered is counted once, and the region is whole.
    @Test func statsGoOnInTheNextProcess() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            // A port that the next one can have.
            var configuration = Configuration(upstream.port)
            configuration.listeners[0].port = try Listener().port
            var proxy = try bed.proxy(configuration)
            let load = Load(port: configuration.listeners[0].port, connections: 4)
            var answered = 0
            for round in 1...3 {
                try load.waitForResponses(100)
                try proxy.process.signal(SIGILL, thread: "wrk:worker_0")
                #expect(try proxy.process.waitForEnd() == .signal(SIGILL))
                let (_, errors, ending) = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"])
                #expect(ending == .exit(0), "\(errors)")
                let counted = try #require(try bed.statdump()["http.ingress_http.downstream_rq_2xx"])
                #expect(counted >= UInt64(answered))
                answered = Int(counted)
                proxy = try bed.proxy(configuration)
                #expect(proxy.log.contains("stats of base id \(bed.baseID) continue"), "round \(round)")
            }
            try load.waitForResponses(100)
            let tally = load.stop()
            let stats = try bed.statdump()
            let counted = try #require(stats["http.ingress_http.downstream_rq_2xx"])
            // Each connection may have lost the answer to one request in each crash.
            #expect(counted >= UInt64(tally.total) && counted <= UInt64(tally.total) + 3 * 4, "\(counted), \(tally)")
            #expect(stats["http.ingress_http.downstream_cx_active"].map { $0 <= 4 } == true)
        }
    }

    /// The process that stands by is nobody's server: clients of the other one notice nothing.
    @Test func aStandbyThatCrashesDisturbsNobody() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let load = Load(port: try parent.port, connections: 4)
            try load.waitForResponses(40)
            let child = try bed.proxy(Configuration(upstream.port), flags)
            try load.waitForResponses(40)
            try parent.process.signal(SIGSEGV, thread: "wrk:worker_0")
            #expect(try parent.process.waitForEnd() == .signal(SIGSEGV))
            try load.waitForResponses(100)
            let third = try bed.proxy(Configuration(upstream.port), flags)
            try load.waitForResponses(40)
            let tally = load.stop()
            #expect(tally.errors == [] && tally.responses == [200: tally.total])
            #expect(try third.stats("rq_2xx$")["http.ingress_http.downstream_rq_2xx"] == UInt64(tally.total))
            #expect(child.process.isRunning)
        }
    }

    /// The one that serves crashes: the other takes back at once, and stays the one that counts.
    @Test func theStandbyServesInItsPlace() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let port = try parent.port
            let child = try bed.proxy(Configuration(upstream.port), flags)
            for _ in 0..<3 { _ = try Client(port: port).get("/") }
            try child.process.signal(SIGILL, thread: "wrk:worker_0")
            #expect(try child.process.waitForEnd() == .signal(SIGILL))
            Self.expectReport(child.log, "SIGILL", thread: "wrk:worker_0", child, epoch: 1, baseID: bed.baseID)
            try waitUntil("the standby answers") {
                do { return try Client(port: port).get("/").status == 200 } catch { return false }
            }
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_2xx"] == 4)
            #expect(try parent.process.terminate() == .exit(0))
        }
    }
}
