import Glibc
import Testing

/// A restart socket that takes or gives nothing for a while, or for good, from any step of a hand-over on: it succeeds, or it is
/// given up without a trace. No connection breaks, and the next restart works.
@Suite struct HandOverShortageTests {
    typealias Point = HandOverFaultTests.Point

    /// Where a process sends, and with the last word of each what it receives next.
    static let points =
        [
            "send-welcome", "send-listeners", "send-state", "passAhead", "moveConnections", "send-commit", "send-done",
        ].map { Point(role: "parent", when: "before", step: $0) }
        + [
            "send-hello", "send-request", "send-ready", "send-prepared", "send-committed",
        ].map { Point(role: "child", when: "before", step: $0) }

    @Test(arguments: points, ["enobufs", "enomem"])
    func theKernelIsShortForAWhile(at point: Point, of what: String) throws {
        try withBed { bed in
            let scene = try FaultScene(bed, point, what)
            try bed.waitUntilServing(scene.child)
            try waitUntil("the parent stands by") { scene.parent.log.contains("this process stands by") }
            try scene.finishClients(mayBreak: false)
            try scene.expectTheNextRestartWorks()
        }
    }

    @Test(arguments: points)
    func theSocketStaysFull(at point: Point) throws {
        try withBed { bed in
            let scene = try FaultScene(bed, point, "full")
            // What comes after the child serves is only a report.
            let isTooLate = ["send-done", "send-committed"].contains(point.step)
            if isTooLate {
                try bed.waitUntilServing(scene.child)
                try waitUntil("the parent stands by") { scene.parent.log.contains("this process stands by") }
            } else {
                // With COMMIT on its way the parent makes sure that there is no child.
                let isFenced = point.step == "send-commit"
                let line = isFenced ? "this process serves again" : "hot restart did not happen"
                try waitUntil("the parent goes on") { scene.parent.log.contains(line) }
                #expect(try scene.child.process.waitForEnd() == (isFenced ? .signal(SIGKILL) : .exit(1)))
            }
            try scene.finishClients(mayBreak: false)
            try scene.expectTheNextRestartWorks()
        }
    }

    /// What cannot be sent and cannot be kept ends the attempt at once, with the reason.
    @Test(arguments: ["send-listeners", "passAhead"])
    func theSocketIsFullAndDescriptorsAreShort(before step: String) throws {
        try withBed { bed in
            let scene = try FaultScene(bed, Point(role: "parent", when: "before", step: step), "full-emfile")
            try waitUntil("the parent goes on") { scene.parent.log.contains("hot restart did not happen") }
            #expect(scene.parent.log.contains("dup: Too many open files; this process goes on serving"))
            #expect(try scene.child.process.waitForEnd() == .exit(1))
            try scene.finishClients(mayBreak: false)
        }
    }
}
