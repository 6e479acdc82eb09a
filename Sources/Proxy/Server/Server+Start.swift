import CLinux
import Glibc
import HotRestart
import ProxyConfig
import SharedMemory
import Stats

/// From a built process to a serving one.
extension Server: RestartChildOwner {
    // MARK: - Cold

    /// - Parameter patienceMs: how long a predecessor that is just ending may still hold the addresses.
    func startCold(patienceMs: UInt64 = 0) throws {
        // They stand if a take-over was tried before.
        pool.dropConnections()
        pool.resumeParked()
        waitForHosts()
        if endsBeforeServing { return }
        let end = cl_monotonic_ns() + patienceMs * 1_000_000
        while true {
            do {
                try openListeners(inherited: [])
                break
            } catch {
                guard cl_monotonic_ns() < end else { throw error }
                usleep(5000)
            }
        }
        try openAdmin(inherited: nil)
        try openRestartSocket()
        let before = store.totals()
        if let region = claim.region { try region.commitSlot() }
        store.keepStart(before)
        beginSending(before)
        serve()
        makeClusterStats()
        log.info("epoch \(epoch) serves \(describeListeners())")
    }

    private func openRestartSocket() throws(StartupError) {
        guard let region = claim.region, let path = claim.socketPath else { return }
        do {
            restartSocket = try RestartSocket.listen(path: path, mode: options.socketMode)
        } catch {
            region.forgetSocketPath()
            if options.requireHotRestart {
                throw StartupError("\(error); --require-hot-restart forbids to start without it")
            }
            log.warning("\(error); this process starts on its own and cannot be hot restarted")
        }
    }

    // MARK: - Taking over

    /// Takes the place of a running process, or throws: then that process goes on as if nothing had happened.
    func takeOver(from parent: SlotInfo) throws {
        let started = cl_monotonic_ns()
        let channel: RestartChannel
        do {
            channel = try RestartSocket.connect(path: parent.socketPath, deadlineNs: started + 5_000_000_000)
        } catch {
            // It may have been told to end meanwhile: then there is nothing to take over.
            if hasGone(parent), let other = successor(), other.committed > parent.committed {
                log.info("pid \(parent.pid) has ended, pid \(other.pid) serves in its place; taking over from that one")
                return try takeOver(from: other)
            }
            if hasGone(parent), mayStartCold {
                log.info("pid \(parent.pid) (epoch \(parent.epoch)) has ended before it could be asked; starting cold")
                return try startCold(patienceMs: 5000)
            }
            throw StartupError(
                "base id \(claim.baseID) is served by pid \(parent.pid) (epoch \(parent.epoch)), but it cannot be asked "
                    + "to hand over: \(error)")
        }
        let wanted: UInt64? = if case .number(let n) = options.restartEpoch { UInt64(n) } else { nil }
        // Checks need some for themselves, or healthy hosts would seem to fail.
        let free = DescriptorBudget.free()
        let spare = free - min(clusterManager.checkedHosts, free / 2)
        let hello = Hello(
            version: ProductVersion.text, epochWanted: wanted, pid: UInt64(getpid()),
            freeDescriptors: spare, capabilities: capabilities, baseID: UInt64(claim.baseID),
            generation: claim.region?.header.generation ?? 0)
        let child = RestartChild(channel, hello: hello, limits: limits, loop: loop, log: log, owner: self)
        childSession = child
        predecessor = parent.committed
        try child.begin()
        // The session has a time limit for each of its steps.
        _ = loop.run(until: { role != .starting || takeOverError != nil }, limitMs: 120_000)
        if endsBeforeServing { return }
        if let failed = takeOverError {
            // Closed without an answer: a process that was just stopping when it was asked.
            guard endedUnasked, waitUntilGone(parent) else { throw failed }
            takeOverError = nil
            childSession = nil
            endedUnasked = false
            // Its standby serves in its place: then that one is asked.
            if let other = successor(), other.committed > parent.committed {
                log.info("pid \(parent.pid) has died, pid \(other.pid) serves in its place; taking over from that one")
                return try takeOver(from: other)
            }
            guard mayStartCold else { throw failed }
            log.info("pid \(parent.pid) (epoch \(parent.epoch)) ended instead of handing over; starting cold")
            return try startCold(patienceMs: 5000)
        }
        // It may have been told to end as soon as it served.
        guard role == .serving || role == .leaving else { throw StartupError("the hot restart did not come to an end") }
        let ms = Double(cl_monotonic_ns() - started) / 1_000_000
        log.info(
            "epoch \(epoch) took over from pid \(parent.pid) (epoch \(parent.epoch)) in "
                + "\((ms * 10).rounded() / 10) ms and serves \(describeListeners())")
    }

    /// Whether the process of that slot has ended, or is ending and will not serve again.
    private func hasGone(_ parent: SlotInfo) -> Bool {
        guard let now = claim.region?.slotInfo(again: parent), now.isLive, now.incarnation == parent.incarnation else {
            return true
        }
        return now.role == .draining
    }

    private func waitUntilGone(_ parent: SlotInfo) -> Bool {
        let end = cl_monotonic_ns() + 1_000_000_000
        while !hasGone(parent), cl_monotonic_ns() < end { usleep(2000) }
        return hasGone(parent)
    }

