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
            // The standby closes its duplicates first, so that no client waits in a queue that nobody serves.
            if let childSession, childSession.hasStandby { childSession.leave() } else { stopListening() }
        case .standby:
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
        stats.live.set(0)
        claim.region?.setRole(.draining)
        restartSocket.map { loop.unwatch($0.descriptor) }
        restartSocket?.removeFile()
        restartSocket?.close()
        restartSocket = nil
        pool.stopAccepting { [weak self] in
            guard let self else { return }
            self.removeUnixListeners()
            self.closeListeners()
            self.finish()
        }
    }

    /// A standby that will not serve again: its duplicates go, its connections finish.
    func leave() {
        role = .leaving
        claim.region?.setRole(.draining)
        closeListeners()
        closeAdmin()
        if let restartSocket { loop.unwatch(restartSocket.descriptor) }
        restartSocket?.close()
        restartSocket = nil
        finish()
    }

    private func finish() {
        pool.drain(.finish(graceMs: Self.idleGraceMs))
        startDrainClock()
        pool.whenEmpty { [weak self] in
            guard let self else { return }
            self.log.info("exiting: all connections have finished")
            self.terminateNow()
        }
    }

    /// The drain time runs from the first of: handing over, SIGTERM.
    func startDrainClock() {
        guard drainTimer == nil else { return }
        drainTimer = loop.after(ms: UInt64(options.drainSeconds) * 1000) { [weak self] in
            guard let self else { return }
            // A standby stays for its child; what is left of its connections ends here.
            self.log.info("drain time is over: \(self.pool.connectionCount) connections are closed")
            if self.role == .leaving { self.terminateNow() } else { self.pool.drain(.finish(graceMs: 0)) }
        }
    }

    func terminateNow() {
        if role == .serving {
            // Without a drain: /quitquitquit.
            childSession?.leave()
            removeUnixListeners()
            restartSocket?.removeFile()
        }
        stats.live.set(0)
        role = .leaving
        closeAdmin()
        loop.stop()
    }

    private func removeUnixListeners() {
        for group in sockets {
            if case .pipe(let path) = bootstrap.listeners[group.listener].address, !path.hasPrefix("@") { unlink(path) }
        }
    }

    /// `POST /drain_listeners`.
    func drainListeners(graceful: Bool, skipExit: Bool) {
        guard role == .serving else { return }
        state = .draining
        pool.drain(
            options.drainStrategy == .immediate
                ? .immediate : .gradual(overMs: UInt64(options.drainSeconds) * 1000))
        guard !skipExit else { return }
        let stop: () -> Void = { [weak self] in
            guard let self, self.role == .serving else { return }
            self.childSession?.release([])
            self.pool.stopAccepting { [weak self] in
                self?.removeUnixListeners()
                self?.closeListeners()
            }
        }
        if graceful { loop.after(ms: UInt64(options.drainSeconds) * 1000, stop) } else { stop() }
    }
}
