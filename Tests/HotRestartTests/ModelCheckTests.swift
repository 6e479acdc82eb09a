import Testing

@testable import HotRestart

/// All interleavings of deliveries, owners' steps, expiring timers, and of deaths at any moment, over the two machines and
/// in-memory queues.
@Suite struct ModelCheckTests {
    /// Groups of things that may happen, each once, at any moment. Where both sides may leave on purpose, nobody may serve
    /// at the end, so the groups without that are the stricter ones.
    static let faults: [Set<ModelWorld.Once>] = [
        [],
        [.killChild, .cancel, .admin],
        [.killParent, .admin],
        [.killChild, .release, .leave],
        [.killChild, .release, .terminate],
        [.killChild, .killParent],
        [.killParent, .release, .leave],
        [.standbyLeaves, .release, .leave],
        [.storeFails, .killParent],
        [.storeFails, .killChild, .admin],
        [.garbageToParent, .garbageToChild, .killChild],
        [.garbageToParent, .garbageToChild, .killParent, .admin],
        [.killChild, .killParent, .cancel, .admin, .release, .storeFails, .garbageToParent, .garbageToChild],
        [.killChild, .release, .leave, .terminate, .standbyLeaves, .garbageToParent],
    ]

    @Test(arguments: faults) func everyInterleavingKeepsTheInvariant(_ faults: Set<ModelWorld.Once>) {
        let result = Self.explore(ModelWorld(faults: faults))
        #expect(result.failure == nil)
        #expect(result.states > 100)
        var expected: Set<ModelWorld.Outcome> = [.handedOver, .aborted, .failed, .takenBackWhole]
        if faults.contains(.killChild) { expected.insert(.takenBackCommitted) }
        if faults.contains(.killParent) { expected.insert(.orphan) }
        if faults.contains(.leave) { expected.insert(.childLeft) }
        if faults.contains(.terminate) { expected.insert(.terminated) }
        if faults.contains(.release) { expected.insert(.released) }
        #expect(result.outcomes.isSuperset(of: expected))
    }

    struct Result {
        var states = 0
        var outcomes: Set<ModelWorld.Outcome> = []
        var failure: String?
    }

    static func explore(_ start: ModelWorld) -> Result {
        var result = Result()
        var seen: Set<ModelWorld> = [start]
        var trail: [(previous: Int, label: String)] = [(-1, "start")]
        var stack: [(world: ModelWorld, index: Int)] = [(start, 0)]
        func path(_ index: Int) -> String {
            var labels: [String] = []
            var index = index
            while index >= 0 {
                labels.append(trail[index].label)
                index = trail[index].previous
            }
            return labels.reversed().joined(separator: " → ")
        }
        while let (world, index) = stack.popLast() {
            result.outcomes.formUnion(world.outcomes)
            let next = world.successors()
            if let broken = world.brokenPromise(isQuiet: !next.contains { !$0.isOptional }) {
                result.failure = "\(broken): \(path(index))"
                return result
            }
            for step in next {
                var world = step.world
                // What was seen is collected above; it does not make a state another one.
                world.outcomes.subtract(result.outcomes)
                guard seen.insert(world).inserted else { continue }
                trail.append((index, step.label))
                stack.append((world, trail.count - 1))
            }
        }
        result.states = seen.count
        return result
    }

    /// The checker itself must be able to fail: with a fence that does not look, a slow child is taken for a dead one.
    @Test func theCheckerSeesALyingFence() {
        var world = ModelWorld(faults: [])
        world.fenceLies = true
        #expect(Self.explore(world).failure?.hasPrefix("taken back from a living child") == true)
    }

    @Test func theCheckerSeesThatNobodyServes() {
        var world = ModelWorld(faults: [])
        world.parentAccepts = false
        #expect(world.brokenPromise(isQuiet: true) == "nobody serves")
        #expect(world.brokenPromise(isQuiet: false) == nil)
        world.parentAccepts = true
        world.childAccepts = true
        #expect(world.brokenPromise(isQuiet: false) == "both serve")
    }
}

extension ModelWorld {
    struct Step {
        var label: String
        var world: ModelWorld
        /// It may happen, but nothing makes it happen.
        var isOptional = false
    }

    func brokenPromise(isQuiet: Bool) -> String? {
        if let first = violations.first { return first }
        if parentAccepts, childAccepts { return "both serve" }
        if let broken = brokenOwnership(isQuiet: isQuiet) { return broken }
        if childAccepts, !slotCommitted, !child.isOrphan { return "the child serves without having committed" }
        if parentAccepts, !parentHolds.isSuperset(of: Set(Self.names).subtracting(released)) {
            return "the parent serves without its listeners"
        }
        if isQuiet, !onPurpose, parentAlive || childAlive, !parentAccepts, !childAccepts { return "nobody serves" }
        return nil
    }

