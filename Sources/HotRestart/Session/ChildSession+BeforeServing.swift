/// From HELLO to the first accept.
extension ChildSession {
    mutating func handleBeforeServing(_ event: Event) -> [Action] {
        switch event {
        case .start:
            guard phase == .idle else { return [] }
            phase = .awaitWelcome
            return [.setTimer(.step, ns: limits.greeting), .send(.hello(hello))]
        case .message(let message, let descriptors):
            return handleBeforeServing(message, descriptors)
        case .malformed(let error):
            if phase == .storing { return [.warn("bad message from the running process: \(error)")] }
            return fail(.badMessage("\(error)"))
        case .peerClosed:
            return handleEarlyEnd()
        case .timer(.step):
            if checkingParent { return fail(.closed(whileDoing)) }
            // Its own steps may take as long as they take; an expiry that comes then is a late one.
            let waits = phase != .storing && phase != .adopting && (phase != .building || adminPending)
            return waits ? fail(.timedOut(whileDoing)) : []
        case .adminNeeded:
            guard phase == .building, !isBuilt, !adminPending else { return [] }
            if isOrphan { return [.adminReleased] }
            adminPending = true
            if checkingParent { return [] }
            return [.setTimer(.step, ns: limits.step), .send(.adminRelease)]
        case .built:
            guard phase == .building else { return [] }
            isBuilt = true
            return proceedIfBuilt()
        case .connectionsAdopted(let answer):
            return connectionsAdopted(answer)
        case .connectionsFailed(let reason):
            return connectionsFailed(reason)
        case .commitStored(let stored):
            return handleStored(stored)
        case .commitRefused(let reason):
            return phase == .storing ? fail(.local(reason)) : []
        case .parentChecked(let alive):
            guard checkingParent else { return [] }
            checkingParent = false
            return alive ? fail(.closed(whileDoing)) : goOnAlone()
        case .failed(let reason):
            guard phase != .storing else { return [.warn("too late to give up the hand-over")] }
            return fail(.local(reason))
        case .leave:
            guard phase != .storing else { return [.warn("not leaving between COMMIT and the first accept")] }
            return fail(.local("this process is exiting"))
        case .timer, .release, .terminateParent:
            return []
        }
    }

    private mutating func handleBeforeServing(_ message: Message, _ descriptors: [OwnedDescriptor]) -> [Action] {
        switch (message, phase) {
        case (.ignored, _):
            return []
        case (_, .storing):
            return [.warn("the running process sent message type \(message.type.rawValue) out of turn")]
        case (.refuse(let reason), _):
            return fail(.refused(reason), tell: false)
        case (.abort(let reason), _):
            return fail(.aborted(reason), tell: false)
        case (.welcome(let welcome), .awaitWelcome):
            if let wanted = hello.epochWanted, wanted != welcome.epoch &+ 1 {
                return fail(.local("restart epoch \(wanted) was asked for, but epoch \(welcome.epoch) is running"))
            }
            self.welcome = welcome
            phase = .awaitListeners
            return [
                .setTimer(.step, ns: limits.step), .welcomed(welcome), .send(.request([.listeners, .state])),
            ]
        case (.listeners(let part), .awaitListeners):
            return add(part, descriptors)
        case (.state(let part), .awaitState):
            do throws(MessageError) { try state.add(part) } catch { return fail(.badMessage("\(error)")) }
            return part.isLast ? startBuilding() : [.setTimer(.step, ns: limits.step)]
        case (.adminReleased, .building) where adminPending:
            adminPending = false
            return [.cancelTimer(.step), .adminReleased] + proceedIfBuilt()
        case (.ahead(let bytes), .awaitCommit):
            return addAhead(bytes, descriptors)
        case (.connections(let part), .awaitCommit), (.connections(let part), .receiving):
            return add(part, descriptors)
        case (.commit, .awaitCommit):
            return [.cancelTimer(.step)] + store()
        default:
            return fail(.badMessage("message type \(message.type.rawValue) out of turn, \(whileDoing)"))
        }
    }

