import Testing

@testable import HotRestart

@Suite struct ParentConnectionsTests {
    /// A session that was just asked to move its connections, and after these events.
    static func moving(_ events: ParentSession.Event...) -> ParentSession {
        var session = ParentSession(welcome: Samples.movingWelcome, baseID: 7)
        let before: [ParentSession.Event] = [
            .start, .message(.hello(Samples.hello)), .message(.request([.listeners, .state])), ParentSessionTests.offer,
            .message(.ready), .listenersStopped,
        ]
        for event in before + events { _ = session.handle(event) }
        return session
    }

    static func prepared(_ bytes: [UInt8], isLast: Bool = true) -> ParentSession.Event {
        .message(.prepared(PreparedPart(bytes: bytes, isLast: isLast)))
    }

    static func committing() -> ParentSession { moving(.connectionsSent, prepared([1]), .preparedAccepted) }

    @Test func wholeTransaction() {
        var session = ParentSession(welcome: Samples.movingWelcome, baseID: 7)
        for event in [
            .start, .message(.hello(Samples.hello)), .message(.request([])), ParentSessionTests.offer, .message(.ready),
        ] { _ = session.handle(event) }
        #expect(!session.isFrozen)
        #expect(session.handle(.connectionsSent) == [] && session.handle(.preparedAccepted) == [])
        #expect(session.handle(.listenersStopped) == [.setTimer(.step, ns: 250_000_000), .moveConnections])
        #expect(session.isFrozen && !session.isPastCommit)
        #expect(session.handle(.connectionsSent) == [], "the time limit is for the whole freeze")
        #expect(session.handle(Self.prepared([1, 2], isLast: false)) == [])
        #expect(session.handle(Self.prepared([], isLast: false)) == [])
        #expect(session.handle(Self.prepared([3])) == [.checkPrepared([1, 2, 3])])
        #expect(
            session.handle(.preparedAccepted)
                == [.setTimer(.step, ns: session.limits.committed), .send(.commit, descriptors: [])])
        #expect(session.isFrozen && session.isPastCommit)
        #expect(session.handle(.message(.committed)) == [.cancelTimer(.step), .committed])
        #expect(!session.isFrozen && session.isStandby)
    }

    @Test func onlyWhenBothCan() {
        for (mine, its) in [(Capabilities([]), Capabilities([.connections])), ([.connections], []), ([], [])] {
            var welcome = Samples.movingWelcome
            welcome.capabilities = mine
            var hello = Samples.hello
            hello.capabilities = its
            var session = ParentSession(welcome: welcome, baseID: 7)
            for event in [
                .start, .message(.hello(hello)), .message(.request([])), ParentSessionTests.offer, .message(.ready),
            ] { _ = session.handle(event) }
            #expect(session.handle(.listenersStopped).contains(.send(.commit, descriptors: [])))
            #expect(!session.isFrozen)
        }
    }

    static let frozen: [ParentSession] = [
        moving(), moving(.connectionsSent), moving(.connectionsSent, prepared([1], isLast: false)),
        moving(.connectionsSent, prepared([1])),
    ]

    /// ABORT and the end of the link come before the thaw: that order is what the child relies on.
    @Test(arguments: frozen, ParentSessionTests.failures)
    func everyFailureThaws(_ before: ParentSession, _ event: ParentSession.Event) {
        var session = before
        let actions = session.handle(event)
        #expect(session.isOver && !session.isFrozen)
        guard actions.count == 6, case .send(.abort(let reason), _) = actions[1] else {
            Issue.record("unexpected \(actions)")
            return
        }
        #expect(actions[0] == .cancelTimer(.step))
        #expect(Array(actions[2...]) == [.close, .thawConnections, .resumeAccepting, .abort(reason: reason)])
    }

    @Test func preparedOutOfTurnIsAnAbort() {
        for before in [Self.moving(), Self.moving(.connectionsSent, Self.prepared([1])), ParentSessionTests.offered()] {
            var session = before
            #expect(session.handle(Self.prepared([2])).contains(.close))
            #expect(session.isOver)
        }
        var past = Self.committing()
        #expect(past.handle(Self.prepared([2])).contains { if case .fence(.verify, _) = $0 { true } else { false } })
    }

    @Test func anEndlessAnswerIsAnAbort() {
        var session = Self.moving(.connectionsSent)
        let bytes = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<8 { #expect(session.handle(Self.prepared(bytes, isLast: false)) == []) }
        #expect(session.handle(Self.prepared([0], isLast: false)).contains(.thawConnections))
    }

    @Test func aDeadChildsSlotDecides() {
        for committed in [false, true] {
            var session = Self.committing()
            _ = session.handle(.peerClosed)
            #expect(session.isFrozen, "not decided yet")
            let actions = session.handle(.fenced(childCommitted: committed))
            #expect(actions.contains { if case .takeBack(committed, _) = $0 { true } else { false } })
            #expect(!actions.contains(.thawConnections), "takeBack says it")
            #expect(!session.isFrozen)
        }
    }
}
