import CLinux
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
            let scene = try FaultScene(bed, point, "kill")
            let dead = point.role == "child" ? scene.child : scene.parent
            let alive = point.role == "child" ? scene.parent : scene.child
            #expect(try dead.process.waitForEnd() == .signal(SIGKILL))
            try scene.waitUntilServed()
            #expect(alive.process.isRunning || scene.startedAnother)
            try scene.finishClients(mayBreak: point.mayBreakConnections)
            try scene.expectTheNextRestartWorks()
        }
    }

    /// A trap is a death like another, whatever the handler does first.
    @Test(
        .enabled(if: cl_crash_is_supported(), "sanitizers have reports of their own"),
        arguments: [("parent", "moveConnections"), ("parent", "committed"), ("child", "adoptConnections")])
    func aProcessTraps(role: String, before step: String) throws {
        try withBed { bed in
            let point = Point(role: role, when: "before", step: step)
            let scene = try FaultScene(bed, point, "trap")
            let dead = role == "child" ? scene.child : scene.parent
            let ending = try dead.process.waitForEnd()
            #expect(ending == .signal(SIGILL) || ending == .signal(SIGTRAP))
            #expect(dead.log.contains("Caught ") && dead.log.contains("HandOverFault"), "\(dead.log)")
            try scene.waitUntilServed()
            try scene.finishClients(mayBreak: point.mayBreakConnections)
            try scene.expectTheNextRestartWorks()
        }
    }

    /// After a step is before the next one.
    @Test(arguments: points.filter { $0.when == "before" })
    func aProcessStandsStill(at point: Point) throws {
        try withBed { bed in
            let scene = try FaultScene(bed, point, "stop")
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
            let scene = try FaultScene(bed, Point(role: "child", when: "before", step: step), "emfile")
            try waitUntil("the hand-over is decided") {
                scene.child.process.ending != nil || scene.child.log.contains(" serves ")
            }
            try scene.waitUntilServed()
            try scene.finishClients(mayBreak: false)
            try scene.expectTheNextRestartWorks()
        }
    }
}
