import CLinux
import Glibc
import HotRestart
import Stats

/// Handing over to a child, standing by for it, and taking back.
extension Server: RestartParentOwner {
    /// Somebody connected to the restart socket.
    func childAsks() {
        guard role == .serving, parentSession == nil, let restartSocket, let region = claim.region else {
            restartSocket.map { loop.unwatch($0.descriptor) }
            return
        }
        do {
            guard let channel = try restartSocket.accept() else { return }
            let welcome = Welcome(
                epoch: UInt64(epoch), pid: UInt64(getpid()), version: ProductVersion.text,
                hotRestartGeneration: hotRestartGeneration, startTimeNs: claim.firstStartNs, capabilities: capabilities)
            let session = RestartParent(
                channel, welcome: welcome, baseID: claim.baseID, limits: limits,
                refusal: options.handOver == .none ? "the running process hands nothing over (--hand-over none)" : nil,
                region: region, loop: loop, log: log, owner: self)
            parentSession = session
            handOverBeganNs = cl_monotonic_ns()
            // A third process waits in the socket's queue meanwhile.
            loop.unwatch(restartSocket.descriptor)
            try session.begin()
        } catch RestartSocketError.foreignPeer(let uid) {
            log.warning("hot restart refused: it was asked for by user \(uid)")
        } catch {
            // No descriptors, most likely: asking again at once would only spin.
            log.error("hot restart: \(error)")
            parentSession = nil
            loop.unwatch(restartSocket.descriptor)
            loop.after(ms: 100) { [weak self] in
                guard let self, self.role == .serving else { return }
                self.watchRestartSocket()
            }
        }
    }

    /// From here connections wait in the queues, which the child has too.
    func stopAcceptingForChild(_ done: @escaping () -> Void) {
        admin?.stopAccepting()
        pool.stopAccepting(listeners: nil, closing: false, done)
    }

    /// A SIGTERM that came while it was not known who serves.
    private func actOnKeptTermination() {
        guard terminationIsKept else { return }
        terminationIsKept = false
        loop.after(ms: 0) { [weak self] in self?.terminate("SIGTERM, kept until the hand-over was decided") }
    }

    func resumeAccepting() {
        pool.startAccepting(sockets)
        serveAdmin()
    }

    func becomeStandby(of child: Hello) -> HandOverReport {
        // First of all: what was asked while this process served is answered as by a serving one.
        admin?.stopAccepting()
        admin?.closeConnections()
        role = .standby
        // Who connected to the admin listener before the hand-over may ask only now: the proxy is ready all the same.
        loop.after(ms: 1000) { [weak self] in
            if let self, self.role == .standby { self.state = .draining }
        }
        claim.region?.setRole(.standby)
        stats.gauges[.live].set(0)
        stats.listenerGauges[.total_listeners_draining].set(UInt64(activeListeners))
        let report = releaseConnections()
        clusterManager.pauseHealth()
        endpointDiscovery.pause()
        clusterDiscovery?.pause()
        listenerDiscovery?.pause()
        routeDiscovery.pause()
        pool.drain(
            options.drainStrategy == .immediate
                ? .immediate : .gradual(overMs: UInt64(options.drainSeconds) * 1000))
        startDrainClock()
        log.info("pid \(child.pid) took over; this process stands by: \(report.text)")
        note(.handedOver, report, child.pid, report.text)
        // The one that stood by for this process is not needed any more: one serving process, at most one standby.
        childSession?.terminateParent()
        actOnKeptTermination()
        // The workers have forgotten what moved by then.
        loop.after(ms: 500) { [weak self] in
            guard let self, self.role == .standby, self.pool.connectionCount == 0 else { return }
            SpareMemory.release()
        }
        return report
    }

    func takeBack(childCommitted: Bool, _ reason: String) {
        if let lost = export {
            export = nil
            if childCommitted {
                stats.hotRestart[.connections_failed].add(UInt64(lost.moved))
                pool.closeLost(lost)
            } else {
                pool.resumeParked()
            }
        }
        guard role == .standby || role == .serving else { return }
        let mine = claim.region.flatMap { $0.slotInfo($0.slot)?.committed } ?? .max
        let before = store.totals()
        do {
            if let newer = try claim.region?.commitSlot(after: mine) {
                log.warning("\(reason), and pid \(newer.pid) has taken its place")
                return leave()
            }
            store.keepStart(before)
        } catch {
            log.error("\(error)")
        }
        log.warning("\(reason): this process serves again")
        note(.takenBack, HandOverReport(moved: 0, kept: UInt64(pool.connectionCount)), 0, reason)
        role = .serving
        drainTimer?.cancel()
        drainTimer = nil
        drainIsOver = false
        pool.cancelDrain()
        if !everythingIsReleased {
            reopenMissingListeners()
            reopenAdmin()
        }
        pool.startAccepting(sockets)
        serveAdmin()
        showLive()
        stats.listenerGauges[.total_listeners_draining].set(0)
        clusterManager.resumeHealth()
        clusterManager.refresh()
        endpointDiscovery.resume()
        clusterDiscovery?.resume()
        listenerDiscovery?.resume()
        routeDiscovery.resume()
        do {
            try restartSocket?.activate()
        } catch {
            log.error("\(error); this process cannot be hot restarted")
        }
        actOnKeptTermination()
    }

    func releaseDuplicates(_ names: [String]) {
        if names.isEmpty {
            everythingIsReleased = true
            closeListeners()
            closeAdmin()
            return
        }
        let names = Set(names)
        if names.contains(Self.adminRecordName) { closeAdmin() }
        let released = sockets.filter { names.contains(listeners[$0.listener]?.name ?? "") }
        guard !released.isEmpty else { return }
        sockets.removeAll { names.contains(listeners[$0.listener]?.name ?? "") }
        // Nobody else has accepted from them since: who waits in the queue is served here.
        pool.startAccepting(released)
        pool.stopAccepting(listeners: released.map(\.listener), closing: true) {
            for group in released { for member in group.members { _ = cl_close(member.descriptor) } }
        }
    }

    /// The child stops on purpose: nothing will come back, so this process only lets its connections finish.
    func childLeft() {
        guard role == .standby else { return }
        log.info("hot restart: the process that took over stops; this one only finishes its connections")
        leave()
    }

    func terminateStandby() {
        guard role == .standby else { return }
        log.info("hot restart: told to exit by the process that took over")
        leave()
    }

    func handOverAborted(_ reason: String) {
        log.warning("hot restart did not happen: \(reason); this process goes on serving")
        stats.hotRestart[.aborted].increment()
        note(.aborted, HandOverReport(moved: 0, kept: UInt64(pool.connectionCount)), 0, reason)
        actOnKeptTermination()
    }

    func parentSessionEnded() {
        parentSession = nil
        if role == .serving { watchRestartSocket() }
    }
}
