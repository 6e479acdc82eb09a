import CLinux
import Glibc
import HotRestart
import Testing

/// Both machines with their owners over a real socket, in one thread: each step does all that can be done now.
final class HandOver {
    let link: Link
    var parent: ParentSession
    var child = ChildSession(hello: Samples.hello)
    var offered: [OfferedListener]
    var state: [StateRecord]
    var parentAccepts = true
    var childAccepts = false
    var slotCommitted = false
    var adopted: [ReceivedListener] = []
    var adoptedState: [StateRecord] = []
    var parentLog: [ParentSession.Action] = []
    var childLog: [ChildSession.Action] = []
    /// How the parent makes sure of the child.
    var fence: () -> Bool = { false }

    /// What is sent as live connections when it is time, and what came of it.
    let connections: [(bytes: [UInt8], descriptors: [Int32])]
    var received: [(bytes: [UInt8], descriptors: [OwnedDescriptor])] = []
    var answer: [UInt8] = []
    var isFrozen = false

    init(
        offered: [OfferedListener], state: [StateRecord] = [],
        connections: [(bytes: [UInt8], descriptors: [Int32])] = []
    ) throws {
        self.connections = connections
        parent = ParentSession(welcome: connections.isEmpty ? Samples.welcome : Samples.movingWelcome, baseID: 7)
        link = try Link()
        self.offered = offered
        self.state = state
        try parentDoes(parent.handle(.start))
        try childDoes(child.handle(.start))
    }

    func parentDoes(_ actions: [ParentSession.Action]) throws {
        for action in actions {
            parentLog.append(action)
            switch action {
            case .send(let message, let descriptors): try link.parent.send(message, descriptors: descriptors)
            case .close: link.parent.close()
            case .prepareOffer: try parentDoes(parent.handle(.offer(listeners: offered, state: state)))
            case .releaseAdmin: try parentDoes(parent.handle(.adminReleased))
            case .stopAccepting:
                parentAccepts = false
                try parentDoes(parent.handle(.listenersStopped))
            case .passAhead: try parentDoes(parent.handle(.passedAhead))
            case .moveConnections:
                isFrozen = true
                for (index, one) in connections.enumerated() {
                    let part = ConnectionsPart(bytes: one.bytes, isLast: index == connections.count - 1)
                    try link.parent.send(.connections(part), descriptors: one.descriptors)
                }
                try parentDoes(parent.handle(.connectionsSent))
            case .checkPrepared(let bytes):
                answer = bytes
                try parentDoes(parent.handle(.preparedAccepted))
            case .thawConnections: isFrozen = false
            case .resumeAccepting, .takeBack: parentAccepts = true
            case .fence: try parentDoes(parent.handle(.fenced(childCommitted: fence())))
            case .committed: try parentDoes(parent.handle(.handedOver(HandOverReport(moved: 0, kept: 2))))
            case .releaseListeners: try parentDoes(parent.handle(.listenersReleased))
            case .setTimer, .cancelTimer, .reclaimAdmin, .childLeft,
                .terminate, .abort, .warn:
                break
            }
        }
    }

    func childDoes(_ actions: [ChildSession.Action]) throws {
        for action in actions {
            childLog.append(action)
            switch action {
            case .send(let message): try link.child.send(message)
            case .close: link.child.close()
            case .adoptListeners(let listeners): adopted = listeners
            case .adoptState(let records):
                adoptedState = records
                try childDoes(child.handle(.built))
            case .adoptAhead: break
            case .adoptConnections(let bytes, let descriptors, let isLast):
                received.append((bytes, descriptors))
                guard isLast else { continue }
                let answer = received.flatMap(\.bytes).map { ~$0 }
                try childDoes(child.handle(.connectionsAdopted(answer: answer)))
            case .checkParent: try childDoes(child.handle(.parentChecked(alive: true)))
            case .storeCommitted:
                slotCommitted = true
                try childDoes(child.handle(.commitStored(true)))
            case .startAccepting: childAccepts = true
            case .setTimer, .cancelTimer, .welcomed, .adminReleased, .dropConnections,
                .handOverReported, .released, .mayLeave,
                .standbyLost, .fail, .warn:
                break
            }
        }
    }

    /// Delivers what has arrived and sends what waits, until nothing moves or `isDone`.
    func run(until isDone: (HandOver) -> Bool = { _ in false }) throws {
        var moved = true
        while moved, !isDone(self) {
            moved = false
            try link.parent.flush()
            try link.child.flush()
            if link.parent.descriptor >= 0, let event = Self.event(link.parent.receive()) {
                moved = true
                try parentDoes(parent.handle(event))
                if isDone(self) { return }
            }
            if link.child.descriptor >= 0 {
                switch link.child.receive() {
                case .wouldBlock: break
                case .message(let message, let descriptors):
                    moved = true
                    try childDoes(child.handle(.message(message, descriptors)))
                case .malformed(let error):
                    moved = true
                    try childDoes(child.handle(.malformed(error)))
                case .closed:
                    moved = !child.isOver && link.child.descriptor >= 0
                    try childDoes(child.handle(.peerClosed))
                }
            }
        }
    }

    private static func event(_ received: RestartChannel.Received) -> ParentSession.Event? {
        switch received {
        case .wouldBlock: nil
        case .message(let message, _): .message(message)
        case .malformed(let error): .malformed(error)
        case .closed: .peerClosed
        }
    }
}

