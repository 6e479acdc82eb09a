import Testing

@testable import HotRestart

/// All interleavings again, with live connections that move: none ever has two servers, none stands still for ever, and
/// nobody goes on with a record that is out of date.
@Suite struct ModelConnectionsTests {
    static let faults: [Set<ModelWorld.Once>] = [
        [],
        [.killChild, .cancel],
        [.killParent, .cancel, .adoptFails],
        [.killChild, .killParent],
        [.killChild, .storeFails, .adoptFails],
        [.killParent, .storeFails, .adoptFails],
        [.killChild, .release, .leave],
        [.killParent, .release, .terminate],
        [.garbageToParent, .garbageToChild, .killChild],
        [.garbageToParent, .garbageToChild, .killParent, .admin],
        [.killChild, .killParent, .cancel, .storeFails, .adoptFails, .garbageToParent, .garbageToChild],
    ]

    @Test(arguments: faults) func noConnectionHasTwoServers(_ faults: Set<ModelWorld.Once>) {
        let result = ModelCheckTests.explore(ModelWorld(faults: faults, moves: true))
        #expect(result.failure == nil)
        #expect(result.states > 100)
        var expected: Set<ModelWorld.Outcome> = [.handedOver, .moved, .aborted, .thawed, .failed, .takenBackWhole]
        if faults.contains(.killChild) { expected.insert(.takenBackCommitted) }
        if faults.contains(.killParent) { expected.formUnion([.orphan, .takenAlong, .dropped]) }
        #expect(result.outcomes.isSuperset(of: expected), "missing: \(expected.subtracting(result.outcomes))")
    }

    /// Why ABORT must reach the child before the thaw: without it, a parent that thaws and then dies leaves a child that
    /// takes its records for good ones.
    @Test func theCheckerSeesALostAbort() {
        var world = ModelWorld(faults: [.killParent], moves: true)
        world.losesAbort = true
        #expect(ModelCheckTests.explore(world).failure?.hasPrefix("the child goes on with stale records") == true)
    }

    @Test func theCheckerSeesTwoOwners() {
        var world = ModelWorld(faults: [], moves: true)
        world.connections?.childOwns = true
        #expect(world.brokenOwnership(isQuiet: false) == "a connection has two servers")
        world.connections = ModelWorld.Connections(isFrozen: true)
        #expect(world.brokenOwnership(isQuiet: false) == "the session and its owner disagree on the freeze")
    }
}

extension ModelWorld {
    /// Whose the connections are, and how far their records have come.
    struct Connections: Hashable {
        /// By the parent's owner.
        var isFrozen = false
        var wasThawed = false
        /// The parent closed its copies.
        var isForgotten = false
        /// Parts with the child; 2 are all.
        var parts = 0
        var childOwns = false
        var wasDropped = false
    }

    mutating func freeze() {
        if connections == nil { violated("connections move, which was not agreed on") }
        if parentAccepts { violated("frozen while the parent accepts") }
        connections?.isFrozen = true
    }

    /// Also says so to a parent whose connections do not move, or not yet.
    mutating func thaw() {
        guard connections?.isFrozen == true else { return }
        if slotCommitted { violated("thawed after the child had committed") }
        if connections?.isForgotten == true { violated("thawed what was closed") }
        connections?.isFrozen = false
        connections?.wasThawed = true
        outcomes.insert(.thawed)
    }

    mutating func forget() {
        connections?.isFrozen = false
        connections?.isForgotten = true
    }

    mutating func sendConnections(_ index: Int) {
        guard parentLink, childLink, childAlive else { return }
        let part = ConnectionsPart(bytes: [UInt8(index)], isLast: index == 1)
        toChild.append(.message(.connections(part), [Self.connectionDescriptors[index]]))
    }

    mutating func adopt(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor], _ isLast: Bool) {
        guard let parts = connections?.parts, parts < 2 else { return violated("too many connections") }
        if bytes != [UInt8(parts)] || isLast != (parts == 1) { violated("connections out of order") }
        if descriptors.map(\.raw) != [Self.connectionDescriptors[parts]] { violated("a connection was lost") }
        connections?.parts += 1
    }

    mutating func drop() {
        if parentAlive { violated("dropped the connections and went on beside a living parent") }
        connections?.parts = 0
        connections?.wasDropped = true
        outcomes.insert(.dropped)
    }

    /// The child starts to serve.
    mutating func goOnWithConnections() {
        guard let connections else { return }
        switch connections.parts {
        case 2:
            if childSteps.contains(.adopt) { violated("the child goes on with what it has not built") }
            if connections.wasThawed { violated("the child goes on with stale records") }
            self.connections?.childOwns = true
            outcomes.insert(child.isOrphan ? .takenAlong : .moved)
        case 0:
            // The parent died before it had sent any.
            if !child.isOrphan { violated("COMMIT without the connections") }
        default: violated("the child goes on with a part of the connections")
        }
    }

    func brokenOwnership(isQuiet: Bool) -> String? {
        guard let connections else { return nil }
        let parentOwns = parentAlive && !connections.isFrozen && !connections.isForgotten
        if parentOwns, connections.childOwns { return "a connection has two servers" }
        if parentAlive, parent.isFrozen != connections.isFrozen {
            return "the session and its owner disagree on the freeze"
        }
        guard isQuiet, !onPurpose else { return nil }
        if parentAlive, connections.isFrozen { return "frozen for ever" }
        // With the child's death after it had committed they are lost, and with the parent's in the middle of sending.
        if parentAlive, !slotCommitted, !parentOwns { return "nobody has the connections" }
        if childAlive, connections.parts == 2, !connections.childOwns { return "the child forgot its connections" }
        return nil
    }
}
