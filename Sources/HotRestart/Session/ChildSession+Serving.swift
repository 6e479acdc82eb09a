/// From the first accept on: the parent is the standby, and the link tells it when its duplicates are in the way.
extension ChildSession {
    mutating func handleServing(_ event: Event) -> [Action] {
        switch event {
        case .message(let message, _):
            return handleServing(message)
        case .malformed(let error):
            return [.warn("bad message from the standby: \(error)")]
        case .peerClosed:
            return loseStandby("the parent process is gone")
        case .timer(.report):
            if reported { return [] }
            reported = true
            return [.handOverReported(nil)]
        case .timer(.release):
            if terminating, !linkClosed {
                // It may still hold listeners; closing the link wakes it once more, with TERMINATE before the end.
                standbyMayLive = true
                return loseStandby("the standby did not exit in time")
            }
            return settleAll(confirmed: false)
        case .release(let names):
            guard phase == .serving else { return [] }
            if linkClosed { return [.released(names: names, confirmed: !standbyMayLive)] }
            return [.setTimer(.release, ns: limits.release)] + sendRelease(names)
        case .leave:
            guard phase == .serving else { return [] }
            phase = .leaving
            releases.append(.everything)
            if linkClosed { return settleAll(confirmed: !standbyMayLive) }
            return [.setTimer(.release, ns: limits.release), .send(.bye)]
        case .terminateParent:
            guard phase == .serving, !linkClosed, !terminating else { return [] }
            terminating = true
            return [.setTimer(.release, ns: limits.release), .send(.terminate)]
        case .failed, .start, .timer, .adminNeeded, .built, .commitStored, .commitRefused, .parentChecked,
            .connectionsAdopted, .connectionsFailed:
            return []
        }
    }

    private mutating func handleServing(_ message: Message) -> [Action] {
        switch message {
        case .ignored:
            return []
        case .done(let report):
            if reported { return [] }
            reported = true
            return (limits.report > 0 ? [.cancelTimer(.report)] : []) + [.handOverReported(report)]
        case .released:
            if staleAnswers > 0 {
                staleAnswers -= 1
                return []
            }
            guard !releases.isEmpty else { return [] }
            let first = releases.removeFirst()
            var actions: [Action] = []
            if releases.isEmpty, !terminating { actions.append(.cancelTimer(.release)) }
            return actions + settle(first, confirmed: true)
        case .bye:
            return loseStandby("the standby has left")
        default:
            return [.warn("the standby sent message type \(message.type.rawValue) out of turn")]
        }
    }

    /// A parent that ended the link holds no duplicate: it is dead, or it closed them first.
    private mutating func loseStandby(_ reason: String) -> [Action] {
        if linkClosed { return [] }
        linkClosed = true
        var actions: [Action] = [.cancelTimer(.release)]
        if !reported, limits.report > 0 { actions.append(.cancelTimer(.report)) }
        actions += [.close, .standbyLost(reason: reason)]
        return actions + settleAll(confirmed: !standbyMayLive)
    }

    private mutating func settleAll(confirmed: Bool) -> [Action] {
        let pending = releases
        releases = []
        if !confirmed { staleAnswers += pending.count }
        return pending.flatMap { settle($0, confirmed: confirmed) }
    }

    private mutating func settle(_ release: PendingRelease, confirmed: Bool) -> [Action] {
        switch release {
        case .names(let names):
            return [.released(names: names, confirmed: confirmed)]
        case .everything:
            phase = .over
            var actions: [Action] = []
            if !linkClosed { actions.append(.close) }
            linkClosed = true
            return actions + [.mayLeave(confirmed: confirmed)]
        }
    }

    /// One RELEASE for as many names as surely fit into a datagram.
    private mutating func sendRelease(_ names: [String]) -> [Action] {
        var actions: [Action] = []
        var chunk: [String] = []
        var used = 0
        for name in names {
            let size = Field.headerSize + name.utf8.count
            if used + size > Parts.room, !chunk.isEmpty {
                releases.append(.names(chunk))
                actions.append(.send(.release(names: chunk)))
                chunk = []
                used = 0
            }
            chunk.append(name)
            used += size
        }
        releases.append(.names(chunk))
        actions.append(.send(.release(names: chunk)))
        return actions
    }
}
