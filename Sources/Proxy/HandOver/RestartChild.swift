import CLinux
import HotRestart

/// What a `RestartChild` asks of the server.
protocol RestartChildOwner: AnyObject {
    /// Returns what stops the hand-over, nil when all is well.
    func adopt(_ listeners: [ReceivedListener]) -> String?
    func welcomed(_ welcome: Welcome)
    /// Records "committed" in the process slot.
    func storeCommitted() -> CommitOutcome
    /// Whether the region's locks prove that the process which calls itself `pid` is dead.
    func isProvenDead(pid: UInt64) -> Bool
    /// The standby has closed its duplicates of these listeners, or did not answer in time; no names: of all.
    /// Takes state over, builds what is left to build, and stops the workers.
    func prepare(_ state: [StateRecord], _ done: @escaping () -> Void)
    /// What is wrong, nil if nothing.
    func adoptAhead(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) -> String?
    /// The answer once all have come, nil before, or what is wrong.
    func adoptConnections(
        _ bytes: [UInt8], _ descriptors: [OwnedDescriptor], isLast: Bool
    ) -> Result<[UInt8]?, StartupError>
    func dropConnections()
    func released(_ names: [String])
    func reported(_ report: HandOverReport)
    func startServing()
    func standbyLost(_ reason: String)
    func mayLeave()
    func takeOverFailed(_ failure: ChildSession.Failure)
}

/// What came of writing "committed".
enum CommitOutcome {
    case stored
    case failed
    /// Another process serves already.
    case refused(String)
}

/// The new process's side of a hand-over, and afterwards its link to the standby: `ChildSession` decides, this carries it
/// out on the main loop.
final class RestartChild {
    private var session: ChildSession
    private let link: RestartLink
    private let timers: SessionTimers
    private let log: Log
    private let channel: RestartChannel
    private weak var owner: (any RestartChildOwner)?
    /// The parent, held from the time when it certainly lived.
    private var parent: PeerProcess?
    private var events: [ChildSession.Event] = []
    private var isHandling = false

    init(
        _ channel: RestartChannel, hello: Hello, limits: Limits, loop: MainLoop, log: Log,
        owner: any RestartChildOwner
    ) {
        session = ChildSession(hello: hello, limits: limits)
        self.channel = channel
        link = RestartLink(channel, loop: loop, log: log)
        timers = SessionTimers(loop: loop)
        self.log = log
        self.owner = owner
    }

    var parentPID: UInt64? { session.parent?.pid }
    var hasStandby: Bool { session.hasStandby }

    func begin() throws(SystemError) {
        try link.open { [weak self] received in
            switch received {
            case .message(let message, let descriptors): self?.feed(.message(message, descriptors))
            case .malformed(let error): self?.feed(.malformed(error))
            case .closed: self?.feed(.peerClosed)
            case .wouldBlock: break
            }
        }
        feed(.start)
    }

    /// Stops on purpose: `mayLeave` follows.
    func leave() { feed(.leave) }
    func release(_ names: [String]) { feed(.release(names: names)) }
    func terminateParent() { feed(.terminateParent) }
    func fail(_ reason: String) { feed(.failed(reason: reason)) }

    private func feed(_ event: ChildSession.Event) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            for action in session.handle(events.removeFirst()) {
                HandOverFault.reached(.child, .before, Self.step(action), channel)
                perform(action)
                HandOverFault.reached(.child, .after, Self.step(action), channel)
            }
        }
        isHandling = false
        if session.isOver { timers.cancelAll() }
    }

    /// The step's name for tests.
    private static func step(_ action: ChildSession.Action) -> String {
        if case .send(let message) = action { return "send-\(HandOverFault.name(message))" }
        return HandOverFault.name(action)
    }

    private func perform(_ action: ChildSession.Action) {
        switch action {
        case .send(let message):
            if let error = link.send(message) { feed(.failed(reason: RestartParent.notSent(error))) }
        case .setTimer(let timer, let ns): timers.set(timer, ns: ns) { [weak self] in self?.feed(.timer(timer)) }
        case .cancelTimer(let timer): timers.cancel(timer)
        case .close: link.close()
        case .welcomed(let welcome):
            parent = channel.peerProcess(claimed: welcome.pid)
            owner?.welcomed(welcome)
        case .adoptListeners(let listeners):
            if let problem = owner?.adopt(listeners) { feed(.failed(reason: problem)) }
        case .adoptState(let records): owner?.prepare(records) { [weak self] in self?.feed(.built) }
        case .adoptAhead(let bytes, let descriptors):
            if let problem = owner?.adoptAhead(bytes, descriptors) { feed(.failed(reason: problem)) }
        case .adoptConnections(let bytes, let descriptors, let isLast):
            switch owner?.adoptConnections(bytes, descriptors, isLast: isLast) {
            case .success(let answer): if let answer { feed(.connectionsAdopted(answer: answer)) }
            case .failure(let error): feed(.connectionsFailed(reason: "\(error)"))
            case nil: break
            }
        case .dropConnections: owner?.dropConnections()
        case .adminReleased: break
        case .checkParent:
            let ended = parent?.waitForEnd(deadlineNs: cl_monotonic_ns() + 100_000_000) ?? false
            let isDead = ended || session.parent.map { owner?.isProvenDead(pid: $0.pid) ?? false } ?? false
            feed(.parentChecked(alive: !isDead))
        case .storeCommitted:
            switch owner?.storeCommitted() ?? .failed {
            case .stored: feed(.commitStored(true))
            case .failed: feed(.commitStored(false))
            case .refused(let reason): feed(.commitRefused(reason: reason))
            }
        case .startAccepting: owner?.startServing()
        case .handOverReported(let report):
            if let report {
                log.info("hot restart: \(report.text)")
                owner?.reported(report)
            }
        case .released(let names, let confirmed):
            let what = names.isEmpty ? "all listeners" : names.joined(separator: ", ")
            if !confirmed { log.warning("hot restart: the standby did not confirm that it released \(what)") }
            owner?.released(names)
        case .mayLeave(let confirmed):
            if !confirmed { log.warning("hot restart: the standby did not confirm that it released the listeners") }
            owner?.mayLeave()
        case .standbyLost(let reason): owner?.standbyLost(reason)
        case .fail(let failure): owner?.takeOverFailed(failure)
        case .warn(let text): log.warning("hot restart: \(text)")
        }
    }
}
