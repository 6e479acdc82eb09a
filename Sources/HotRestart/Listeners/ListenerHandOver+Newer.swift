import CLinux
import Glibc

/// The link to the process that takes this one's place.
final class NewerSide {
    var session: ParentSession
    let link: HandOverLink
    let process: PeerProcess?
    var events: [ParentSession.Event] = []
    var isHandling = false

    init(_ channel: RestartChannel, welcome: Welcome, baseID: UInt64, limits: Limits) {
        process = channel.peerProcess()
        session = ParentSession(
            welcome: welcome, baseID: baseID, limits: limits,
            refusal: process == nil
                ? "the new process cannot be watched from the running one; is it in a PID namespace of its own?" : nil)
        link = HandOverLink(channel)
    }
}

extension ListenerHandOver {
    func begin(with channel: RestartChannel) {
        let welcome = Welcome(
            epoch: epoch, pid: UInt64(getpid()), version: options.version,
            hotRestartGeneration: predecessor.map { $0.hotRestartGeneration &+ 1 } ?? 0,
            startTimeNs: predecessor?.startTimeNs ?? startTimeNs)
        newer = NewerSide(channel, welcome: welcome, baseID: options.baseID, limits: options.limits)
        feedNewer(.start)
    }

    func feedNewer(_ event: ParentSession.Event) {
        guard let side = newer else { return }
        side.events.append(event)
        guard !side.isHandling else { return }
        side.isHandling = true
        while !side.events.isEmpty {
            for action in side.session.handle(side.events.removeFirst()) { carryOut(action, side) }
        }
        side.isHandling = false
        if side.session.isOver { newer = nil }
    }

    private func carryOut(_ action: ParentSession.Action, _ side: NewerSide) {
        switch action {
        case .send(let message, let descriptors):
            if let problem = side.link.send(message, descriptors) { feedNewer(.cancel(reason: problem)) }
        case .setTimer(let timer, let ns): side.link.set(timer, ns: ns)
        case .cancelTimer(let timer): side.link.cancel(timer)
        case .close: side.link.close()
        case .prepareOffer: feedNewer(.offer(listeners: offer(), state: []))
        case .releaseAdmin: feedNewer(.adminReleased)
        case .stopAccepting:
            perform(.pause)
            feedNewer(.listenersStopped)
        case .resumeAccepting: perform(.accept)
        case .fence(let fence, let reason): self.fence(side, fence, reason)
        case .committed:
            role = .standby
            // One process serves, and at most one stands by.
            standbyEndNs = nil
            feedOlder(.terminateParent)
            feedNewer(.handedOver(HandOverReport(moved: 0, kept: 0)))
        case .takeBack(_, let reason): takeBack(side, reason)
        case .releaseListeners(let names):
            release(names)
            feedNewer(.listenersReleased)
        case .childLeft, .terminate: finish()
        case .abort(let reason): options.log("hot restart did not happen: \(reason)")
        case .warn(let text): options.log(text)
        // Connections were not agreed on, and there is no admin listener.
        case .reclaimAdmin, .thawConnections: break
        case .passAhead, .moveConnections, .checkPrepared: feedNewer(.cancel(reason: "connections do not move"))
        }
    }

    private func offer() -> [OfferedListener] {
        var offer = listeners.map {
            OfferedListener(
                record: ListenerRecord(name: $0.name, address: $0.name), descriptor: $0.descriptor.raw)
        }
        if let restartSocket {
            let record = ListenerRecord(kind: .restartSocket, name: "restart socket", address: path)
            offer.append(OfferedListener(record: record, descriptor: restartSocket.descriptor))
        }
        return offer
    }

    /// Makes sure of the child. Whether it has taken charge is known to the kernel, also after its death.
    private func fence(_ side: NewerSide, _ fence: ParentSession.Fence, _ reason: String) {
        options.log(reason)
        guard let process = side.process else { return }
        let tookCharge = { self.restartSocket?.processInCharge == process.pid }
        if fence == .verify, tookCharge() { return feedNewer(.fenced(childCommitted: true)) }
        // A link within one process, as in tests: its end is all that can be made sure of.
        if process.pid != getpid() {
            _ = process.kill()
            // What is not dead yet is asked for again by the session's timer.
            guard process.waitForEnd(deadlineNs: cl_monotonic_ns() + options.limits.step) else { return }
        }
        feedNewer(.fenced(childCommitted: tookCharge()))
    }

    private func takeBack(_ side: NewerSide, _ reason: String) {
        do throws(RestartSocketError) {
            let before = [getpid(), side.process?.pid ?? 0]
            guard let restartSocket, !listeners.isEmpty, try restartSocket.takeCharge(from: before) else {
                options.log("\(reason), and another one has taken its place")
                // Its file is the other one's.
                role = .standby
                return finish()
            }
        } catch {
            options.log("\(error); this process cannot be hot restarted")
        }
        options.log("\(reason): this process serves again")
        role = .serving
        perform(.accept)
    }

    private func release(_ names: [String]) {
        let released = listeners.map(\.name).filter { names.isEmpty || names.contains($0) }
        listeners.removeAll { released.contains($0.name) }
        if !released.isEmpty { perform(.close(released)) }
        // The child ends on purpose, and the path with it.
        if names.isEmpty { restartSocket = nil }
    }
}
