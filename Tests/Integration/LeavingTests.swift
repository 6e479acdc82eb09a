import Glibc
import Testing

/// A serving process that stops on purpose while another stands by: the standby lets go first. No client waits in a queue that
/// nobody serves, and no old version rises again.
@Suite struct LeavingTests {
    /// At any time after the take-over.
    @Test(arguments: [0, 1, 20, 200])
    func aStoppedProcessLeavesNobody(afterMs: UInt32) throws {
        try withBed { bed in
            let scene = try Leaving(bed)
            usleep(afterMs * 1000)
            scene.second.process.signal(SIGTERM)
            #expect(try scene.first.process.waitForEnd() == .exit(0))
            try waitUntil("nobody listens") { Client.isRefused(port: scene.port) }
            // What is in progress is finished; meanwhile nobody is asked to wait.
            #expect(scene.second.process.isRunning)
            try scene.finishRequest()
            #expect(try scene.second.process.waitForEnd() == .exit(0))
            #expect(Client.isRefused(port: scene.port))
            try scene.expectThatNobodyWaited()
        }
    }

    /// The standby has gone by then, and does not come back for a death in the middle of the stop.
    @Test func aProcessKilledWhileItStopsLeavesNobody() throws {
        try withBed { bed in
            let scene = try Leaving(bed)
            scene.second.process.signal(SIGTERM)
            #expect(try scene.first.process.waitForEnd() == .exit(0))
            try scene.second.process.kill9()
            #expect(Client.isRefused(port: scene.port))
            try scene.expectThatNobodyWaited()
        }
    }

    @Test func aDrainedProcessLeavesNobody() throws {
        try withBed { bed in
            let scene = try Leaving(bed)
            #expect(try scene.second.admin("/drain_listeners", method: "POST").status == 200)
            try waitUntil("nobody listens") { Client.isRefused(port: scene.port) }
            #expect(scene.first.process.isRunning && scene.second.process.isRunning)
            try scene.finishRequest()
            try scene.expectThatNobodyWaited()
            // Dead or alive: what was drained stays closed.
            try scene.second.process.kill9()
            try waitUntil("the standby knows") { scene.first.log.contains("the process that took over is dead") }
            #expect(Client.isRefused(port: scene.port))
            // And the next one opens it again.
            let third = try bed.proxy(scene.configuration, scene.flags)
            #expect(try Client(port: scene.port).get("/").status == 200)
            #expect(try third.process.terminate() == .exit(0))
        }
    }

    /// Both are told to end at once, as by a supervisor that stops its service.
    @Test func bothMayBeStoppedTogether() throws {
        try withBed { bed in
            let scene = try Leaving(bed)
            scene.first.process.signal(SIGTERM)
            scene.second.process.signal(SIGTERM)
            #expect(try scene.first.process.waitForEnd() == .exit(0))
            try scene.finishRequest()
            #expect(try scene.second.process.waitForEnd() == .exit(0))
            #expect(Client.isRefused(port: scene.port))
            try scene.expectThatNobodyWaited()
        }
    }
}

/// A parent of version 1 that stands by for a child of version 2 with a request in flight, and clients that connect all the time.
private final class Leaving {
    let first: Proxy
    let second: Proxy
    let configuration: Configuration
    let flags: [String]
    let port: UInt16
    private let v1: Upstream
    private let waiting: Client
    private let callers: Callers

    init(_ bed: Bed) throws {
        v1 = try bed.upstream("v1")
        let v2 = try bed.upstream("v2")
        port = try Listener().port
        flags = ["--hot-restart-file", bed.path("restart.sock"), "--drain-time-s", "20"]
        var old = Configuration(v1.port)
        old.listeners[0].port = port
        var new = Configuration(v2.port)
        new.listeners[0].port = port
        configuration = new
        first = try bed.proxy(old, flags)
        second = try bed.proxy(new, flags)
        waiting = try Client(port: port)
        // A request whose response takes its time, so that the process has a reason to stay.
        try waiting.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\n12")
        callers = Callers(port: port, count: 4)
        try callers.waitForAnswers(20)
    }

    func finishRequest() throws {
        try waiting.send("34")
        let response = try waiting.response()
        #expect(response.status == 200 && response.text == "1234")
        waiting.close()
    }

    /// Each that connected was answered by the new version or turned away; none was left waiting.
    func expectThatNobodyWaited() throws {
        try waitUntil("somebody is turned away") { callers.tally.turnedAway > 0 }
        let tally = callers.stop()
        #expect(tally.waited == 0)
        #expect(tally.answers[v1.hello] == nil)
        #expect(tally.turnedAway > 0)
    }
}
