@testable import HotRestart

/// Two processes, the link between them and their owners, as plain data: every state that faults, delays and the order of
/// events can bring about is one value of this type.
struct ModelWorld: Hashable {
    enum Item: Hashable {
        case message(Message, [Int32])
        case end
    }
    enum ParentStep: Hashable {
        case offer, admin, stop, pass, moveFirst, moveLast, checkPrepared, fenceVerify, fenceKill, handOver
        case release([String])
    }
    enum ChildStep: Hashable { case build, adopt, store, check }
    /// What an owner or fate may do, each at most once.
    enum Once: Hashable, CaseIterable {
        case killChild, killParent, cancel, admin, release, leave, terminate, standbyLeaves, storeFails, adoptFails
        case garbageToParent, garbageToChild
    }
    enum Outcome: Hashable {
        case aborted, takenBackWhole, takenBackCommitted, handedOver, orphan, childLeft, terminated, failed, released
        case moved, thawed, takenAlong, dropped
    }

    static let names = ["a", "b"]
    static let listeners = names.enumerated().map { index, name in
        OfferedListener(record: ListenerRecord(name: name, address: "x"), descriptor: Int32(-100 - index))
    }
    /// Negative numbers are never closed; one object a number, so that equal worlds are equal.
    static let descriptors: [Int32: OwnedDescriptor] = Dictionary(
        uniqueKeysWithValues: (listeners.map(\.descriptor) + connectionDescriptors).map { ($0, OwnedDescriptor($0)) })
    /// Of two parts, one descriptor each.
    static let connectionDescriptors: [Int32] = [-200, -201]

    var parent = ParentSession(welcome: Samples.welcome, baseID: 7)
    var child = ChildSession(hello: Samples.hello)
    var toParent: [Item] = []
    var toChild: [Item] = []
    var parentTimers: Set<SessionTimer> = []
    var childTimers: Set<SessionTimer> = []
    var parentSteps: Set<ParentStep> = []
    var childSteps: Set<ChildStep> = []
    var parentAlive = true
    var childAlive = true
    var parentLink = true
    var childLink = true
    var parentAccepts = true
    var parentAdmin = true
    var childAccepts = false
    var slotCommitted = false
    var parentHolds = Set(names)
    var childHolds: Set<String> = []
    /// The child has descriptors that came ahead.
    var hasAhead = false
    /// Whose the live connections are, in a world where they move.
    var connections: Connections?
    /// Names the child asked to release.
    var released: Set<String> = []
    /// The child left on purpose, or the parent was told to exit.
    var onPurpose = false
    var left: Set<Once>
    /// A process dies after so many actions of the next list.
    var cut: Int?
    /// For the test of the checker: a fence that says "dead" without looking.
    var fenceLies = false
    /// The same for a link that loses the parent's ABORT.
    var losesAbort = false
    /// Broken promises; the check fails when there is one.
    var violations: [String] = []
    var outcomes: Set<Outcome> = []

    init(faults: Set<Once>, moves: Bool = false) {
        left = faults
        if moves {
            connections = Connections()
            var welcome = Samples.movingWelcome
            welcome.capabilities.insert(.ahead)
            parent = ParentSession(welcome: welcome, baseID: 7)
            var hello = Samples.hello
            hello.capabilities.insert(.ahead)
            child = ChildSession(hello: hello)
        }
        run(parent.handle(.start))
        run(child.handle(.start))
    }

    mutating func violated(_ text: String) { violations.append(text) }

    // MARK: Owners

