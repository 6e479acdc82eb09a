import Testing

@testable import HotRestart

@Suite struct ChildConnectionsTests {
    static func part(_ bytes: [UInt8], isLast: Bool, _ descriptors: [OwnedDescriptor] = []) -> ChildSession.Event {
        .message(.connections(ConnectionsPart(bytes: bytes, isLast: isLast)), descriptors)
    }

    /// A session that has said READY to a parent which moves connections, and after these events.
    static func ready(_ events: [ChildSession.Event] = []) -> ChildSession {
        ChildSessionTests.session(
            [
                .message(.welcome(Samples.movingWelcome), []), ChildSessionTests.listeners(["a"], isLast: true),
                ChildSessionTests.state(), .built,
            ] + events)
    }

    static let first = part([1], isLast: false)
    static let last = part([2], isLast: true)
    static let adopted = ChildSession.Event.connectionsAdopted(answer: [9])
    static let dead: [ChildSession.Event] = [.peerClosed, .parentChecked(alive: false)]

    static func fails(_ actions: [ChildSession.Action]) -> Bool {
        actions.contains { if case .fail = $0 { true } else { false } } && !actions.contains(.startAccepting)
    }

    @Test func wholeTransaction() {
        var session = Self.ready()
        let limits = session.limits
        let descriptors = [OwnedDescriptor(-1), OwnedDescriptor(-1)]
        #expect(
            session.handle(Self.part([1], isLast: false, descriptors))
                == [
                    .setTimer(.step, ns: limits.step),
                    .adoptConnections(bytes: [1], descriptors: descriptors, isLast: false),
                ])
        #expect(session.handle(Self.adopted) == [], "not all have come")
        #expect(
            session.handle(Self.last)
                == [.cancelTimer(.step), .adoptConnections(bytes: [2], descriptors: [], isLast: true)])
        #expect(session.handle(.timer(.step)) == [], "its own step takes as long as it takes")
        let answer = [UInt8](repeating: 5, count: PreparedPart.maximumBytes + 1)
        #expect(
            session.handle(.connectionsAdopted(answer: answer))
                == [
                    .setTimer(.step, ns: limits.commit),
                    .send(.prepared(PreparedPart(bytes: Array(answer.dropLast()), isLast: false))),
                    .send(.prepared(PreparedPart(bytes: [5], isLast: true))),
                ])
        #expect(session.handle(.message(.commit, [])) == [.cancelTimer(.step), .storeCommitted])
        #expect(session.handle(.commitStored(true)) == [.send(.committed), .startAccepting])
    }

    @Test func theParentMayMoveNone() {
        var session = Self.ready()
        #expect(session.handle(.message(.commit, [])).contains(.storeCommitted))
    }

    /// Out of turn, too long, or not agreed on.
    @Test func whatMustNotComeEndsIt() {
        let cases: [(events: [ChildSession.Event], then: ChildSession.Event)] = [
            ([Self.first], .message(.commit, [])),
            ([Self.last], .message(.commit, [])),
            ([Self.last], Self.first),
            ([Self.last, Self.adopted], Self.first),
            ([Self.last, Self.adopted], .message(.prepared(PreparedPart(bytes: [], isLast: true)), [])),
            ([Self.last], .connectionsAdopted(answer: [UInt8](repeating: 0, count: Wire.maximumPreparedBytes + 1))),
        ]
        for (events, then) in cases {
            var session = Self.ready(events)
            #expect(Self.fails(session.handle(then)), "\(then)")
            #expect(session.isOver)
        }
        var old = ChildSessionTests.session(ChildSessionTests.toBuilding + [.built])
        #expect(Self.fails(old.handle(Self.last)))
        var early = ChildSessionTests.session([.message(.welcome(Samples.movingWelcome), [])])
        #expect(Self.fails(early.handle(Self.last)))
    }

    static let stages: [[ChildSession.Event]] = [[first], [first, last], [first, last, adopted]]
    static let failures: [ChildSession.Event] = [
        .malformed(.cutShort), .message(.abort(reason: "x"), []), .failed(reason: "no memory"), .leave,
    ]

    @Test(arguments: stages, failures)
    func everyFailureBeforeCommitEndsIt(_ events: [ChildSession.Event], _ event: ChildSession.Event) {
        var session = Self.ready(events)
        let actions = session.handle(event)
        #expect(Self.fails(actions))
        #expect(!actions.contains(.dropConnections), ".fail says it")
    }

    @Test func aSilentParentIsNotWaitedForForever() {
        for events in [[Self.first], [Self.last, Self.adopted]] {
            var session = Self.ready(events)
            #expect(Self.fails(session.handle(.timer(.step))))
        }
    }

    @Test(arguments: stages) func aLivingParentKeepsThem(_ events: [ChildSession.Event]) {
        var session = Self.ready(events + [.peerClosed])
        #expect(Self.fails(session.handle(.parentChecked(alive: true))))
    }

    @Test func aPartOfThemIsNoUse() {
        var session = Self.ready([Self.first, .peerClosed])
        let actions = session.handle(.parentChecked(alive: false))
        #expect(Array(actions.suffix(2)) == [.dropConnections, .storeCommitted])
        #expect(session.handle(.commitStored(true)).contains(.startAccepting))
    }

    /// The parent's death is found before the connections are built, after, or in between.
    @Test func allOfThemAreTakenAlong() {
        let orders: [[ChildSession.Event]] = [
            [Self.last] + Self.dead + [Self.adopted], [Self.last, Self.adopted] + Self.dead,
            [Self.last, .peerClosed, Self.adopted, .parentChecked(alive: false)],
        ]
        for events in orders {
            var session = Self.ready(Array(events.dropLast()))
            let actions = session.handle(events[events.count - 1])
            #expect(actions.last == .storeCommitted)
            #expect(!actions.contains(.dropConnections))
            #expect(session.handle(.commitStored(true)).contains(.startAccepting))
        }
    }

    @Test func aDeadParentsConnectionsMayBeGivenUp() {
        let failed = ChildSession.Event.connectionsFailed(reason: "x")
        var orphan = Self.ready([Self.last] + Self.dead)
        #expect(Array(orphan.handle(failed).suffix(2)) == [.dropConnections, .storeCommitted])
        var unsure = Self.ready([Self.last, .peerClosed])
        #expect(unsure.handle(failed).count == 1)
        var died = unsure
        #expect(Array(died.handle(.parentChecked(alive: false)).suffix(2)) == [.dropConnections, .storeCommitted])
        #expect(Self.fails(unsure.handle(.parentChecked(alive: true))))
        var linked = Self.ready([Self.last])
        #expect(Self.fails(linked.handle(failed)))
        var none = Self.ready()
        #expect(none.handle(failed) == [])
    }
}
