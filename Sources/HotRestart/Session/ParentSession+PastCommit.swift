/// From COMMIT on: the parent serves again only when the child is verifiably dead.
extension ParentSession {
    mutating func handlePastCommit(_ event: Event) -> [Action] {
        switch event {
        case .message(let message):
            return handlePastCommit(message)
        case .malformed(let error):
            if phase == .awaitCommitted { return startFence(.verify, "a bad message instead of COMMITTED: \(error)") }
            return [.warn("the child sent a bad message: \(error)")]
        case .peerClosed:
            return handlePeerClosed()
        case .timer(.step):
            switch phase {
            case .awaitCommitted: return startFence(.verify, "the child did not acknowledge COMMIT in time")
            case .fencing: return startFence(fence ?? .kill, "the child's fate is still not known")
            default: return []
            }
        case .fenced(let childCommitted):
            return handleFenced(childCommitted)
        case .handedOver(let report):
            guard phase == .draining else { return [] }
            phase = .standby
            return [.send(.done(report.clipped), descriptors: [])]
        case .listenersReleased:
            guard releasesPending > 0 else { return [] }
            releasesPending -= 1
            return [.send(.released, descriptors: [])]
        case .leave:
            guard phase != .awaitCommitted, phase != .fencing else {
                return [.warn("not leaving before the child's fate is known")]
            }
            phase = .over
            return [.send(.bye, descriptors: []), .close]
        case .cancel:
            return [.warn("too late to cancel the hand-over")]
        case .start, .timer, .offer, .adminReleased, .listenersStopped, .passedAhead, .connectionsSent,
            .preparedAccepted:
            return []
        }
    }

    private mutating func handlePastCommit(_ message: Message) -> [Action] {
        switch (message, phase) {
        case (.ignored, _):
            return []
        case (.committed, .awaitCommitted):
            return becomeStandby()
        case (.committed, .fencing):
            // The fence is at work and may be killing the child: only its answer counts.
            sawCommitted = true
            return []
        case (.committed, .draining), (.committed, .standby):
            // It stood still before it could say so, and a fence found out.
            return []
        case (_, .fencing):
            guard held.count < Self.mostHeld else {
                return [.warn("the child sends too much while it is being checked")]
            }
            held.append(message)
            return []
        case (_, .awaitCommitted):
            return startFence(.verify, "message type \(message.type.rawValue) instead of COMMITTED")
        case (.release(let names), .draining), (.release(let names), .standby), (.release(let names), .childLeaving):
            releasesPending += 1
            return [.releaseListeners(names: names)]
        case (.bye, .draining), (.bye, .standby):
            phase = .childLeaving
            releasesPending += 1
            return [.releaseListeners(names: []), .childLeft]
        case (.terminate, .draining), (.terminate, .standby), (.terminate, .childLeaving):
            phase = .over
            return [.close, .terminate]
        default:
            return [.warn("the child sent message type \(message.type.rawValue) out of turn")]
        }
    }

    private mutating func becomeStandby() -> [Action] {
        sawCommitted = true
        fence = nil
        isFrozen = false
        phase = .draining
        return [.cancelTimer(.step), .committed]
    }

    private mutating func startFence(_ fence: Fence, _ reason: String) -> [Action] {
        self.fence = fence
        phase = .fencing
        return [.setTimer(.step, ns: limits.fence), .fence(fence, reason: reason)]
    }

    private mutating func handlePeerClosed() -> [Action] {
        if peerClosed { return [] }
        peerClosed = true
        switch phase {
        case .childLeaving:
            phase = .over
            return [.close]
        case .fencing:
            // A running fence may answer that the child lives; `handleFenced` asks again then.
            return []
        case .awaitCommitted:
            return startFence(.kill, "the child ended before it acknowledged COMMIT")
        default:
            return startFence(.kill, "the child ended without saying goodbye")
        }
    }

    private mutating func handleFenced(_ childCommitted: Bool) -> [Action] {
        guard phase == .fencing else { return [] }
        let committed = childCommitted || sawCommitted
        let leftOnPurpose = committed && (held.contains(.bye) || held.contains(.terminate))
        let mayLive = childCommitted && fence == .verify
        if mayLive, peerClosed, !leftOnPurpose {
            // A committed child was let live, but its link has ended since: that answer is out of date.
            sawCommitted = true
            return startFence(.kill, "the child ended after it had committed")
        }
        if mayLive || leftOnPurpose {
            var actions = becomeStandby()
            let messages = held
            held = []
            for message in messages where phase != .over { actions += handlePastCommit(message) }
            if peerClosed, phase != .over {
                peerClosed = false
                actions += handlePeerClosed()
            }
            return actions
        }
        phase = .over
        isFrozen = false
        var actions: [Action] = [.cancelTimer(.step), .close]
        if adminGiven { actions.append(.reclaimAdmin) }
        actions.append(.takeBack(childCommitted: committed, reason: "the process that took over is dead"))
        return actions
    }

    private static let mostHeld = 64
}

extension HandOverReport {
    /// The same with a text that fits into a datagram.
    var clipped: HandOverReport {
        var report = self
        report.text = String(text.prefix(4000))
        return report
    }
}
