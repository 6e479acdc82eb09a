import CLinux
import Glibc
import HotRestart
import Stats

/// Stopping: SIGTERM, drains, the end.
extension Server {
    /// How long an idle connection may still send a request that is answered with `Connection: close`.
    private static let idleGraceMs: UInt64 = 200

    /// SIGTERM or SIGINT: the first lets what is in progress finish, the second ends the process.
    func terminate(_ what: String) {
        switch role {
        case .starting:
            // Nothing is served yet: a parent that was asked goes on.
            log.info("\(what): exiting before having served")
            endsBeforeServing = true
            childSession?.fail("it was told to exit (\(what))")
            role = .leaving
            loop.stop()
        case .serving:
            if let parentSession, parentSession.isUndecided {
                if terminationIsKept { return terminateNow() }
                terminationIsKept = true
                log.info("\(what) during a hot restart: kept until it is done")
                return
            }
            log.info("\(what): shutting down; \(pool.connectionCount) connections")
            role = .leaving
            state = .draining
            startDrainClock()
            restartSocket.map { loop.unwatch($0.descriptor) }
            // The standby closes its duplicates first, so that no client waits in a queue that nobody serves.
            if let childSession, childSession.hasStandby { childSession.leave() } else { stopListening() }
        case .standby:
            if let parentSession, parentSession.isFateUnknown {
                if terminationIsKept { return terminateNow() }
                terminationIsKept = true
                log.info("\(what) while the fate of the process that took over is being found out: kept until then")
                return
            }
            log.info("\(what): exiting; \(pool.connectionCount) connections finish first")
            parentSession?.leave()
            leave()
        case .leaving:
            log.info("\(what) again: exiting at once")
            terminateNow()
        }
    }

    func mayLeave() {
        childSession = nil
        if role == .leaving { stopListening() }
    }

    /// Stops accepting and lets connections finish.
    func stopListening() {
        // The standby's last answer and its end may both say so.
        guard !hasStoppedListening else { return }
        hasStoppedListening = true
        stats.gauges[.live].set(0)
        claim.region?.setRole(.draining)
        restartSocket.map { loop.unwatch($0.descriptor) }
        restartSocket?.removeFile()
        restartSocket?.close()
        restartSocket = nil
        pool.stopAccepting(listeners: nil, closing: true) { [weak self] in
            guard let self else { return }
            self.removeUnixListeners()
            self.closeListeners()
            self.finish()
        }
    }

    /// A standby that will not serve again: its duplicates go, its connections finish.
    func leave() {
        role = .leaving
        state = .draining
        claim.region?.setRole(.draining)
        closeListeners()
        closeAdmin()
        if let restartSocket { loop.unwatch(restartSocket.descriptor) }
        restartSocket?.close()
        restartSocket = nil
        finish()
    }

    private func finish() {
        pool.drain(drainIsOver ? .close : .finish(graceMs: Self.idleGraceMs))
        startDrainClock()
        pool.whenEmpty { [weak self] in
            guard let self else { return }
            self.log.info("exiting: all connections have finished")
            self.terminateNow()
        }
    }

    /// The drain time runs from the first of: handing over, SIGTERM.
    func startDrainClock() {
        guard drainTimer == nil, !drainIsOver else { return }
        drainTimer = loop.after(ms: UInt64(options.drainSeconds) * 1000) { [weak self] in
            guard let self else { return }
            self.drainTimer = nil
            self.drainIsOver = true
            self.log.info("drain time is over: \(self.pool.connectionCount) connections are closed")
            // A standby stays for its child, without connections.
            if self.role == .leaving { self.terminateNow() } else { self.pool.drain(.close) }
        }
    }

    func terminateNow() {
        if role == .serving {
            // Without a drain: /quitquitquit, or a second SIGTERM.
            parentSession?.cancel("the serving process is told to exit at once")
            childSession?.leave()
            // A child past COMMIT serves on these paths.
            if parentSession == nil {
                removeUnixListeners()
                restartSocket?.removeFile()
            }
        }
        stats.gauges[.live].set(0)
        role = .leaving
        closeAdmin()
        loop.stop()
    }

    private func removeUnixListeners() {
        for group in sockets {
            if case .pipe(let path)? = listeners[group.listener]?.address, !path.hasPrefix("@") { unlink(path) }
        }
    }

    /// `POST /drain_listeners`.
    func drainListeners(graceful: Bool, skipExit: Bool) {
        guard role == .serving else { return }
        if let parentSession, parentSession.isUndecided {
            parentSession.cancel("the serving process drains its listeners")
            guard self.parentSession == nil else { return }
        }
        state = .draining
        pool.drain(
            options.drainStrategy == .immediate
                ? .immediate : .gradual(overMs: UInt64(options.drainSeconds) * 1000))
        guard !skipExit else { return }
        let stop: () -> Void = { [weak self] in
            guard let self, self.role == .serving else { return }
            // The standby closes its duplicates first; `released` goes on.
            if let childSession = self.childSession, childSession.hasStandby {
                childSession.release([])
            } else {
                self.released([])
            }
        }
        if graceful { loop.after(ms: UInt64(options.drainSeconds) * 1000, stop) } else { stop() }
    }

    /// The standby has no listener any more that this process wanted gone everywhere.
    func released(_ names: [String]) {
        guard names.isEmpty, role == .serving else { return }
        pool.stopAccepting(listeners: nil, closing: true) { [weak self] in
            self?.removeUnixListeners()
            self?.closeListeners()
        }
    }
}
