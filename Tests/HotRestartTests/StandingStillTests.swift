import CLinux
import Glibc
import HotRestart
import Testing
import ThreadTesting

/// A process that takes over listening sockets and stands still between COMMIT and COMMITTED, or just beside: the former one
/// makes sure of it, and every listener is served again, by one of the two.
@Suite(.timeLimit(.minutes(Pace.minutes(2)))) struct StandingStillTests {
    private struct Scene {
        let directory: TemporaryDirectory
        let server: HandOverServer
        let ports: [UInt16]
        let child: HandOverProcess

        init(_ step: String) throws {
            directory = try TemporaryDirectory()
            server = HandOverServer(path: directory.file("restart"), ports: [0, try askablePort()])
            guard server.serves else { throw Failure(text: "\(server.now)") }
            let asked: [UInt16] = [0, port(of: server.now.sockets[1])]
            ports = server.now.sockets.map { port(of: $0) }
            child = try HandOverProcess(path: directory.file("restart"), stopAt: step, ports: asked)
            guard child.waitForStop() else { throw Failure(text: "it did not come to \(step)") }
        }

        /// What a client hears, and from whom: the server of this process accepts only when the test does.
        func hears(from isChild: Bool) throws {
            for (i, number) in ports.enumerated() {
                let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                let client = OwnedDescriptor(raw)
                defer { client.close() }
                var address = cl_address()
                guard cl_address_ip(&address, "127.0.0.1", number) == 0, cl_connect(raw, &address) == 0 else {
                    throw Failure(text: "port \(number) cannot be connected: \(errno)")
                }
                if !isChild {
                    var peer = cl_address()
                    let accepted = OwnedDescriptor(cl_accept(server.now.sockets[i], &peer))
                    defer { accepted.close() }
                    guard accepted.raw >= 0, cl_send(accepted.raw, "server", 6, 0) == 6 else {
                        throw Failure(text: "port \(number) has no connection for the server")
                    }
                }
                var bytes = [UInt8](repeating: 0, count: 16)
                let count = cl_read(raw, &bytes, bytes.count)
                #expect(String(decoding: bytes[..<max(Int(count), 0)], as: UTF8.self) == (isChild ? "child" : "server"))
            }
        }

        /// The server serves, and can be restarted as if nothing had been.
        func expectTheNextRestartWorks() {
            let next = HandOverServer(path: directory.file("restart"), ports: [0, ports[1]], standbyNs: 0)
            #expect(next.serves)
            #expect(next.now.sockets.map { port(of: $0) } == ports)
            #expect(server.ends)
            next.stop()
            #expect(next.ends)
        }
    }

    /// COMMIT has come, and nothing was done about it: the child is killed, since it would serve when it goes on.
    @Test func beforeItIsInCharge() throws {
        let scene = try Scene("before:storeCommitted")
        #expect(scene.server.reaches { $0.duties == [.accept, .pause, .accept] })
        #expect(scene.child.end() == SIGKILL)
        #expect(
            scene.server.now.log == [
                "the child did not acknowledge COMMIT in time",
                "the process that took over is dead: this process serves again",
            ])
        try scene.hears(from: false)
        scene.expectTheNextRestartWorks()
    }

    /// It is in charge and has not said so: it is let live, and serves when it goes on.
    @Test(arguments: ["after:storeCommitted", "before:send-committed"])
    func inCharge(step: String) throws {
        let scene = try Scene(step)
        #expect(scene.server.reaches { $0.log == ["the child did not acknowledge COMMIT in time"] })
        scene.child.goOn()
        try scene.child.wait(for: "accept")
        try scene.hears(from: true)
        #expect(scene.server.now.duties == [.accept, .pause])
        // The standby still knows what to do.
        #expect(scene.child.end(by: SIGKILL) == SIGKILL)
        #expect(scene.server.reaches { $0.duties == [.accept, .pause, .accept] })
        #expect(
            scene.server.now.log == [
                "the child did not acknowledge COMMIT in time", "the child ended without saying goodbye",
                "the process that took over is dead: this process serves again",
            ])
        try scene.hears(from: false)
        scene.expectTheNextRestartWorks()
    }

    /// It is in charge, stands still for good and is killed by whoever notices.
    @Test(arguments: ["after:storeCommitted", "after:send-committed", "before:startAccepting"])
    func killedInCharge(step: String) throws {
        let scene = try Scene(step)
        #expect(scene.child.end(by: SIGKILL) == SIGKILL)
        #expect(scene.server.reaches { $0.duties == [.accept, .pause, .accept] })
        try scene.hears(from: false)
        scene.expectTheNextRestartWorks()
    }
}
