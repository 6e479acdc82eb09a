/// Between "nobody accepts" and COMMIT: live connections stand still, their records go over, the child says what it made of
/// them. All of it is one transaction: it ends with COMMIT or with every connection back at work here.
extension ParentSession {
    /// Both sides can: otherwise only the listeners go.
    var movesConnections: Bool {
        welcome.capabilities.contains(.connections) && hello?.capabilities.contains(.connections) == true
    }

    /// Both sides can take descriptors before the freeze.
    var passesAhead: Bool {
        movesConnections && welcome.capabilities.contains(.ahead) && hello?.capabilities.contains(.ahead) == true
    }

    mutating func stopAccepting() -> [Action] {
        phase = .stopping
        return [.setTimer(.step, ns: limits.step), .stopAccepting]
    }

    mutating func listenersStopped() -> [Action] {
        guard movesConnections else { return commit() }
        phase = .moving
        isFrozen = true
        return [.setTimer(.step, ns: limits.freeze), .moveConnections]
    }

    /// The timer goes on: the limit is for the whole freeze.
    mutating func connectionsSent() -> [Action] {
        guard phase == .moving else { return [] }
        phase = .awaitPrepared
        return []
    }

    mutating func add(_ part: PreparedPart) -> [Action] {
        let total = prepared.count + part.bytes.count
        guard total <= Wire.maximumPreparedBytes else {
            return abort("the child's answer to the connections exceeds \(Wire.maximumPreparedBytes) bytes")
        }
        prepared += part.bytes
        guard part.isLast else { return [] }
        phase = .checkingPrepared
        let answer = prepared
        prepared = []
        return [.checkPrepared(answer)]
    }

    mutating func preparedAccepted() -> [Action] { phase == .checkingPrepared ? commit() : [] }

    private mutating func commit() -> [Action] {
        phase = .awaitCommitted
        return [.setTimer(.step, ns: limits.committed), .send(.commit, descriptors: [])]
    }
}
