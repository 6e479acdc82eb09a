@testable import HotRestart

/// Two processes, the link between them and their owners, as plain data: every state that faults, delays and the order of
/// events can bring about is one value of this type.
struct ModelWorld: Hashable {
    enum Item: Hashable {
        case message(Message, [Int32])
        case end
    }
    enum ParentStep: Hashable {
        case offer, admin, stop, fenceVerify, fenceKill, handOver
        /// The connections in two parts, so that a death may come between them.
        case pass, move, moveRest, checkAnswer
        case release([String])
    }
    enum ChildStep: Hashable { case build, store, check, adopt }
    /// What the child has of the connections.
    enum Records: Hashable { case none, some, all }
    /// What an owner or fate may do, each at most once.
    enum Once: Hashable, CaseIterable {
        case killChild, killParent, cancel, admin, release, leave, terminate, standbyLeaves, storeFails
        case garbageToParent, garbageToChild
    }
    enum Outcome: Hashable {
        case moved, thawed, movedAlone
        case aborted, takenBackWhole, takenBackCommitted, handedOver, orphan, childLeft, terminated, failed, released
    }

    static let names = ["a", "b"]
    static let listeners = names.enumerated().map { index, name in
        OfferedListener(record: ListenerRecord(name: name, address: "x"), descriptor: Int32(-100 - index))
    }
    /// Negative numbers are never closed; one object a number, so that equal worlds are equal.
    static let descriptors: [Int32: OwnedDescriptor] = Dictionary(
        uniqueKeysWithValues: listeners.map { ($0.descriptor, OwnedDescriptor($0.descriptor)) })

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
    // The live connections: one stands for all.
    var parentServes = true
    var childServes = false
    var childRecords = Records.none
    var childHasAhead = false
    /// They went on in the parent after they were sent: the child's records are out of date.
    var thawed = false
    /// A child had them that had committed, and died: they are lost.
    var lost = false
    var parentHolds = Set(names)
    var childHolds: Set<String> = []
    /// Names the child asked to release.
    var released: Set<String> = []
    /// The child left on purpose, or the parent was told to exit.
    var onPurpose = false
    var left: Set<Once>
    /// A process dies after so many actions of the next list.
    var cut: Int?
    /// For the test of the checker: a fence that says "dead" without looking.
    var fenceLies = false
    /// Broken promises; the check fails when there is one.
    var violations: [String] = []
    var outcomes: Set<Outcome> = []

    init(faults: Set<Once>, connections: Bool = false) {
        left = faults
        if connections {
            var welcome = Samples.welcome
            welcome.capabilities = [.connections, .ahead]
            parent = ParentSession(welcome: welcome, baseID: 7)
            var hello = Samples.hello
            hello.capabilities = [.connections, .ahead]
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
            case .moveConnections: parentSteps.insert(.move)
            case .checkPrepared: parentSteps.insert(.checkAnswer)
            case .thawConnections:
                parentSteps.subtract([.move, .moveRest, .checkAnswer])
                parentServes = true
                thawed = true
                outcomes.insert(.thawed)
            case .fence(let fence, _): parentSteps.insert(fence == .verify ? .fenceVerify : .fenceKill)
            case .committed:
                parentSteps.insert(.handOver)
                if !slotCommitted { violated("standby of a child that has not committed") }
                outcomes.insert(.handedOver)
            case .takeBack(let childCommitted, _):
                if childAlive { violated("taken back from a living child") }
                if childCommitted != slotCommitted { violated("taken back with a wrong idea of the child's slot") }
                parentAccepts = true
                if childCommitted, childRecords == .all { lost = true } else { parentServes = true }
                parentSteps = []
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
            case .adoptAhead: childHasAhead = true
            case .adoptConnections(_, _, let isLast):
                childRecords = isLast ? .all : .some
                if isLast { childSteps.insert(.adopt) }
            case .dropConnections:
                childRecords = .none
                childHasAhead = false
            case .adoptState: childSteps.insert(.build)
            case .checkParent: childSteps.insert(.check)
            case .storeCommitted: childSteps.insert(.store)
            case .startAccepting:
                if childHolds != Set(Self.names) { violated("the child serves without all listeners") }
                if !parentAlive, child.isOrphan { outcomes.insert(.orphan) }
                childAccepts = true
                if childRecords == .none, childHasAhead { violated("the child keeps descriptors of no connection") }
                if childRecords == .some { violated("the child serves half of the connections") }
                if childRecords == .all {
                    if thawed { violated("the child serves connections that the parent has served since") }
                    childServes = true
                    outcomes.insert(child.isOrphan ? .movedAlone : .moved)
                }
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
        parentServes = false
        parentTimers = []
        parentSteps = []
    }

    mutating func killChild() {
        closeChildLink()
        childAlive = false
        childAccepts = false
        childServes = false
        childTimers = []
        childSteps = []
    }
}
