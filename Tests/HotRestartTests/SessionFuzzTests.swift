import Testing

@testable import HotRestart

/// Events in any order, also such as no correct owner or peer would send.
@Suite struct SessionFuzzTests {
    static let parentEvents: [ParentSession.Event] =
        Samples.messages.map { .message($0) } + [
            .start, .malformed(.cutShort), .peerClosed, .timer(.step), .timer(.report), .timer(.release),
            ParentSessionTests.offer, .adminReleased, .listenersStopped, .fenced(childCommitted: true),
            .fenced(childCommitted: false), .handedOver(ParentSessionTests.report), .listenersReleased,
            .cancel(reason: "x"), .leave, .connectionsSent, .preparedAccepted,
        ]

    static let childEvents: [ChildSession.Event] =
        Samples.messages.map { message in
            .message(message, (0..<Samples.descriptors(of: message)).map { _ in OwnedDescriptor(-1) })
        } + [
            .start, .malformed(.cutShort), .peerClosed, .timer(.step), .timer(.report), .timer(.release), .adminNeeded,
            .built, .commitStored(true), .commitStored(false), .parentChecked(alive: true),
            .parentChecked(alive: false), .failed(reason: "x"), .release(names: []), .release(names: ["a"]), .leave,
            .terminateParent, .connectionsAdopted(answer: [1]), .connectionsFailed(reason: "x"),
        ]

    @Test func theParentNeverServesAgainUnfenced() {
        var random = Random(state: 77)
        var pastCommit = 0
        let starts = [
            ParentSessionTests.session(), ParentSessionTests.offered(), ParentSessionTests.committing(),
            ParentSessionTests.standby(), ParentConnectionsTests.moving(),
            ParentConnectionsTests.moving(.connectionsSent), ParentConnectionsTests.committing(),
        ]
        for round in 0..<8000 {
            var session = starts[round % starts.count]
            var committed = session.isPastCommit
            var frozen = session.isFrozen
            if committed { pastCommit += 1 }
            for _ in 0..<12 {
                guard let event = Self.parentEvents.randomElement(using: &random) else { return }
                let wasOver = session.isOver
                let actions = session.handle(event)
                #expect(!wasOver || actions.isEmpty)
                for action in actions {
                    switch action {
                    case .send(.commit, _): committed = true
                    case .resumeAccepting, .abort: #expect(!committed)
                    case .moveConnections: frozen = true
                    case .thawConnections:
                        #expect(frozen && !committed)
                        frozen = false
                    case .committed: frozen = false
                    case .takeBack:
                        frozen = false
                        let isAnswer = if case .fenced = event { true } else { false }
                        #expect(committed && isAnswer)
                    case .terminate: #expect(event == .message(.terminate) || session.isOver)
                    default: break
                    }
                }
                #expect(session.isFrozen == frozen)
            }
        }
        #expect(pastCommit > 1000)
    }

    @Test func theChildNeverServesUncommitted() {
        var random = Random(state: 78)
        let starts =
            (0..<ChildSessionTests.toServing.count).map {
                ChildSessionTests.session(Array(ChildSessionTests.toServing.prefix($0)))
            } + ([[]] + ChildConnectionsTests.stages).map { ChildConnectionsTests.ready($0) }
        var served = 0
        for round in 0..<8000 {
            var session = starts[round % starts.count]
            for _ in 0..<12 {
                guard let event = Self.childEvents.randomElement(using: &random) else { return }
                let before = session
                let actions = session.handle(event)
                #expect(!(before.phase == .over) || actions.isEmpty)
                if actions.contains(.startAccepting) {
                    served += 1
                    #expect(before.phase == .storing)
                    #expect(event == .commitStored(true) || before.isOrphan)
                }
            }
        }
        #expect(served > 100)
    }
}