    /// Who serves now. A standby gets a moment to find out that it must.
    private func successor() -> SlotInfo? {
        guard let region = claim.region else { return nil }
        let end = cl_monotonic_ns() + 2_000_000_000
        while true {
            let live = region.liveSlots()
            if let serving = live.first(where: { $0.role == .serving && $0.committed > 0 }) { return serving }
            guard live.contains(where: { $0.role == .standby }), cl_monotonic_ns() < end else { return nil }
            usleep(2000)
        }
    }

    private var mayStartCold: Bool {
        if case .number(let n) = options.restartEpoch, n > 0 { return options.skipHotRestartOnNoParent }
        return true
    }

    /// Another child may have been first in the queue: what counts is who answers now.
    func welcomed(_ welcome: Welcome) {
        hotRestartGeneration = welcome.hotRestartGeneration &+ 1
        claim.epoch = UInt32(truncatingIfNeeded: welcome.epoch) &+ 1
        claim.firstStartNs = welcome.startTimeNs
        claim.region?.setEpoch(claim.epoch)
        CrashReport.describe(claim)
        if let slot = claim.region?.liveSlot(pid: UInt32(truncatingIfNeeded: welcome.pid)) {
            predecessor = slot.committed
            claim.parent = slot
        }
    }

    func isProvenDead(pid: UInt64) -> Bool {
        // The kernel frees the lock of its slot with the process.
        claim.region.map { $0.liveSlot(pid: UInt32(truncatingIfNeeded: pid)) == nil } ?? false
    }

    func reported(_ report: HandOverReport) {
        stats.gauges[.parent_connections].set(report.kept)
        lastHotRestart = LastHotRestart(
            result: .tookOver, pid: childSession?.parentPID ?? 0, atSeconds: cl_realtime_ns() / 1_000_000_000,
            report: report, text: report.text)
    }

    func adopt(_ listeners: [ReceivedListener]) -> String? {
        do {
            if let socket = listeners.first(where: { $0.record.kind == .restartSocket }), let path = claim.socketPath {
                restartSocket = RestartSocket(adopting: socket.descriptor, path: path)
            }
            let offered = listeners.filter { $0.record.kind == .listener }
            try openListeners(inherited: offered)
            notAdopted = Set(offered.filter { $0.descriptor.raw >= 0 }.map(\.record.name))
            let inheritedAdmin = listeners.first { $0.record.kind == .admin }
            try openAdmin(inherited: inheritedAdmin)
            if let inheritedAdmin, inheritedAdmin.descriptor.raw >= 0 { notAdopted.insert(Self.adminRecordName) }
            return nil
        } catch {
            takeOverError = error
            return error.description
        }
    }

    func storeCommitted() -> CommitOutcome {
        do {
            guard let first = try claim.region?.commitSlot(after: predecessor) else {
                pool.countAdopted()
                return .stored
            }
            return .refused("pid \(first.pid) (epoch \(first.epoch)) serves in its place already")
        } catch {
            log.error("\(error)")
            return .failed
        }
    }

    func startServing() {
        do {
            try restartSocket?.activate()
        } catch {
            log.error("\(error); this process cannot be hot restarted")
        }
        pool.activateConnections()
        serve()
        // Not before: connections were waiting.
        store.keepStart(totalsAtStart)
        beginSending(totalsAtStart)
        totalsAtStart = nil
        makeClusterStats()
        openMoreMembers()
        // Nobody would ever accept what is not in this configuration.
        if !notAdopted.isEmpty { childSession?.release(notAdopted.sorted()) }
        loop.after(ms: UInt64(options.parentShutdownSeconds) * 1000) { [weak self] in
            self?.childSession?.terminateParent()
        }
    }

    func takeOverFailed(_ failure: ChildSession.Failure) {
        switch failure {
        case .closed, .parentDied: endedUnasked = sockets.isEmpty
        default: break
        }
        if takeOverError == nil { takeOverError = StartupError("\(failure)") }
    }

    func standbyLost(_ reason: String) {
        log.info("hot restart: \(reason)")
        childSession = nil
        stats.gauges[.parent_connections].set(0)
        if role == .leaving { stopListening() }
    }

    // MARK: - Serving

    /// Accepts from everything there is.
    private func serve() {
        role = .serving
        claim.region?.setRole(.serving)
        // Before anything is accepted.
        overload?.start()
        pool.startAccepting(sockets)
        clusterManager.startHealth()
        serveAdmin()
        watchRestartSocket()
        showLive()
        stats.gauges[.hot_restart_epoch].set(UInt64(epoch))
        stats.gauges[.hot_restart_generation].set(hotRestartGeneration)
        stats.gauges[.concurrency].set(UInt64(concurrency))
        stats.listenerGauges[.workers_started].set(1)
        stats.listenerGauges[.total_listeners_active].set(UInt64(activeListeners))
        stats.listeners[.listener_added].add(UInt64(bootstrap.listeners.count))
        stats.listeners[.listener_create_success].add(UInt64(activeListeners * concurrency))
        stats.clusters[.cluster_added].add(UInt64(bootstrap.clusters.count))
        stats.clusterGauges[.active_clusters].set(UInt64(bootstrap.clusters.count))
        loop.after(ms: 0) { [weak self] in
            self?.whenServing?()
            self?.whenServing = nil
        }
        stats.histograms[.initialization_time_ms].record((cl_monotonic_ns() - startNs) / 1_000_000)
    }

    func watchRestartSocket() {
        guard let restartSocket, parentSession == nil else { return }
        do {
            try loop.watch(restartSocket.descriptor, Epoll.input) { [weak self] _ in self?.childAsks() }
        } catch {
            log.error("hot restart: \(error); this process cannot be hot restarted")
        }
    }
}