    /// Every state that can come next.
    func successors() -> [Step] {
        var steps: [Step] = []
        func step(_ label: String, optional: Bool = false, _ change: (inout ModelWorld) -> Void) {
            var world = self
            change(&world)
            steps.append(Step(label: label, world: world, isOptional: optional))
            // The same with a process that dies in the middle of what it does then.
            guard left.contains(.killChild) || left.contains(.killParent) else { return }
            for count in 1...3 {
                var world = self
                world.cut = count
                change(&world)
                world.cut = nil
                steps.append(Step(label: "\(label), cut after \(count)", world: world, isOptional: true))
            }
        }
        if parentAlive, let item = toParent.first {
            step("parent gets \(item.label)") { $0.deliverToParent() }
        }
        if childAlive, let item = toChild.first {
            step("child gets \(item.label)") { $0.deliverToChild() }
        }
        for one in parentSteps { step("parent does \(one)") { $0.finish(one) } }
        for one in childSteps {
            step("child does \(one)") { $0.finish(one) }
            if one == .adopt, left.contains(.adoptFails) {
                step("child cannot adopt", optional: true) {
                    $0.left.remove(.adoptFails)
                    $0.childSteps.remove(.adopt)
                    $0.run($0.child.handle(.connectionsFailed(reason: "test")))
                }
            }
            if one == .store, left.contains(.storeFails) {
                step("child cannot store", optional: true) {
                    $0.left.remove(.storeFails)
                    $0.childSteps.remove(.store)
                    $0.run($0.child.handle(.commitStored(false)))
                }
            }
        }
        for timer in parentTimers {
            step("parent's \(timer) timer") {
                $0.parentTimers.remove(timer)
                $0.run($0.parent.handle(.timer(timer)))
            }
        }
        for timer in childTimers {
            step("child's \(timer) timer") {
                $0.childTimers.remove(timer)
                $0.run($0.child.handle(.timer(timer)))
            }
        }
        for once in left { if may(once) { step("\(once)", optional: true) { $0.perform(once) } } }
        return steps
    }

    private func may(_ once: Once) -> Bool {
        switch once {
        case .killChild: childAlive
        case .killParent: parentAlive
        case .cancel: parentAlive && !parent.isOver
        case .admin: childAlive && childSteps.contains(.build)
        case .release, .leave, .terminate: childAlive && child.isServing
        case .standbyLeaves: parentAlive && parent.isStandby
        case .storeFails, .adoptFails: false
        case .garbageToParent: parentAlive && parentLink
        case .garbageToChild: childAlive && childLink
        }
    }

    private mutating func perform(_ once: Once) {
        left.remove(once)
        switch once {
        case .killChild: killChild()
        case .killParent: killParent()
        case .cancel: run(parent.handle(.cancel(reason: "test")))
        case .admin: run(child.handle(.adminNeeded))
        case .release:
            released = ["a"]
            run(child.handle(.release(names: ["a"])))
        case .leave:
            childAccepts = false
            onPurpose = true
            released = Set(Self.names)
            run(child.handle(.leave))
        case .terminate:
            onPurpose = true
            run(child.handle(.terminateParent))
        case .standbyLeaves:
            onPurpose = true
            parentHolds = []
            run(parent.handle(.leave))
            killParent()
        case .garbageToParent: run(parent.handle(.malformed(.badMagic(0))))
        case .garbageToChild: run(child.handle(.malformed(.badMagic(0))))
        case .storeFails, .adoptFails: break
        }
    }

    private mutating func deliverToParent() {
        switch toParent.removeFirst() {
        case .message(let message, _): run(parent.handle(.message(message)))
        case .end: run(parent.handle(.peerClosed))
        }
    }

    private mutating func deliverToChild() {
        switch toChild.removeFirst() {
        case .message(let message, let numbers):
            run(child.handle(.message(message, numbers.compactMap { Self.descriptors[$0] })))
        case .end: run(child.handle(.peerClosed))
        }
    }

    private mutating func finish(_ step: ParentStep) {
        parentSteps.remove(step)
        switch step {
        case .offer:
            let state = [StateRecord(name: "s", bytes: [1])]
            run(parent.handle(.offer(listeners: Self.listeners, state: state)))
        case .admin:
            parentAdmin = false
            run(parent.handle(.adminReleased))
        case .stop:
            parentAccepts = false
            run(parent.handle(.listenersStopped))
        case .pass:
            if parentLink, childLink, childAlive { toChild.append(.message(.ahead(bytes: [0]), [])) }
            run(parent.handle(.passedAhead))
        case .moveFirst:
            sendConnections(0)
            parentSteps.insert(.moveLast)
        case .moveLast:
            sendConnections(1)
            run(parent.handle(.connectionsSent))
        case .checkPrepared: run(parent.handle(.preparedAccepted))
        case .fenceVerify:
            if fenceLies {
                run(parent.handle(.fenced(childCommitted: false)))
                return
            }
            // The child may still commit between this look and the kill.
            if slotCommitted {
                run(parent.handle(.fenced(childCommitted: true)))
            } else {
                parentSteps.insert(.fenceKill)
            }
        case .fenceKill:
            killChild()
            run(parent.handle(.fenced(childCommitted: slotCommitted)))
        case .handOver: run(parent.handle(.handedOver(HandOverReport(moved: 0, kept: 1))))
        case .release(let names):
            parentHolds.subtract(names.isEmpty ? Self.names : names)
            run(parent.handle(.listenersReleased))
        }
    }

    private mutating func finish(_ step: ChildStep) {
        childSteps.remove(step)
        switch step {
        case .build: run(child.handle(.built))
        case .adopt: run(child.handle(.connectionsAdopted(answer: [9])))
        case .store:
            slotCommitted = true
            run(child.handle(.commitStored(true)))
        case .check: run(child.handle(.parentChecked(alive: parentAlive)))
        }
    }
}

extension ModelWorld.Item {
    var label: String {
        switch self {
        case .message(let message, _): "message \(message.type.rawValue)"
        case .end: "end of file"
        }
    }
}
