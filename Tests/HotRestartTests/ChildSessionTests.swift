import Testing

@testable import HotRestart

@Suite struct ChildSessionTests {
    static let welcome = ChildSession.Event.message(.welcome(Samples.welcome), [])

    static func listeners(_ names: [String], isLast: Bool) -> ChildSession.Event {
        .message(
            .listeners(ListenersPart(records: names.map { ListenerRecord(name: $0, address: "x") }, isLast: isLast)),
            names.map { _ in OwnedDescriptor(-1) })
    }

    static func state(isLast: Bool = true) -> ChildSession.Event {
        .message(.state(StatePart(pieces: [.init(name: "dns", bytes: [1], continues: false)], isLast: isLast)), [])
    }

    static func session(_ events: [ChildSession.Event], limits: Limits = Limits()) -> ChildSession {
        var session = ChildSession(hello: Samples.hello, limits: limits)
        _ = session.handle(.start)
        for event in events { _ = session.handle(event) }
        return session
    }

    static let toBuilding = [welcome, listeners(["a", "b"], isLast: true), state()]
    static let toServing = toBuilding + [.built, .message(.commit, []), .commitStored(true)]

    @Test func wholeHandOver() {
        var session = ChildSession(hello: Samples.hello)
        let limits = session.limits
        #expect(session.handle(.start) == [.setTimer(.step, ns: limits.greeting), .send(.hello(Samples.hello))])
        #expect(
            session.handle(Self.welcome)
                == [
                    .setTimer(.step, ns: limits.step), .welcomed(Samples.welcome),
                    .send(.request([.listeners, .state])),
                ])
        #expect(session.handle(Self.listeners(["a"], isLast: false)) == [.setTimer(.step, ns: limits.step)])
        let adopted = session.handle(Self.listeners(["b", "c"], isLast: true))
        guard case .adoptListeners(let listeners) = adopted.last else {
            Issue.record("no listeners in \(adopted)")
            return
        }
        #expect(listeners.map(\.record.name) == ["a", "b", "c"])
        #expect(session.handle(Self.state(isLast: false)) == [.setTimer(.step, ns: limits.step)])
        let record = StateRecord(name: "dns", bytes: [1])
        #expect(session.handle(Self.state()) == [.cancelTimer(.step), .adoptState([record, record])])
        #expect(session.handle(.adminNeeded) == [.setTimer(.step, ns: limits.step), .send(.adminRelease)])
        #expect(session.handle(.built) == [], "READY waits for ADMIN_RELEASED")
        #expect(
            session.handle(.message(.adminReleased, []))
                == [.cancelTimer(.step), .adminReleased, .setTimer(.step, ns: limits.commit), .send(.ready)])
        #expect(session.handle(.message(.commit, [])) == [.cancelTimer(.step), .storeCommitted])
        #expect(!session.isServing)
        #expect(session.handle(.commitStored(true)) == [.send(.committed), .startAccepting])
        #expect(session.isServing && session.hasStandby)
        let report = HandOverReport(moved: 0, kept: 4)
        #expect(session.handle(.message(.done(report), [])) == [.handOverReported(report)])
        #expect(
            session.handle(.release(names: ["a"]))
                == [.setTimer(.release, ns: limits.release), .send(.release(names: ["a"]))])
        #expect(
            session.handle(.message(.released, []))
                == [.cancelTimer(.release), .released(names: ["a"], confirmed: true)])
        #expect(session.handle(.leave) == [.setTimer(.release, ns: limits.release), .send(.bye)])
        #expect(
            session.handle(.message(.released, [])) == [.cancelTimer(.release), .close, .mayLeave(confirmed: true)])
        #expect(session.isOver)
    }

    @Test func refusalIsPassedOn() {
        var session = Self.session([])
        #expect(
            session.handle(.message(.refuse(reason: "no"), []))
                == [.cancelTimer(.step), .close, .fail(.refused("no"))])
    }

    @Test func anotherEpochIsNotTaken() {
        var session = Self.session([])
        var welcome = Samples.welcome
        welcome.epoch = 9
        let actions = session.handle(.message(.welcome(welcome), []))
        #expect(actions.contains { if case .fail(.local) = $0 { true } else { false } })
    }

    static let stages = (0...toBuilding.count).map { Array(toBuilding.prefix($0)) } + [toBuilding + [.built]]
    static let failures: [ChildSession.Event] = [
        .malformed(.cutShort), .message(.abort(reason: "x"), []),
        .message(.done(HandOverReport(moved: 0, kept: 0)), []),
        .failed(reason: "no memory"), .leave,
    ]

    @Test(arguments: stages, failures)
    func everyFailureBeforeCommitEndsIt(_ before: [ChildSession.Event], _ event: ChildSession.Event) {
        var session = Self.session(before)
        let actions = session.handle(event)
        #expect(session.isOver)
        guard case .fail(let failure) = actions.last else {
            Issue.record("no failure in \(actions)")
            return
        }
        #expect(!failure.description.isEmpty)
        #expect(!actions.contains(.startAccepting))
    }

    @Test(arguments: stages) func aSilentParentIsNotWaitedForForever(_ before: [ChildSession.Event]) {
        var session = Self.session(before)
        let actions = session.handle(.timer(.step))
        // While it builds it waits for nobody.
        let isBuilding = before.count == Self.toBuilding.count
        #expect(actions.contains { if case .fail(.timedOut) = $0 { true } else { false } } == !isBuilding)
    }

    @Test func aParentThatDiesEarlyLeavesNothing() {
        var session = Self.session([Self.welcome])
        #expect(session.handle(.peerClosed).contains(.checkParent))
        let actions = session.handle(.parentChecked(alive: false))
        #expect(actions.contains { if case .fail(.parentDied) = $0 { true } else { false } })
    }

    @Test func aParentThatClosesTheLinkGoesOnServing() {
        var session = Self.session(Self.toBuilding + [.built])
        #expect(session.handle(.peerClosed).contains(.checkParent))
        let actions = session.handle(.parentChecked(alive: true))
        #expect(actions.contains { if case .fail(.closed) = $0 { true } else { false } })
    }

    @Test func aParentThatDiesAfterItsListenersCameIsReplaced() {
        for events in [Array(Self.toBuilding.prefix(2)), Self.toBuilding, Self.toBuilding + [.built]] {
            var session = Self.session(events)
            #expect(session.handle(.peerClosed).contains(.checkParent))
            _ = session.handle(.parentChecked(alive: false))
            _ = session.handle(.built)
            #expect(session.handle(.commitStored(true)).contains(.startAccepting))
            #expect(session.isServing && !session.hasStandby)
        }
    }

    @Test func aSlotThatCannotBeWrittenIsNoCommit() {
        var session = Self.session(Self.toBuilding + [.built, .message(.commit, [])])
        let actions = session.handle(.commitStored(false))
        #expect(!actions.contains(.startAccepting))
        #expect(actions.contains { if case .fail(.local) = $0 { true } else { false } })
    }

    @Test func descriptorsMustMatchTheRecords() {
        var session = Self.session([Self.welcome])
        let part = ListenersPart(records: [ListenerRecord(name: "a", address: "x")], isLast: true)
        let actions = session.handle(.message(.listeners(part), []))
        #expect(actions.contains { if case .fail(.badMessage) = $0 { true } else { false } })
    }

    @Test func theStandbyMayGo() {
        var session = Self.session(Self.toServing)
        _ = session.handle(.release(names: ["a"]))
        let actions = session.handle(.peerClosed)
        #expect(actions.contains(.released(names: ["a"], confirmed: true)))
        #expect(actions.contains { if case .standbyLost = $0 { true } else { false } })
        #expect(session.handle(.leave) == [.mayLeave(confirmed: true)])
    }

    @Test func aLateAnswerIsNotTakenForTheNext() {
        var session = Self.session(Self.toServing)
        _ = session.handle(.release(names: ["a"]))
        #expect(session.handle(.timer(.release)) == [.released(names: ["a"], confirmed: false)])
        _ = session.handle(.release(names: ["b"]))
        #expect(session.handle(.message(.released, [])) == [])
        #expect(session.handle(.message(.released, [])).contains(.released(names: ["b"], confirmed: true)))
    }

    @Test func aLongReleaseIsSplit() {
        var session = Self.session(Self.toServing)
        let names = (0..<10).map { "\($0)" + String(repeating: "n", count: 20_000) }
        let sent = session.handle(.release(names: names)).compactMap { action -> [String]? in
            if case .send(.release(let names)) = action { names } else { nil }
        }
        #expect(sent.count == 4)
        #expect(sent.flatMap { $0 } == names)
        for part in sent { #expect(throws: Never.self) { try MessageCodec.encode(.release(names: part), sequence: 0) } }
    }

    @Test func aMissingReportIsReportedOnce() {
        var limits = Limits()
        limits.report = 100
        var session = Self.session(Self.toServing, limits: limits)
        #expect(session.handle(.timer(.report)) == [.handOverReported(nil)])
        #expect(session.handle(.message(.done(HandOverReport(moved: 0, kept: 0)), [])) == [])
    }
}
