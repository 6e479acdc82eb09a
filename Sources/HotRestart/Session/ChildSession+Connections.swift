/// Between READY and COMMIT: the parent's live connections come over. They are this process's only with COMMIT, or with the
/// parent's death when nothing was missing and no ABORT had come: they stood still then, and nobody has touched them since.
extension ChildSession {
    mutating func addAhead(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> [Action] {
        guard hello.capabilities.contains(.ahead), welcome?.capabilities.contains(.ahead) == true, !connectionsAnswered
        else { return fail(.badMessage("descriptors ahead of connections, which were not agreed on")) }
        hasAhead = true
        return [.setTimer(.step, ns: limits.commit), .adoptAhead(bytes: bytes, descriptors: descriptors)]
    }

    mutating func add(_ part: ConnectionsPart, _ descriptors: [OwnedDescriptor]) -> [Action] {
        guard hello.capabilities.contains(.connections), welcome?.capabilities.contains(.connections) == true else {
            return fail(.badMessage("connections, which were not agreed on"))
        }
        guard !connectionsAnswered else { return fail(.badMessage("connections for a second time")) }
        phase = part.isLast ? .adopting : .receiving
        return [
            // What comes next after the last part is this process's own step.
            part.isLast ? .cancelTimer(.step) : .setTimer(.step, ns: limits.step),
            .adoptConnections(bytes: part.bytes, descriptors: descriptors, isLast: part.isLast),
        ]
    }

    mutating func connectionsAdopted(_ answer: [UInt8]) -> [Action] {
        guard phase == .adopting else { return [] }
        connectionsAnswered = true
        if isOrphan { return store() }
        // Whether the parent is dead is not known yet, and there is no link to answer on.
        if checkingParent {
            phase = .awaitCommit
            return []
        }
        var actions: [Action] = [.setTimer(.step, ns: limits.commit)]
        do throws(MessageError) {
            for part in try Parts.split(prepared: answer) { actions.append(.send(.prepared(part))) }
        } catch {
            return fail(.local("the answer to the connections cannot be sent: \(error)"))
        }
        phase = .awaitCommit
        return actions
    }

    /// With a living parent the connections, and the hand-over, stay with it. With a dead one they are lost, and new ones
    /// must not be.
    mutating func connectionsFailed(_ reason: String) -> [Action] {
        guard phase == .receiving || phase == .adopting else { return [] }
        if isOrphan { return [.warn("going on without the connections: \(reason)")] + storeWithoutConnections() }
        guard checkingParent else { return fail(.local(reason)) }
        // To be dropped if the parent is dead, as records are of which some are missing.
        phase = .receiving
        return [.warn("the connections cannot be taken over: \(reason)")]
    }

    mutating func storeWithoutConnections() -> [Action] { [.dropConnections] + store() }

    mutating func store() -> [Action] {
        phase = .storing
        return [.storeCommitted]
    }
}