    private mutating func add(_ part: ListenersPart, _ descriptors: [OwnedDescriptor]) -> [Action] {
        guard part.records.count == descriptors.count else {
            return fail(.badMessage("\(descriptors.count) descriptors for \(part.records.count) listeners"))
        }
        guard listeners.count + part.records.count <= Wire.maximumListeners else {
            return fail(.badMessage("more than \(Wire.maximumListeners) listeners"))
        }
        for (record, descriptor) in zip(part.records, descriptors) {
            listeners.append(ReceivedListener(record: record, descriptor: descriptor))
        }
        guard part.isLast else { return [.setTimer(.step, ns: limits.step)] }
        phase = .awaitState
        let complete = listeners
        // From here the owner holds them; a second reference here would keep one open that it drops.
        listeners = []
        return [.setTimer(.step, ns: limits.step), .adoptListeners(complete)]
    }

    private mutating func startBuilding() -> [Action] {
        phase = .building
        let records = state.records
        state = StateAssembler()
        return [.cancelTimer(.step), .adoptState(records)]
    }

    private mutating func proceedIfBuilt() -> [Action] {
        guard phase == .building, isBuilt, !adminPending, !checkingParent else { return [] }
        if isOrphan { return store() }
        phase = .awaitCommit
        return [.setTimer(.step, ns: limits.commit), .send(.ready)]
    }

    private mutating func handleStored(_ stored: Bool) -> [Action] {
        guard phase == .storing else { return [] }
        guard stored || isOrphan else { return fail(.local("COMMIT could not be recorded in the process slot")) }
        phase = .serving
        if linkClosed { return [.startAccepting, .standbyLost(reason: "the parent process is gone")] }
        var actions: [Action] = [.send(.committed), .startAccepting]
        if limits.report > 0 { actions.append(.setTimer(.report, ns: limits.report)) }
        return actions
    }

    private mutating func handleEarlyEnd() -> [Action] {
        if linkClosed { return [] }
        linkClosed = true
        switch phase {
        case .storing:
            return [.close]
        case .awaitListeners, .awaitState, .building, .awaitCommit, .receiving, .adopting:
            checkingParent = true
            return [.setTimer(.step, ns: limits.step), .close, .checkParent]
        default:
            return fail(.closed(whileDoing))
        }
    }

    /// The parent is dead. With all its listeners, this process is the only one that can serve.
    private mutating func goOnAlone() -> [Action] {
        if phase == .awaitListeners { return fail(.parentDied(whileDoing)) }
        isOrphan = true
        var actions: [Action] = [
            .cancelTimer(.step), .warn("the running process died \(whileDoing); going on with its listeners"),
        ]
        if adminPending {
            adminPending = false
            actions.append(.adminReleased)
        }
        switch phase {
        case .awaitState: actions += startBuilding()
        case .awaitCommit: actions += hasAhead && !connectionsAnswered ? storeWithoutConnections() : store()
        case .receiving: actions += storeWithoutConnections()
        // Complete: as soon as they are built this process goes on with them.
        case .adopting: break
        default: actions += proceedIfBuilt()
        }
        return actions
    }

    mutating func fail(_ failure: Failure, tell: Bool = true) -> [Action] {
        var actions: [Action] = [.cancelTimer(.step)]
        if !linkClosed {
            if tell { actions.append(.send(Message.abort(reason: "\(failure)").clipped)) }
            actions.append(.close)
        }
        actions.append(.fail(failure))
        phase = .over
        listeners = []
        return actions
    }

    private var whileDoing: String {
        switch phase {
        case .idle, .awaitWelcome: "before it answered HELLO"
        case .awaitListeners: "before its listeners had come over"
        case .awaitState: "before its state had come over"
        case .building: "while this process was starting"
        case .receiving: "before its connections had come over"
        case .adopting: "while this process took over its connections"
        case .awaitCommit: "before it handed over"
        case .storing, .serving, .leaving, .over: "after it had handed over"
        }
    }
}
