import CLinux
import HotRestart
import SharedMemory

/// What a `RestartParent` asks of the server.
protocol RestartParentOwner: AnyObject {
    func offer() -> [OfferedListener]
    func offerState() -> [StateRecord]
    func stopAcceptingForChild(_ done: @escaping () -> Void)
    func resumeAccepting()
    /// The child serves; returns what it could not take.
    func becomeStandby(of child: Hello) -> HandOverReport
    func takeBack(childCommitted: Bool, _ reason: String)
    /// Sends descriptors while their connections are served.
    func passAhead(to child: Hello, over link: RestartLink, _ done: @escaping () -> Void)
    /// Stops the workers and sends all connections; `done` gets what went wrong.
    func moveConnections(
        to child: Hello, over channel: RestartChannel, limitNs: UInt64, _ done: @escaping (String?) -> Void)
    /// What is wrong with the child's answer, nil if nothing.
    func checkAnswer(_ bytes: [UInt8]) -> String?
    func thawConnections()
    func releaseDuplicates(_ names: [String])
    func childLeft()
    func terminateStandby()
    func handOverAborted(_ reason: String)
    func parentSessionEnded()
}

/// One child's hand-over as the serving process drives it: `ParentSession` decides, this carries it out on the main loop.
final class RestartParent {
    private var session: ParentSession
    private let link: RestartLink
    private let timers: SessionTimers
    private let loop: MainLoop
    private let log: Log
    private let region: SharedRegion
    private let peer: PeerProcess?
    private weak var owner: (any RestartParentOwner)?
    private var events: [ParentSession.Event] = []
    private var isHandling = false

    init(
        _ channel: RestartChannel, welcome: Welcome, baseID: UInt32, limits: Limits, refusal: String?,
        region: SharedRegion, loop: MainLoop, log: Log, owner: any RestartParentOwner
    ) {
        session = ParentSession(welcome: welcome, baseID: UInt64(baseID), limits: limits, refusal: refusal)
        link = RestartLink(channel, loop: loop, log: log)
        timers = SessionTimers(loop: loop)
        peer = channel.peerProcess()
        self.loop = loop
        self.log = log
        self.region = region
        self.owner = owner
    }

    /// The child serves and this process is its standby.
    var isStandby: Bool { session.isStandby }
    /// COMMIT was sent and the child's answer is not known yet, or an offer is on its way.
    var isUndecided: Bool { !session.isStandby && !session.isOver }
    /// Which of the two serves is being found out.
    var isFateUnknown: Bool { session.isFateUnknown }

    /// The workers stand still for a child.
    var isFrozen: Bool { session.isFrozen }
    var isPassing: Bool { session.isPassing }

    func begin() throws(SystemError) {
        try link.open { [weak self] received in
            switch received {
            case .message(let message, _): self?.feed(.message(message))
            case .malformed(let error): self?.feed(.malformed(error))
            case .closed: self?.feed(.peerClosed)
            case .wouldBlock: break
            }
        }
        feed(.start)
    }

    /// Gives the hand-over up, if that is still possible.
    func cancel(_ reason: String) { feed(.cancel(reason: reason)) }

    /// A standby leaves: its duplicates are closed, or the process ends.
    func leave() { feed(.leave) }

