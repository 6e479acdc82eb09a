import CLinux
import Glibc

/// The link to the process whose place this one takes; once it serves, to its standby.
final class OlderSide {
    var session: ChildSession
    let link: HandOverLink
    /// The other process, held from the time when it certainly lived.
    var process: PeerProcess?
    /// Who was in charge when the sockets came over: only from that process this one takes over.
    var inCharge: Int32?
    /// All has come over; `serve` is the next step.
    var isComplete = false
    var events: [ChildSession.Event] = []
    var isHandling = false

    init(_ channel: RestartChannel, hello: Hello, limits: Limits) {
        session = ChildSession(hello: hello, limits: limits)
        link = HandOverLink(channel)
    }
}

extension ListenerHandOver {
    /// The serving process; nil when there is none, and this one listens now.
    func connect(deadlineNs: UInt64) throws(ListenerHandOverError) -> RestartChannel? {
        do throws(RestartSocketError) {
            do throws(RestartSocketError) {
                return try RestartSocket.connect(path: path, deadlineNs: deadlineNs)
            } catch .absent {
            } catch .nobodyListens {
            }
            restartSocket = try RestartSocket.listen(path: path, mode: options.socketMode)
            return nil
        } catch {
            throw .socket(error)
        }
    }

    /// HELLO to STATE.
    func ask(_ channel: RestartChannel) throws(ListenerHandOverError) {
        let hello = Hello(
            version: options.version, pid: UInt64(getpid()), freeDescriptors: DescriptorBudget.free(),
            baseID: options.baseID)
        let side = OlderSide(channel, hello: hello, limits: options.limits)
        older = side
        feedOlder(.start)
        while !side.isComplete {
            if let failure {
                older = nil
                predecessor = nil
                self.failure = nil
                received = []
                restartSocket = nil
                throw .handOver(failure)
            }
            turn()
        }
    }

    func feedOlder(_ event: ChildSession.Event) {
        guard let side = older else { return }
        side.events.append(event)
        guard !side.isHandling else { return }
        side.isHandling = true
        while !side.events.isEmpty {
            for action in side.session.handle(side.events.removeFirst()) {
                noteStep("before", action)
                carryOut(action, side)
                noteStep("after", action)
            }
        }
        side.isHandling = false
    }

    private func noteStep(_ when: String, _ action: ChildSession.Action) {
        guard let step = options.step else { return }
        func name(_ value: Any) -> Substring { "\(value)".prefix { $0 != "(" } }
        if case .send(let message) = action { return step("\(when):send-\(name(message))") }
        step("\(when):\(name(action))")
    }

    private func carryOut(_ action: ChildSession.Action, _ side: OlderSide) {
        switch action {
        case .send(let message):
            if let problem = side.link.send(message) { feedOlder(.failed(reason: problem)) }
        case .setTimer(let timer, let ns): side.link.set(timer, ns: ns)
        case .cancelTimer(let timer): side.link.cancel(timer)
        case .close: side.link.close()
        case .welcomed(let welcome):
            predecessor = welcome
            side.process = side.link.channel.peerProcess(claimed: welcome.pid)
        case .adoptListeners(let all):
            if let problem = adopt(all, side) { feedOlder(.failed(reason: problem)) }
        case .adoptState: side.isComplete = true
        case .checkParent:
            let ended = side.process?.waitForEnd(deadlineNs: cl_monotonic_ns() + 100_000_000) ?? false
            feedOlder(.parentChecked(alive: !ended))
        case .storeCommitted: feedOlder(storeCommitted(side))
        case .startAccepting: startServing()
        case .handOverReported(let report):
            if let report, !report.text.isEmpty { options.log("the former process: \(report.text)") }
        case .mayLeave: finish()
        case .standbyLost: older = nil
        case .fail(let failure): self.failure = failure
        case .warn(let text): options.log(text)
        // Connections were not agreed on, and the admin listener is not asked for.
        case .adoptAhead, .adoptConnections, .dropConnections, .adminReleased, .released: break
        }
    }

    /// What is wrong with what came, nil if nothing.
    private func adopt(_ all: [ReceivedListener], _ side: OlderSide) -> String? {
        guard let socket = all.first(where: { $0.record.kind == .restartSocket }) else {
            return "the running process did not pass its restart socket"
        }
        let restartSocket = RestartSocket(adopting: socket.descriptor, path: path)
        side.inCharge = restartSocket.processInCharge
        // If it is dead by now, its own standby may be the one that is in charge.
        if side.process?.hasEnded == true { return "the running process ended while it was asked" }
        self.restartSocket = restartSocket
        received = all.filter { $0.record.kind == .listener }
        return nil
    }

    /// This layer's process slot is the restart socket: the kernel keeps for it who called listen last.
    private func storeCommitted(_ side: OlderSide) -> ChildSession.Event {
        guard let restartSocket, let inCharge = side.inCharge else { return .commitStored(false) }
        do throws(RestartSocketError) {
            if try restartSocket.takeCharge(from: [inCharge]) { return .commitStored(true) }
            return .commitRefused(reason: "another process serves in its place already")
        } catch {
            options.log("\(error)")
            return .commitStored(false)
        }
    }

    private func startServing() {
        role = .serving
        standbyEndNs = cl_monotonic_ns() &+ options.standbyNs
        perform(.accept)
        // Nobody would ever accept from these: the standby closes its duplicates too.
        let unused = received.map(\.record.name)
        received = []
        if !unused.isEmpty { feedOlder(.release(names: unused)) }
    }
}
