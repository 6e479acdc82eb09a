/// Up to COMMIT: whatever goes wrong is an abort, and the parent goes on as if nothing had happened.
extension ParentSession {
    mutating func handleBeforeCommit(_ event: Event) -> [Action] {
        switch event {
        case .start:
            return [.setTimer(.step, ns: limits.greeting)]
        case .message(let message):
            return handleBeforeCommit(message)
        case .malformed(let error):
            return abort("the child sent a bad message: \(error)")
        case .peerClosed:
            peerClosed = true
            return abort("the child closed the connection \(whileDoing)")
        case .timer(.step):
            return abort("time limit exceeded \(whileDoing)")
        case .cancel(let reason):
            return abort(reason)
        case .leave:
            return abort("the serving process is exiting")
        case .offer(let listeners, let state):
            guard phase == .offering else { return [] }
            return offer(listeners, state)
        case .adminReleased:
            guard adminReleasePending else { return [] }
            adminReleasePending = false
            return [.setTimer(.step, ns: limits.ready), .send(.adminReleased, descriptors: [])]
        case .listenersStopped:
            guard phase == .stopping else { return [] }
            return listenersStopped()
        case .passedAhead:
            return phase == .passing ? stopAccepting() : []
        case .connectionsSent:
            return connectionsSent()
        case .preparedAccepted:
            return preparedAccepted()
        case .timer, .fenced, .handedOver, .listenersReleased:
            return []
        }
    }

    private mutating func handleBeforeCommit(_ message: Message) -> [Action] {
        switch (message, phase) {
        case (.ignored, _):
            return []
        case (.abort(let reason), _):
            return abort("the child gave up: \(reason)")
        case (.hello(let hello), .awaitHello):
            self.hello = hello
            if let reason = refusal(of: hello) { return abort(reason) }
            phase = .awaitRequest
            return [.setTimer(.step, ns: limits.step), .send(.welcome(welcome), descriptors: [])]
        case (.request(let parts), .awaitRequest):
            guard let hello else { return abort("REQUEST without HELLO") }
            phase = .offering
            return [.setTimer(.step, ns: limits.step), .prepareOffer(hello, parts)]
        case (.adminRelease, .awaitReady) where !adminGiven:
            adminGiven = true
            adminReleasePending = true
            return [.setTimer(.step, ns: limits.step), .releaseAdmin]
        case (.ready, .awaitReady) where !adminReleasePending:
            guard passesAhead else { return stopAccepting() }
            phase = .passing
            return [.setTimer(.step, ns: limits.step), .passAhead]
        case (.prepared(let part), .awaitPrepared):
            return add(part)
        default:
            return abort("the child sent message type \(message.type.rawValue) out of turn, \(whileDoing)")
        }
    }

    /// Why this child may not take over, nil if it may.
    private func refusal(of hello: Hello) -> String? {
        if let refusal { return refusal }
        if hello.baseID != baseID {
            return "this process has base id \(baseID), the new one \(hello.baseID)"
        }
        if let wanted = hello.epochWanted, wanted != welcome.epoch &+ 1 {
            return "restart epoch \(wanted) was asked for, but epoch \(welcome.epoch) is running (pid \(welcome.pid)), "
                + "so the next one is \(welcome.epoch &+ 1)"
        }
        return nil
    }

    private mutating func offer(_ listeners: [OfferedListener], _ state: [StateRecord]) -> [Action] {
        // A little room for what the child opens itself meanwhile.
        let needed = UInt64(listeners.count) + 16
        if let free = hello?.freeDescriptors, free < needed {
            return abort(
                "\(listeners.count) listening sockets are to be passed, but the new process has room for \(free) "
                    + "descriptors; raise its open files limit (RLIMIT_NOFILE)")
        }
        var actions: [Action] = [.setTimer(.step, ns: limits.ready)]
        do throws(MessageError) {
            for (part, descriptors) in try Parts.split(listeners) {
                actions.append(.send(.listeners(part), descriptors: descriptors))
            }
            for part in try Parts.split(state) { actions.append(.send(.state(part), descriptors: [])) }
        } catch {
            return abort("listeners or state cannot be sent: \(error)")
        }
        phase = .awaitReady
        return actions
    }

    mutating func abort(_ reason: String) -> [Action] {
        var actions: [Action] = [.cancelTimer(.step)]
        // An error of reading is not always the other side's end, and a thaw that the child cannot know of must not be.
        if !peerClosed || isFrozen {
            let farewell: Message = phase == .awaitHello ? .refuse(reason: reason) : .abort(reason: reason)
            actions.append(.send(farewell.clipped, descriptors: []))
        }
        actions.append(.close)
        if isFrozen { actions.append(.thawConnections) }
        if phase == .stopping || isFrozen { actions.append(.resumeAccepting) }
        if adminGiven { actions.append(.reclaimAdmin) }
        actions.append(.abort(reason: reason))
        phase = .over
        isFrozen = false
        prepared = []
        return actions
    }

    private var whileDoing: String {
        switch phase {
        case .awaitHello: "before it introduced itself"
        case .awaitRequest: "before it asked for the listeners"
        case .offering: "while listeners and state were collected"
        case .awaitReady where adminReleasePending: "while the admin listener was being closed"
        case .awaitReady: "before it was ready"
        case .passing: "while descriptors were passed ahead"
        case .stopping: "while this process stopped accepting"
        case .moving: "while connections were sent"
        case .awaitPrepared: "before it was ready to go on with the connections"
        case .checkingPrepared: "while its answer to the connections was checked"
        default: "after the hand-over"
        }
    }
}

extension Message {
    /// The same with a reason that fits into a datagram: reasons quote text from elsewhere.
    var clipped: Message {
        switch self {
        case .refuse(let reason): .refuse(reason: String(reason.prefix(1000)))
        case .abort(let reason): .abort(reason: String(reason.prefix(1000)))
        default: self
        }
    }
}
