import CLinux
import Glibc
import HotRestart
import Synchronization
import Testing
import ThreadTesting

/// Both ends in one process. What needs the death of a process is tested by `examples/nio-echo`.
@Suite(.timeLimit(.minutes(Pace.minutes(1)))) struct ListenerHandOverTests {
    @Test func theFirstOneListens() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let server = HandOverServer(path: path)
        #expect(server.serves)
        #expect(server.now.epoch == 0)
        let port = port(of: server.now.sockets[0])
        #expect(try connects(to: port))
        #expect(access(path, F_OK) == 0)
        server.stop()
        #expect(server.ends)
        #expect(server.now.duties == [.accept, .close(["127.0.0.1:0"])])
        #expect(access(path, F_OK) != 0)
        #expect(try !connects(to: port))
    }

    @Test(arguments: ["restart", "@"]) func theSocketGoesFromOneToTheNext(_ name: String) throws {
        let directory = try TemporaryDirectory()
        let path = name == "@" ? "@" + directory.path : directory.file(name)
        var servers = [HandOverServer(path: path, standbyNs: 0)]
        #expect(servers[0].serves)
        let first = port(of: servers[0].now.sockets[0])
        for epoch in 1...10 {
            let next = HandOverServer(path: path, standbyNs: 0)
            #expect(next.serves)
            #expect(next.now.epoch == UInt64(epoch))
            #expect(port(of: next.now.sockets[0]) == first)
            let former = servers[epoch - 1]
            #expect(former.ends)
            #expect(former.now.duties == [.accept, .pause, .close(["127.0.0.1:0"])])
            #expect(former.now.log == [])
            #expect(try connects(to: first))
            servers.append(next)
        }
        servers[10].stop()
        #expect(servers[10].ends)
        #expect(try !connects(to: first))
        if name != "@" { #expect(access(path, F_OK) != 0) }
    }

    @Test func theStandbyLetsGoFirst() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let order = Log()
        let a = HandOverServer("a", path: path) { order.add($0, $1) }
        #expect(a.serves)
        let b = HandOverServer("b", path: path) { order.add($0, $1) }
        #expect(b.serves)
        #expect(a.now.outcome == nil)
        b.stop()
        #expect(a.ends)
        #expect(b.ends)
        let close = ListenerDuty.close(["127.0.0.1:0"])
        #expect(order.lines == ["a \(ListenerDuty.accept)", "a pause", "b accept", "a \(close)", "b \(close)"])
        #expect(access(path, F_OK) != 0)
    }

    /// One process serves, and one stands by: the one before goes.
    @Test func thereIsOneStandby() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let a = HandOverServer(path: path)
        #expect(a.serves)
        let b = HandOverServer(path: path)
        #expect(b.serves)
        let c = HandOverServer(path: path)
        #expect(c.serves)
        #expect(a.ends)
        #expect(b.now.outcome == nil)
        // A standby that is stopped leaves the serving one alone.
        b.stop()
        #expect(b.ends)
        #expect(c.now.duties == [.accept])
        c.stop()
        #expect(c.ends)
    }

    @Test func aChildThatGivesUpChangesNothing() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let server = HandOverServer(path: path, standbyNs: 0)
        #expect(server.serves)
        do {
            let handOver = try ListenerHandOver(path: path)
            #expect(handOver.predecessor?.pid == UInt64(getpid()))
            close(try handOver.listen("127.0.0.1", port: 0))
        }
        #expect(server.reaches { $0.log.count == 1 })
        // An address in use: the error of a configuration that is wrong.
        do {
            let handOver = try ListenerHandOver(path: path)
            #expect(throws: ListenerHandOverError.listen(address: "x:1", code: EINVAL)) {
                try handOver.listen("x", port: 1)
            }
        }
        #expect(server.reaches { $0.log.count == 2 })
        #expect(server.now.duties == [.accept])
        #expect(server.now.log.allSatisfy { $0.hasPrefix("hot restart did not happen") })
        let next = HandOverServer(path: path, standbyNs: 0)
        #expect(next.serves)
        #expect(server.ends)
        next.stop()
        #expect(next.ends)
    }

    @Test func whoTalksNonsenseIsRefused() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let server = HandOverServer(path: path)
        #expect(server.serves)
        let other = HandOverServer(path: path, baseID: 7)
        #expect(other.ends)
        guard case .failure(.handOver(.refused(let reason)))? = other.now.outcome else {
            throw Failure(text: "\(other.now.outcome, default: "nothing")")
        }
        #expect(reason == "this process has base id 0, the new one 7")
        for message in [Message.commit, .ready, .terminate, .bye] {
            let channel = try RestartSocket.connect(path: path)
            try channel.send(message)
            let (answer, _) = try channel.receive(deadlineNs: soon()).message()
            #expect(answer.type == .refuse)
        }
        #expect(server.now.duties == [.accept])
        server.stop()
        #expect(server.ends)
    }

    /// Nobody would accept from what only the former process has: it is closed there.
    @Test func whatTheNewOneDoesNotWantIsClosed() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        // A port that is free, by asking for one.
        let probe = HandOverServer(path: directory.file("probe"))
        #expect(probe.serves)
        let second = port(of: probe.now.sockets[0])
        probe.stop()
        #expect(probe.ends)
        let a = HandOverServer(path: path, ports: [0, second])
        #expect(a.serves)
        let b = HandOverServer(path: path)
        #expect(b.serves)
        #expect(a.reaches { $0.duties == [.accept, .pause, .close(["127.0.0.1:\(second)"])] })
        #expect(a.now.outcome == nil)
        b.stop()
        #expect(a.ends)
        #expect(b.ends)
    }

    /// Stopped between being asked and READY: the new process is told, and both end.
    @Test func stoppedWhileAsked() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let server = HandOverServer(path: path)
        #expect(server.serves)
        let handOver = try ListenerHandOver(path: path)
        server.stop()
        #expect(server.ends)
        #expect(throws: ListenerHandOverError.handOver(.aborted("the serving process is exiting"))) {
            try handOver.serve { _ in Issue.record("nothing to do") }
        }
    }

    /// Several first ones at once: one of them is the first, each gets its turn.
    @Test func startedAtOnce() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let servers = (0..<6).map { _ in HandOverServer(path: path, standbyNs: 0) }
        for server in servers { #expect(server.reaches { $0.duties.first == .accept }) }
        #expect(Set(servers.compactMap(\.now.epoch)) == Set(0...5))
        let end = soon()
        while servers.count(where: { $0.now.outcome == nil }) > 1, cl_monotonic_ns() < end { usleep(500) }
        let last = servers.filter { $0.now.outcome == nil }
        #expect(last.count == 1)
        #expect(last.first?.now.epoch == 5)
        last.first?.stop()
        for server in servers { #expect(server.ends) }
    }

    @Test func chargeIsTakenFromWhoHasIt() throws {
        let directory = try TemporaryDirectory()
        let socket = try RestartSocket.listen(path: directory.file("restart"))
        #expect(socket.processInCharge == getpid())
        #expect(try !socket.takeCharge(from: []))
        #expect(try !socket.takeCharge(from: [getpid() + 1]))
        #expect(try socket.takeCharge(from: [getpid() + 1, getpid()]))
    }

    private func connects(to port: UInt16) throws -> Bool {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let descriptor = OwnedDescriptor(raw)
        defer { descriptor.close() }
        var address = cl_address()
        guard cl_address_ip(&address, "127.0.0.1", port) == 0 else { throw Failure(text: "no address") }
        return cl_connect(raw, &address) == 0
    }

    private final class Log: Sendable {
        private let all = Mutex<[String]>([])
        var lines: [String] { all.withLock { $0 } }
        func add(_ name: String, _ duty: ListenerDuty) { all.withLock { $0.append("\(name) \(duty)") } }
    }
}