    mutating func run(_ actions: [ParentSession.Action]) {
        let cut = left.contains(.killParent) ? cut : nil
        for (index, action) in actions.enumerated() where parentAlive {
            if index == cut {
                left.remove(.killParent)
                killParent()
                return
            }
            switch action {
            case .send(.abort, _) where losesAbort: break
            case .send(let message, let descriptors):
                if parentLink, childLink, childAlive { toChild.append(.message(message, descriptors)) }
            case .setTimer(let timer, _): parentTimers.insert(timer)
            case .cancelTimer(let timer): parentTimers.remove(timer)
            case .close: closeParentLink()
            case .prepareOffer: parentSteps.insert(.offer)
            case .releaseAdmin: parentSteps.insert(.admin)
            case .reclaimAdmin:
                parentSteps.remove(.admin)
                parentAdmin = true
            case .stopAccepting: parentSteps.insert(.stop)
            case .resumeAccepting:
                parentSteps.remove(.stop)
                parentAccepts = true
            case .passAhead: parentSteps.insert(.pass)
            case .moveConnections:
                freeze()
                parentSteps.insert(.moveFirst)
            case .checkPrepared(let answer):
                if answer != [9] { violated("the answer was changed") }
                parentSteps.insert(.checkPrepared)
            case .thawConnections:
                parentSteps.subtract([.moveFirst, .moveLast, .checkPrepared])
                thaw()
            case .fence(let fence, _): parentSteps.insert(fence == .verify ? .fenceVerify : .fenceKill)
            case .committed:
                parentSteps.insert(.handOver)
                if !slotCommitted { violated("standby of a child that has not committed") }
                outcomes.insert(.handedOver)
                forget()
            case .takeBack(let childCommitted, _):
                if childAlive { violated("taken back from a living child") }
                if childCommitted != slotCommitted { violated("taken back with a wrong idea of the child's slot") }
                parentAccepts = true
                parentSteps = []
                if childCommitted { forget() } else { thaw() }
                outcomes.insert(childCommitted ? .takenBackCommitted : .takenBackWhole)
            case .releaseListeners(let names): parentSteps.insert(.release(names))
            case .childLeft: outcomes.insert(.childLeft)
            case .terminate:
                outcomes.insert(.terminated)
                killParent()
            case .abort:
                if slotCommitted { violated("aborted after the child had committed") }
                if !parentAdmin { violated("aborted without the admin listener") }
                outcomes.insert(.aborted)
            case .warn: break
            }
        }
    }

    mutating func run(_ actions: [ChildSession.Action]) {
        let cut = left.contains(.killChild) ? cut : nil
        for (index, action) in actions.enumerated() where childAlive {
            if index == cut {
                left.remove(.killChild)
                killChild()
                return
            }
            switch action {
            case .send(let message):
                if childLink, parentLink, parentAlive { toParent.append(.message(message, [])) }
            case .setTimer(let timer, _): childTimers.insert(timer)
            case .cancelTimer(let timer): childTimers.remove(timer)
            case .close: closeChildLink()
            case .welcomed, .adminReleased, .handOverReported, .warn: break
            case .adoptListeners(let listeners):
                childHolds = Set(listeners.map(\.record.name))
                let numbers = listeners.map(\.descriptor.raw)
                if numbers != Self.listeners.map(\.descriptor) { violated("a descriptor was lost") }
            case .adoptState: childSteps.insert(.build)
            case .adoptAhead: hasAhead = true
            case .adoptConnections(let bytes, let descriptors, let isLast):
                adopt(bytes, descriptors, isLast)
                if isLast { childSteps.insert(.adopt) }
            case .dropConnections:
                hasAhead = false
                drop()
            case .checkParent: childSteps.insert(.check)
            case .storeCommitted: childSteps.insert(.store)
            case .startAccepting:
                if childHolds != Set(Self.names) { violated("the child serves without all listeners") }
                if !parentAlive, child.isOrphan { outcomes.insert(.orphan) }
                childAccepts = true
                if hasAhead, connections?.parts != 2 { violated("descriptors of no connection are kept") }
                goOnWithConnections()
            case .released(let names, let confirmed):
                if confirmed, parentAlive, !parentHolds.isDisjoint(with: names) {
                    violated("RELEASED while the standby holds them")
                }
                if confirmed { outcomes.insert(.released) }
            case .mayLeave(let confirmed):
                if confirmed, parentAlive, !parentHolds.isEmpty {
                    violated("told to leave while the standby holds listeners")
                }
                killChild()
            case .standbyLost: break
            case .fail:
                if childAccepts { violated("failed while serving") }
                if slotCommitted { violated("failed after committing") }
                outcomes.insert(.failed)
                killChild()
            }
        }
    }

    mutating func closeParentLink() {
        guard parentLink else { return }
        parentLink = false
        toParent = []
        if childAlive, childLink { toChild.append(.end) }
    }

    mutating func closeChildLink() {
        guard childLink else { return }
        childLink = false
        toChild = []
        if parentAlive, parentLink { toParent.append(.end) }
    }

    mutating func killParent() {
        closeParentLink()
        parentAlive = false
        parentAccepts = false
        parentTimers = []
        parentSteps = []
    }

    mutating func killChild() {
        closeChildLink()
        childAlive = false
        childAccepts = false
        connections?.childOwns = false
        childTimers = []
        childSteps = []
    }
}