@Suite struct HandOverTests {
    static func listeners(_ count: Int) -> (offered: [OfferedListener], owned: [OwnedDescriptor]) {
        let owned = (0..<count).map { _ in OwnedDescriptor(cl_eventfd()) }
        let offered = owned.enumerated().map { index, descriptor in
            OfferedListener(record: ListenerRecord(name: "l\(index)", address: "x"), descriptor: descriptor.raw)
        }
        return (offered, owned)
    }

    /// 300 listeners, a megabyte of state, and the restart socket itself.
    @Test func aWholeHandOverOverARealSocket() throws {
        var (offered, owned) = Self.listeners(300)
        let state = [
            StateRecord(name: "dns", bytes: [UInt8](repeating: 3, count: 1 << 20)),
            StateRecord(name: "health", bytes: [1]),
        ]
        let directory = try TemporaryDirectory()
        let path = directory.file("restart")
        let restart = try RestartSocket.listen(path: path)
        offered.append(
            OfferedListener(
                record: ListenerRecord(kind: .restartSocket, name: "restart", address: path),
                descriptor: restart.descriptor))
        let handOver = try HandOver(offered: offered, state: state)
        try handOver.run()
        #expect(handOver.childAccepts && !handOver.parentAccepts)
        #expect(handOver.adopted.map(\.record) == offered.map(\.record))
        #expect(handOver.adoptedState == state)
        #expect(handOver.childLog.contains(.handOverReported(HandOverReport(moved: 0, kept: 2))))
        for (received, sent) in zip(handOver.adopted, owned) {
            #expect(received.descriptor.raw != sent.raw)
            #expect(fcntl(received.descriptor.raw, F_GETFD) >= 0)
        }
        owned = []

        // The restart socket works in its new process.
        let passed = try #require(handOver.adopted.last)
        let socket = RestartSocket(adopting: passed.descriptor, path: passed.record.address)
        restart.close()
        try socket.activate()
        _ = try RestartSocket.connect(path: socket.path)
        #expect(try socket.accept() != nil)

        try handOver.childDoes(handOver.child.handle(.leave))
        try handOver.run()
        #expect(handOver.childLog.contains(.mayLeave(confirmed: true)))
        #expect(handOver.parentLog.contains(.childLeft))
        #expect(handOver.parent.isOver && handOver.child.isOver)
    }

    /// More than the socket holds, both ways.
    @Test func connectionsMoveOverARealSocket() throws {
        let (offered, owned) = Self.listeners(2)
        let sockets = (0..<450).map { _ in OwnedDescriptor(cl_eventfd()) }
        for (index, socket) in sockets.enumerated() {
            var value = UInt64(index + 1)
            #expect(cl_write(socket.raw, &value, 8) == 8)
        }
        let connections = (0..<30).map { index in
            (
                bytes: [UInt8](repeating: UInt8(index), count: ConnectionsPart.maximumBytes - index),
                descriptors: sockets[(index * 15)..<(index * 15 + 15)].map(\.raw)
            )
        }
        let handOver = try HandOver(offered: offered, connections: connections)
        try handOver.run()
        #expect(handOver.childAccepts && !handOver.parentAccepts && handOver.isFrozen)
        #expect(handOver.received.map(\.bytes) == connections.map(\.bytes))
        #expect(handOver.answer == connections.flatMap(\.bytes).map { ~$0 })
        for (index, descriptor) in handOver.received.flatMap(\.descriptors).enumerated() {
            var value: UInt64 = 0
            #expect(cl_read(descriptor.raw, &value, 8) == 8)
            #expect(value == UInt64(index + 1))
        }
        #expect(owned.count == 2)
    }

    @Test func aRefusalReachesTheChild() throws {
        let handOver = try HandOver(offered: [])
        try handOver.parentDoes(handOver.parent.handle(.cancel(reason: "this process is draining")))
        try handOver.run()
        #expect(handOver.childLog.last == .fail(.refused("this process is draining")))
        #expect(handOver.parentAccepts && !handOver.childAccepts)
    }

    /// The child's process is killed when everything is in its hands but COMMIT; and, once more, after COMMITTED.
    @Test(arguments: [false, true]) func aKilledChildIsTakenBack(_ committed: Bool) throws {
        let (offered, owned) = Self.listeners(3)
        let handOver = try HandOver(offered: offered)
        try handOver.run { $0.parent.isPastCommit && (!committed || $0.parent.isStandby) }
        #expect(!handOver.parentAccepts)

        // Another process holds the child's end from here on.
        let pid = try Self.spawnSleeper(holding: handOver.link.child.descriptor)
        handOver.link.child.close()
        let process = PeerProcess(pid: pid, pidfd: OwnedDescriptor(cl_pidfd_open(pid)))
        try handOver.run()
        #expect(!process.hasEnded)
        #expect(!handOver.parentAccepts, "the link is whole")
        var fenced = false
        handOver.fence = {
            fenced = process.kill() && process.waitForEnd(deadlineNs: soon())
            return committed
        }
        #expect(kill(pid, SIGKILL) == 0)
        #expect(process.waitForEnd(deadlineNs: soon()))
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid)
        try handOver.run()
        #expect(fenced)
        #expect(handOver.parentAccepts)
        #expect(handOver.parentLog.contains { if case .takeBack(committed, _) = $0 { true } else { false } })
        #expect(owned.allSatisfy { fcntl($0.raw, F_GETFD) >= 0 })
    }

    /// A process that only holds `descriptor`.
    static func spawnSleeper(holding descriptor: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { for argument in arguments { free(argument) } }
        let rc = posix_spawn(&pid, "/bin/sleep", &actions, nil, &arguments, nil)
        guard rc == 0 else { throw Failure(text: "posix_spawn: \(rc)") }
        return pid
    }
}