    /// Events that actions cause wait until the actions before them are done.
    func feed(_ event: ParentSession.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            for action in session.handle(events.removeFirst()) {
                HandOverFault.reached(.parent, .before, Self.step(action), link.channel)
                perform(action)
                HandOverFault.reached(.parent, .after, Self.step(action), link.channel)
            }
        }
        isHandling = false
        if session.isOver {
            timers.cancelAll()
            owner?.parentSessionEnded()
        }
    }

    /// The step's name for tests.
    private static func step(_ action: ParentSession.Action) -> String {
        if case .send(let message, _) = action { return "send-\(HandOverFault.name(message))" }
        return HandOverFault.name(action)
    }

    static func notSent(_ error: RestartSocketError) -> String { "a message could not be sent: \(error)" }

    private func perform(_ action: ParentSession.Action) {
        switch action {
        case .send(let message, let descriptors):
            if let error = link.send(message, descriptors) { feed(.cancel(reason: Self.notSent(error))) }
        case .setTimer(let timer, let ns): timers.set(timer, ns: ns) { [weak self] in self?.feed(.timer(timer)) }
        case .cancelTimer(let timer): timers.cancel(timer)
        case .close: link.close()
        case .prepareOffer(let hello, _):
            log.info(
                "hot restart: pid \(hello.pid) (version \(hello.version)) asks for the listeners of epoch "
                    + "\(session.welcome.epoch)")
            feed(.offer(listeners: owner?.offer() ?? [], state: owner?.offerState() ?? []))
        // The admin listener is among the offered: nothing is closed for the child.
        case .releaseAdmin: feed(.adminReleased)
        case .reclaimAdmin: break
        case .stopAccepting: owner?.stopAcceptingForChild { [weak self] in self?.feed(.listenersStopped) }
        case .resumeAccepting: owner?.resumeAccepting()
        case .fence(let fence, let reason): self.fence(fence, reason)
        case .committed:
            guard let hello = session.child, let report = owner?.becomeStandby(of: hello) else { return }
            feed(.handedOver(report))
        case .takeBack(let childCommitted, let reason):
            owner?.takeBack(childCommitted: childCommitted, reason)
        case .passAhead:
            guard let hello = session.child else { return feed(.cancel(reason: "no child")) }
            owner?.passAhead(to: hello, over: link) { [weak self] in self?.feed(.passedAhead) }
        case .moveConnections:
            guard let hello = session.child else { return feed(.cancel(reason: "no child")) }
            owner?.moveConnections(to: hello, over: link.channel, limitNs: session.limits.freeze) {
                [weak self] problem in
                self?.feed(problem.map { .cancel(reason: $0) } ?? .connectionsSent)
            }
        case .checkPrepared(let answer):
            let problem = owner?.checkAnswer(answer)
            feed(problem.map { .cancel(reason: $0) } ?? .preparedAccepted)
        case .thawConnections: owner?.thawConnections()
        case .releaseListeners(let names):
            owner?.releaseDuplicates(names)
            feed(.listenersReleased)
        case .childLeft: owner?.childLeft()
        case .terminate: owner?.terminateStandby()
        case .abort(let reason): owner?.handOverAborted(reason)
        case .warn(let text): log.warning("hot restart: \(text)")
        }
    }

    /// Makes sure of the child: its process slot says whether it committed, its slot's lock and its pidfd whether it
    /// lives.
    private func fence(_ fence: ParentSession.Fence, _ reason: String) {
        log.warning("hot restart: \(reason)")
        let pid = UInt32(truncatingIfNeeded: session.child?.pid ?? 0)
        let slot = region.liveSlot(pid: pid)
        if fence == .verify, let slot, slot.committed > 0 { return feed(.fenced(childCommitted: true)) }
        guard let peer else {
            // Without a pidfd its lock is the proof: the kernel frees it with the process.
            if slot == nil { feed(.fenced(childCommitted: false)) }
            return
        }
        _ = peer.kill()
        let incarnation = slot?.incarnation
        let end: () -> Void = { [weak self] in
            guard let self else { return }
            let after = slot.flatMap { self.region.slotInfo(again: $0) }
            let isSame = after?.incarnation == incarnation && after?.pid == pid
            self.feed(.fenced(childCommitted: isSame && (after?.committed ?? 0) > 0))
        }
        if peer.hasEnded { return end() }
        do throws(SystemError) {
            try loop.watch(peer.descriptor, Epoll.input) { [weak self] _ in
                self?.loop.unwatch(peer.descriptor)
                end()
            }
        } catch {
            // The session's timer asks again.
            log.error("hot restart: \(error)")
        }
    }
}
