import Glibc
import Testing

/// A process that dies, stands still or runs out of descriptors at any step of a hand-over, with clients in the middle of
/// things: somebody serves afterwards, only connections of a killed process may break, and the next restart works.
@Suite struct HandOverFaultTests {
    static let parentSteps = [
        "send-welcome", "prepareOffer", "send-listeners", "send-state", "passAhead", "stopAccepting", "moveConnections",
        "checkPrepared", "send-commit", "committed", "send-done",
    ]
    static let childSteps = [
        "send-hello", "welcomed", "send-request", "adoptListeners", "adoptState", "send-ready", "adoptAhead",
        "adoptConnections", "send-prepared", "storeCommitted", "send-committed", "startAccepting", "handOverReported",
    ]

    struct Point: Sendable, CustomTestStringConvertible {
        var role: String
        var when: String
        var step: String
        var testDescription: String { "\(role) \(when) \(step)" }
        func fault(_ action: String) -> String { "ENVOYD_TEST_FAULT=\(role):\(when):\(step):\(action)" }

        /// The one that stops owned the connections, or may have.
        var mayBreakConnections: Bool {
            if role == "child" {
                // They are its own from the moment in which its slot says so.
                let index = childSteps.firstIndex(of: step)! * 2 + (when == "after" ? 1 : 0)
                return index >= childSteps.firstIndex(of: "storeCommitted")! * 2 + 1
            }
            let index = parentSteps.firstIndex(of: step)! * 2 + (when == "after" ? 1 : 0)
            // With COMMIT on its way the child serves, whatever becomes of the parent.
            return index <= parentSteps.firstIndex(of: "send-commit")! * 2
        }
    }

    static let points = ["before", "after"].flatMap { when in
        parentSteps.map { Point(role: "parent", when: when, step: $0) }
            + childSteps.map { Point(role: "child", when: when, step: $0) }
    }

    @Test(arguments: points)
    func aProcessDies(at point: Point) throws {
        try withBed { bed in
            let scene = try Scene(bed, point, "kill")
            let dead = point.role == "child" ? scene.child : scene.parent
            let alive = point.role == "child" ? scene.parent : scene.child
            #expect(try dead.process.waitForEnd() == .signal(SIGKILL))
            try scene.waitUntilServed()
            #expect(alive.process.isRunning || scene.startedAnother)
            try scene.finishClients(mayBreak: point.mayBreakConnections)
            try scene.expectTheNextRestartWorks()
        }
    }

    /// After a step is before the next one.
    @Test(arguments: points.filter { $0.when == "before" })
    func aProcessStandsStill(at point: Point) throws {
        try withBed { bed in
            let scene = try Scene(bed, point, "stop")
            let still = point.role == "child" ? scene.child : scene.parent
            try waitUntil("\(still.process) stands still") { still.process.isStopped }
            try waitUntil("the other one has made up its mind") { scene.isDecided(without: still) }
            still.process.signal(SIGCONT)
            try scene.waitUntilServed()
            try scene.finishClients(mayBreak: false)
            try scene.expectTheNextRestartWorks()
        }
    }

    @Test(arguments: ["adoptListeners", "send-ready"])
    func theNewProcessRunsOutOfDescriptors(before step: String) throws {
        try withBed { bed in
            let scene = try Scene(bed, Point(role: "child", when: "before", step: step), "emfile")
            try waitUntil("the hand-over is decided") {
                scene.child.process.ending != nil || scene.child.log.contains(" serves ")
            }
            try scene.waitUntilServed()
            try scene.finishClients(mayBreak: false)
            try scene.expectTheNextRestartWorks()
        }
    }
}

/// A parent with clients, and a child that takes over from it, one of them with a fault.
private final class Scene {
    let bed: Bed
    let parent: Proxy
    let child: Proxy
    private(set) var startedAnother = false
    private let port: UInt16
    private let upstream: Listener
    private let configuration: Configuration
    private let flags: [String]
    private let idle: Client
    private let waiting: Client
    private let halfSent: Client
    private let waitingServed: Client
    private let halfServed: Client

    init(_ bed: Bed, _ point: HandOverFaultTests.Point, _ action: String) throws {
        self.bed = bed
        upstream = try Listener()
        // A child that starts cold instead is to be found there too.
        port = try Listener().port
        var configuration = Configuration(upstream.port)
        configuration.routes = [
            "{ match: { path: /up }, direct_response: { status: 200 } }",
            "{ match: { prefix: / }, route: { cluster: service } }",
        ]
        configuration.listeners[0].port = port
        self.configuration = configuration
        flags = ["--hot-restart-file", bed.path("restart.sock"), "--hand-over-timeout", "1"]
        let fault = [point.fault(action)]
        parent = try bed.startProxy(
            configuration.text, flags, environment: point.role == "parent" ? fault : [])
        try bed.waitUntilServing(parent)
        idle = try Client(port: port)
        #expect(try idle.get("/up").status == 200)
        waiting = try Client(port: port)
        try waiting.send("GET /waiting HTTP/1.1\r\nhost: test\r\n\r\n")
        waitingServed = try upstream.accept()
        _ = try waitingServed.request()
        halfSent = try Client(port: port)
        try halfSent.send("POST /half HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n01234")
        halfServed = try upstream.accept()
        _ = try halfServed.receive(through: "01234")
        child = try bed.startProxy(configuration.text, flags, environment: point.role == "child" ? fault : [])
    }

    /// What the other process does when this one keeps still for long.
    func isDecided(without still: Proxy) -> Bool {
        if still.process.pid == child.process.pid {
            return parent.log.contains("did not happen") || parent.log.contains("this process stands by")
                || child.process.ending != nil
        }
        return child.process.ending != nil || child.log.contains(" serves ")
    }

    private var answers: Bool {
        do { return try Client(port: port).get("/up").status == 200 } catch { return false }
    }

    /// Where both are gone (the parent died before it had given anything), the supervisor starts one.
    func waitUntilServed() throws {
        try waitUntil("somebody serves") {
            if answers { return true }
            if parent.process.ending != nil, child.process.ending != nil, !startedAnother {
                startedAnother = true
                _ = try bed.startProxy(configuration.text, flags)
            }
            return false
        }
    }

    func finishClients(mayBreak: Bool) throws {
        try one("the idle client", mayBreak) {
            let response = try idle.get("/up")
            #expect(response.status == 200)
        }
        try one("the waiting client", mayBreak) {
            try waitingServed.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            let response = try waiting.response()
            #expect(response.status == 200 && response.text == "ok")
        }
        try one("the client in the middle of its body", mayBreak) {
            try halfSent.send("56789")
            _ = try halfServed.receive(through: "56789")
            try halfServed.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            let response = try halfSent.response()
            #expect(response.text == "ok")
        }
    }

    private func one(_ name: String, _ mayBreak: Bool, _ body: () throws -> Void) throws {
        do { try body() } catch { if !mayBreak { throw Failure("\(name): \(error)") } }
    }

    func expectTheNextRestartWorks() throws {
        let next = try bed.startProxy(configuration.text, flags)
        try bed.waitUntilServing(next)
        #expect(answers)
        let (_, errors, ending) = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"])
        #expect(ending == .exit(0), "\(errors)")
        #expect(try next.process.terminate() == .exit(0))
    }
}
