import Glibc
import Testing
import ThreadTesting

/// A parent with clients, and a child that takes over from it, one of them with a fault.
final class FaultScene {
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
            // Who waits does so for as long as the test takes.
            "{ match: { prefix: / }, route: { cluster: service, timeout: 0s } }",
        ]
        configuration.listeners[0].port = port
        self.configuration = configuration
        // As short as a process can keep: some wait for all of it.
        let limit = Int((Pace.slowness / 2).rounded(.up))
        flags = ["--hot-restart-file", bed.path("restart.sock"), "--hand-over-timeout", "\(limit)"]
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
