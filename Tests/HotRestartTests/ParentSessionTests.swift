import Testing

@testable import HotRestart

@Suite struct ParentSessionTests {
    static let report = HandOverReport(moved: 1, kept: 2, text: "why")
    static let offer = ParentSession.Event.offer(
        listeners: [OfferedListener(record: ListenerRecord(name: "a", address: "x"), descriptor: 5)],
        state: [StateRecord(name: "dns", bytes: [1])])

    /// A session after these events.
    static func session(_ events: ParentSession.Event...) -> ParentSession {
        var session = ParentSession(welcome: Samples.welcome, baseID: 7)
        _ = session.handle(.start)
        for event in events { _ = session.handle(event) }
        return session
    }

    static func offered() -> ParentSession {
        session(.message(.hello(Samples.hello)), .message(.request([.listeners, .state])), offer)
    }

    static func committing() -> ParentSession {
        var session = offered()
        _ = session.handle(.message(.ready))
        _ = session.handle(.listenersStopped)
        return session
    }

    static func standby() -> ParentSession {
        var session = committing()
        _ = session.handle(.message(.committed))
        _ = session.handle(.handedOver(report))
        return session
    }

    @Test func wholeHandOver() {
        var session = ParentSession(welcome: Samples.welcome, baseID: 7)
        let limits = session.limits
        #expect(session.handle(.start) == [.setTimer(.step, ns: limits.greeting)])
        #expect(
            session.handle(.message(.hello(Samples.hello)))
                == [.setTimer(.step, ns: limits.step), .send(.welcome(Samples.welcome), descriptors: [])])
        #expect(session.child == Samples.hello)
        #expect(
            session.handle(.message(.request([.state])))
                == [.setTimer(.step, ns: limits.step), .prepareOffer(Samples.hello, [.state])])
        #expect(
            session.handle(Self.offer)
                == [
                    .setTimer(.step, ns: limits.ready),
                    .send(
                        .listeners(.init(records: [.init(name: "a", address: "x")], isLast: true)), descriptors: [5]),
                    .send(
                        .state(.init(pieces: [.init(name: "dns", bytes: [1], continues: false)], isLast: true)),
                        descriptors: []),
                ])
        #expect(session.handle(.message(.adminRelease)) == [.setTimer(.step, ns: limits.step), .releaseAdmin])
        #expect(
            session.handle(.adminReleased)
                == [.setTimer(.step, ns: limits.ready), .send(.adminReleased, descriptors: [])])
        #expect(session.handle(.message(.ready)) == [.setTimer(.step, ns: limits.step), .stopAccepting])
        #expect(!session.isPastCommit)
        #expect(
            session.handle(.listenersStopped)
                == [.setTimer(.step, ns: limits.committed), .send(.commit, descriptors: [])])
        #expect(session.isPastCommit && !session.isStandby)
        #expect(session.handle(.message(.committed)) == [.cancelTimer(.step), .committed])
        #expect(session.isStandby)
        #expect(session.handle(.handedOver(Self.report)) == [.send(.done(Self.report), descriptors: [])])
        #expect(session.handle(.message(.release(names: ["a"]))) == [.releaseListeners(names: ["a"])])
        #expect(session.handle(.listenersReleased) == [.send(.released, descriptors: [])])
        #expect(session.handle(.message(.bye)) == [.releaseListeners(names: []), .childLeft])
        #expect(session.handle(.listenersReleased) == [.send(.released, descriptors: [])])
        #expect(session.handle(.peerClosed) == [.close])
        #expect(session.isOver)
        #expect(session.handle(.peerClosed) == [])
    }

    @Test func refusesAnotherBaseID() {
        var session = Self.session()
        var hello = Samples.hello
        hello.baseID = 8
        let reason = "this process has base id 7, the new one 8"
        #expect(
            session.handle(.message(.hello(hello)))
                == [
                    .cancelTimer(.step), .send(.refuse(reason: reason), descriptors: []), .close,
                    .abort(reason: reason),
                ])
        #expect(session.isOver)
    }

    @Test(arguments: [0, 3, 5, UInt64.max]) func refusesAnotherEpoch(_ epoch: UInt64) {
        var session = Self.session()
        var hello = Samples.hello
        hello.epochWanted = epoch
        let actions = session.handle(.message(.hello(hello)))
        #expect(
            actions.contains { if case .abort(let text) = $0 { text.contains("so the next one is 4") } else { false } })
    }

    @Test func saysWhyItCannotTalkToAnotherMajor() {
        var session = Self.session()
        let actions = session.handle(.malformed(.incompatible(major: 9, minor: 1)))
        guard actions.count > 1, case .send(.refuse(let reason), _) = actions[1] else {
            Issue.record("no REFUSE in \(actions)")
            return
        }
        #expect(reason.contains("9.1"))
    }

    @Test func refusesAChildWithoutRoomForTheDescriptors() {
        var hello = Samples.hello
        hello.freeDescriptors = 16
        var session = Self.session(.message(.hello(hello)), .message(.request([.listeners])))
        let actions = session.handle(Self.offer)
        #expect(actions.contains { if case .abort(let text) = $0 { text.contains("RLIMIT_NOFILE") } else { false } })
    }

    static let beforeCommit: [ParentSession] = [
        session(), session(.message(.hello(Samples.hello))),
        session(.message(.hello(Samples.hello)), .message(.request([]))), offered(),
    ]

    static let failures: [ParentSession.Event] = [
        .peerClosed, .timer(.step), .malformed(.cutShort), .message(.abort(reason: "x")), .message(.committed),
        .cancel(reason: "draining"), .leave,
    ]

    @Test(arguments: beforeCommit, failures)
    func everyFailureBeforeCommitIsAnAbort(_ before: ParentSession, _ event: ParentSession.Event) {
        var session = before
        let actions = session.handle(event)
        #expect(session.isOver)
        #expect(actions.contains(.close))
        #expect(!actions.contains(.resumeAccepting), "it never stopped")
        guard case .abort(let reason) = actions.last else {
            Issue.record("no abort in \(actions)")
            return
        }
        #expect(!reason.isEmpty)
        let tells = actions.contains { if case .send = $0 { true } else { false } }
        #expect(tells == (event != .peerClosed))
    }

    @Test func anAbortUndoesWhatWasDone() {
        var session = Self.offered()
        _ = session.handle(.message(.adminRelease))
        _ = session.handle(.adminReleased)
        _ = session.handle(.message(.ready))
        let actions = session.handle(.timer(.step))
        #expect(Array(actions.suffix(4).prefix(3)) == [.close, .resumeAccepting, .reclaimAdmin])
        #expect(session.handle(.listenersStopped) == [], "the late answer has no effect")
    }

    @Test func aSilentChildIsFencedAndTakenBack() {
        var session = Self.committing()
        let actions = session.handle(.timer(.step))
        #expect(actions.contains { if case .fence(.verify, _) = $0 { true } else { false } })
        #expect(session.handle(.message(.committed)) == [], "only the fence's answer counts now")
        // Unanswered, it is asked for again; nothing is taken back meanwhile.
        #expect(session.handle(.timer(.step)).contains { if case .fence = $0 { true } else { false } })
        let end = session.handle(.fenced(childCommitted: false))
        #expect(end.contains { if case .takeBack = $0 { true } else { false } })
        #expect(session.isOver)
    }

    @Test func aSlowChildThatCommittedIsLetLive() {
        var session = Self.committing()
        _ = session.handle(.timer(.step))
        _ = session.handle(.message(.release(names: ["a"])))
        #expect(
            session.handle(.fenced(childCommitted: true))
                == [.cancelTimer(.step), .committed, .releaseListeners(names: ["a"])])
        #expect(session.isStandby)
    }

    @Test func aDeadStandbyLinkIsTakenBackAfterTheFence() {
        var session = Self.standby()
        let actions = session.handle(.peerClosed)
        #expect(actions.contains { if case .fence(.kill, _) = $0 { true } else { false } })
        let end = session.handle(.fenced(childCommitted: true))
        #expect(end.contains { if case .takeBack(childCommitted: true, _) = $0 { true } else { false } })
    }

    @Test func takingBackBringsTheAdminListenerBack() {
        var session = Self.offered()
        let events: [ParentSession.Event] = [
            .message(.adminRelease), .adminReleased, .message(.ready), .listenersStopped, .peerClosed,
        ]
        for event in events { _ = session.handle(event) }
        let end = session.handle(.fenced(childCommitted: false))
        #expect(end.contains(.reclaimAdmin))
        #expect(end.contains { if case .takeBack(childCommitted: false, _) = $0 { true } else { false } })
    }

    @Test func terminateEndsIt() {
        var session = Self.standby()
        #expect(session.handle(.message(.terminate)) == [.close, .terminate])
        #expect(session.handle(.peerClosed) == [])
    }

    @Test func garbageDoesNotDisturbAStandby() {
        var session = Self.standby()
        #expect(session.handle(.malformed(.badMagic(1))).count == 1)
        #expect(session.handle(.message(.hello(Samples.hello))).count == 1)
        #expect(session.handle(.message(.ignored(type: .init(rawValue: 900)))) == [])
        #expect(session.isStandby)
    }
}
