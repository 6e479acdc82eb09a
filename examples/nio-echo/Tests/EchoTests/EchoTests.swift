import Glibc
import HotRestart
import Testing

/// The built program as real processes. Everything is waited for, nothing for a time; the limit is for what hangs.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EchoTests {
    @Test func restartsUnderLoad() throws {
        let here = try Surroundings()
        var current = try EchoProcess(restartPath: here.restartPath, standbyMs: 20)
        let port = try current.waitForPort()
        try current.waitForLine(endingWith: "epoch 0 accepts")
        let load = Load(port: port, quick: 6, lasting: 3)
        load.waitForConnections(20)
        var former: [EchoProcess] = []
        for epoch in 1...12 {
            let next = try EchoProcess(restartPath: here.restartPath, standbyMs: 20)
            #expect(try next.waitForPort() == port)
            try next.waitForLine(endingWith: "epoch \(epoch) accepts")
            load.restarted()
            former.append(current)
            current = next
            load.waitForConnections(20)
        }
        // Those that lasted longest were with the last but two.
        for process in former.dropLast(3) { #expect(process.waitForEnd() == 0) }
        load.stop()
        for process in former { #expect(process.waitForEnd() == 0) }
        #expect(load.now.failures == [])
        #expect(load.now.connections >= 12 * 20)

        // The one that is left serves, and leaves nothing behind.
        try Client(port: port).echo([1, 2, 3])
        #expect(here.hasSocketFile)
        current.signal(SIGTERM)
        #expect(current.waitForEnd() == 0)
        #expect(!here.hasSocketFile)
        #expect(throws: Failure.self) { try Client(port: port).echo([1]) }
    }

    /// It has the listening socket and dies before it takes over: the other one never stopped serving.
    @Test func aChildKilledBeforeCommit() throws {
        let here = try Surroundings()
        let server = try EchoProcess(restartPath: here.restartPath)
        let port = try server.waitForPort()
        try server.waitForLine(endingWith: "epoch 0 accepts")
        let inode = try listenerInode(port: port)
        let load = Load(port: port, quick: 4, lasting: 2)
        for _ in 0..<5 {
            // It has something to say before it takes over, and nobody listens.
            let output = try FullOutput()
            let child = try EchoProcess(restartPath: here.restartPath, stdout: output.writing)
            while !child.hasSocket(inode: inode) { usleep(1000) }
            load.waitForConnections(10)
            child.signal(SIGKILL)
            #expect(child.waitForEnd() == -SIGKILL)
            try server.waitForLine(endingWith: "the child closed the connection before it was ready")
            load.waitForConnections(10)
        }
        load.stop()
        #expect(load.now.failures == [])

        let next = try EchoProcess(restartPath: here.restartPath, standbyMs: 0)
        try next.waitForLine(endingWith: "epoch 1 accepts")
        #expect(server.waitForEnd() == 0)
        next.signal(SIGTERM)
        #expect(next.waitForEnd() == 0)
        #expect(!here.hasSocketFile)
    }

    /// It serves and dies: the former one, which stands by, serves again. What connects meanwhile waits in the queue.
    @Test func aChildKilledAfterCommit() throws {
        let here = try Surroundings()
        let server = try EchoProcess(restartPath: here.restartPath)
        let port = try server.waitForPort()
        try server.waitForLine(endingWith: "epoch 0 accepts")
        var lasting: Client? = try Client(port: port)
        try lasting?.echo([1])
        for _ in 0..<5 {
            let child = try EchoProcess(restartPath: here.restartPath)
            try child.waitForLine(endingWith: "epoch 1 accepts")
            try Client(port: port).echo([2])
            child.signal(SIGKILL)
            #expect(child.waitForEnd() == -SIGKILL)
            for number in 0..<20 { try Client(port: port).echo([UInt8(number)]) }
            try server.waitForLine(endingWith: "epoch 0 accepts")
            try lasting?.echo([3])
        }
        // Told to stop, the serving one lets the standby go first; its last connection is finished.
        let next = try EchoProcess(restartPath: here.restartPath)
        try next.waitForLine(endingWith: "epoch 1 accepts")
        next.signal(SIGTERM)
        #expect(next.waitForEnd() == 0)
        try server.waitForLine(endingWith: "epoch 0 listens no more")
        #expect(!here.hasSocketFile)
        try lasting?.echo([4])
        lasting = nil
        #expect(server.waitForEnd() == 0)
    }

    /// The serving one dies between a standby and a child that has its sockets: the standby is first, so the child ends.
    @Test func killedBetweenStandbyAndChild() throws {
        let here = try Surroundings()
        let standby = try EchoProcess(restartPath: here.restartPath)
        let port = try standby.waitForPort()
        try standby.waitForLine(endingWith: "epoch 0 accepts")
        let inode = try listenerInode(port: port)
        let serving = try EchoProcess(restartPath: here.restartPath)
        try serving.waitForLine(endingWith: "epoch 1 accepts")
        let output = try FullOutput()
        let child = try EchoProcess(restartPath: here.restartPath, stdout: output.writing)
        while !child.hasSocket(inode: inode) { usleep(1000) }
        serving.signal(SIGKILL)
        try standby.waitForLine(endingWith: "epoch 0 accepts")
        output.empty()
        #expect(child.waitForEnd() == 1)
        try Client(port: port).echo([7])
        // It is the one that answers on the restart socket.
        let next = try EchoProcess(restartPath: here.restartPath, standbyMs: 0)
        try next.waitForLine(endingWith: "epoch 1 accepts")
        #expect(standby.waitForEnd() == 0)
    }

    /// Whoever may connect to the restart socket and does not speak as he should is refused, and nothing else happens.
    @Test func nonsenseIsRefused() throws {
        let here = try Surroundings()
        let server = try EchoProcess(restartPath: here.restartPath)
        let port = try server.waitForPort()
        try server.waitForLine(endingWith: "epoch 0 accepts")
        for message in [Message.commit, .bye, .terminate, .released] {
            let channel = try RestartSocket.connect(path: here.restartPath)
            try channel.send(message)
            try server.waitForLine(endingWith: "out of turn, before it introduced itself")
            try Client(port: port).echo([5])
        }
        // Another service's process.
        let channel = try RestartSocket.connect(path: here.restartPath)
        try channel.send(.hello(Hello(version: "1", pid: 1, freeDescriptors: 100, baseID: 9)))
        try server.waitForLine(endingWith: "this process has base id 0, the new one 9")
        try Client(port: port).echo([6])
        let next = try EchoProcess(restartPath: here.restartPath, standbyMs: 0)
        try next.waitForLine(endingWith: "epoch 1 accepts")
        #expect(server.waitForEnd() == 0)
    }
}
