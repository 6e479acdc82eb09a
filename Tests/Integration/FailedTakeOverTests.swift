import CLinux
import Glibc
import Testing

/// Children that cannot, must not or do not live to take over: the parent goes on as if nothing had happened.
@Suite struct FailedTakeOverTests {
    @Test func aBadConfigurationIsTheChildsProblem() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let client = try parent.client()
            _ = try client.get("/")
            let log = parent.log
            var bad = Configuration(upstream.port)
            bad.clusterLines = ["conect_timeout: 1s"]
            let (errors, ending) = try bed.failingProxy(bad.text, flags)
            #expect(ending == .exit(1))
            #expect(errors.split(separator: "\n").count == 1)
            #expect(errors.hasPrefix("envoyd: "))
            #expect(errors.contains("conect_timeout") && errors.contains("connect_timeout"))
            #expect(try client.get("/").status == 200)
            // It was never asked.
            #expect(parent.log == log)
        }
    }

    @Test func aPortInUseIsTheChildsProblem() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let client = try parent.client()
            _ = try client.get("/")
            var taken = Configuration(upstream.port)
            taken.listeners[0].port = upstream.port
            let (errors, ending) = try bed.failingProxy(taken.text, flags)
            #expect(ending == .exit(1))
            let address = "127.0.0.1:\(upstream.port)"
            let holder = "(held by pid \(upstream.process.pid) (upstream))"
            let lines = errors.split(separator: "\n").filter { $0.hasPrefix("envoyd: ") }
            #expect(lines.count == 1)
            #expect(
                lines.first?.hasSuffix("listener_0: cannot bind \(address): Address already in use \(holder)") == true)
            try waitUntil("the parent has noticed") { parent.log.contains("hot restart did not happen") }
            #expect(try client.get("/").status == 200)
            #expect(try parent.client().get("/").status == 200)
            #expect(try parent.admin("/ready").status == 200)
            // And the next one takes over.
            let child = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try child.client().get("/").status == 200)
            #expect(try bed.statdump()["http.ingress_http.downstream_rq_total"] == 4)
        }
    }

    /// Before it has connected, in the middle, and after it has committed: whenever it dies, somebody serves.
    @Test(arguments: [0, 5, 10, 15, 20, 25, 30, 40, 60, 100])
    func aChildKilledAtAnyTimeLeavesSomebodyWhoServes(afterMs: UInt32) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let port = try parent.port
            let client = try Client(port: port)
            _ = try client.get("/")
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            usleep(afterMs * 1000)
            try child.process.kill9()
            #expect(parent.process.isRunning)
            // A connection ends with the process that owns it, and else it goes on.
            let owner = try? client.get("/")
            #expect(owner == nil ? parent.log.contains("connections moved") : owner?.status == 200)
            try waitUntil("the parent answers on new connections") {
                do { return try Client(port: port).get("/").status == 200 } catch { return false }
            }
            try waitUntil("the parent has its admin listener") { try parent.admin("/ready").status == 200 }
            let next = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try Client(port: port).get("/").status == 200)
            #expect(try next.process.terminate() == .exit(0))
        }
    }

    @Test func aStoppedChildHoldsNothingUp() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let child = try bed.startProxy(Configuration(upstream.port).text, flags)
            child.process.signal(SIGSTOP)
            for _ in 0..<20 { #expect(try parent.client().get("/").status == 200) }
            // It goes on where it was, and takes over.
            child.process.signal(SIGCONT)
            try bed.waitUntilServing(child)
            #expect(try child.client().get("/").status == 200)
            #expect(try parent.process.terminate() == .exit(0))
        }
    }

    @Test(arguments: [0, 5, 60_000]) func aStrangerOnTheRestartSocketIsTurnedAway(bytes: Int) throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let path = bed.path("restart.sock")
            let flags = ["--hot-restart-file", path]
            let parent = try bed.proxy(Configuration(upstream.port), flags)
            let client = try parent.client()
            _ = try client.get("/")
            let stranger = cl_socket(AF_UNIX, Int32(CL_SOCK_SEQPACKET), 0)
            var address = cl_address()
            try #require(cl_address_unix(&address, path) == 0)
            try #require(cl_connect(stranger, &address) == 0)
            if bytes > 0 { _ = cl_send(stranger, [UInt8](repeating: 120, count: bytes), bytes, 0) }
            #expect(try client.get("/").status == 200)
            _ = cl_close(stranger)
            try waitUntil("the parent has noticed") { parent.log.contains("hot restart did not happen") }
            #expect(try parent.client().get("/").status == 200)
            let child = try bed.proxy(Configuration(upstream.port), flags)
            #expect(try child.client().get("/").status == 200)
        }
    }
}
