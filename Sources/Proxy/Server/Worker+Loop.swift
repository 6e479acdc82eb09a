import CLinux
import Glibc

/// A connection under a handler's hands. Its memory stays valid for the whole turn of the loop, also after it was closed.
typealias ConnectionPointer = UnsafeMutablePointer<Connection>
typealias StreamPointer = UnsafeMutablePointer<Stream>

/// The loop: wait, dispatch events, run the ready list, fire timers, free what was closed.
extension Worker {
    func run() {
        while state.pointee.running { turn() }
        closeEverything()
        accessLog.flush(byTimer: false)
    }

    private func turn() {
        // Of commands that ran after the last turn.
        if outbox.pointee.count > 0 { sendOutbox() }
        let isWaiting = state.pointee.readyCount == 0 && (!state.pointee.hasResting || state.pointee.restUntilNs != 0)
        let timeout = isWaiting ? nextTimeoutMs() : 0
        let count = cl_epoll_wait(epoll, events, Int32(Self.eventCapacity), timeout)
        state.pointee.nowNs = cl_monotonic_ns()
        if count > 0 {
            var i = 0
            while i < Int(count) {
                let batch = min(Int(count) &- i, Inbox.batch)
                receiveAhead(events + i, batch)
                for j in 0..<batch {
                    dispatch(cl_event_data(events + i + j), cl_event_mask(events + i + j), j)
                    if outbox.pointee.count >= outbox.pointee.due { sendOutbox() }
                }
                i &+= batch
            }
        }
        if state.pointee.readyCount > 0 { runReadyList() }
        fireTimers()
        if outbox.pointee.count > 0 { sendOutbox() }
        if state.pointee.hasResting, state.pointee.nowNs >= state.pointee.restUntilNs { settleResting() }
        if state.pointee.freedCount > 0 { reuseFreed() }
        if state.pointee.hasLogs { flushOldLines() }
        // Going on, it may have been told to stand again.
        while state.pointee.parks { park() }
    }

    private func nextTimeoutMs() -> Int32 {
        var timeout = wheel.timeoutMs(nowNs: state.pointee.nowNs)
        let paused = state.pointee.acceptPausedUntilNs
        if paused != 0 { timeout = sooner(timeout, paused) }
        let rest = state.pointee.restUntilNs
        if rest != 0 { timeout = sooner(timeout, rest) }
        if state.pointee.hasLogs {
            let flush = accessLog.state.pointee.deadlineNs
            if flush != 0 { timeout = sooner(timeout, flush) }
            let period = state.pointee.periodNs
            if period != 0 { timeout = sooner(timeout, period) }
        }
        return timeout
    }

    private func sooner(_ timeoutMs: Int32, _ deadlineNs: UInt64) -> Int32 {
        let now = state.pointee.nowNs
        let left = deadlineNs > now ? Int32(clamping: (deadlineNs - now) / 1_000_000 + 1) : 0
        return timeoutMs < 0 ? left : min(timeoutMs, left)
    }

    private func flushOldLines() {
        let period = state.pointee.periodNs
        if period != 0, state.pointee.nowNs >= period { logPeriods() }
        let deadline = accessLog.state.pointee.deadlineNs
        if deadline != 0, state.pointee.nowNs >= deadline { accessLog.flush(byTimer: true) }
    }

    @inline(__always)
    private func dispatch(_ data: UInt64, _ mask: UInt32, _ index: Int) {
        let generation = UInt32(truncatingIfNeeded: data >> 32)
        let slot = Int32(truncatingIfNeeded: data & 0xFFFF_FFFF)
        if generation >= 0xFFFF_FFFE {
            if generation == 0xFFFF_FFFF { runCommands() } else { acceptReady(slot) }
            return
        }
        let c = connections[slot]
        // A stale event: the slot was closed, or closed and taken again, since it was reported.
        if c.pointee.generation != generation || c.pointee.kind == .free { return }
        let ahead = inbox.pointee.counts[index]
        if ahead != Inbox.none { return useAhead(slot, c, index, ahead) }
        handle(slot, c, mask)
    }

    /// One epoll event of a connection. Output first: it makes room for what reading brings.
    @inline(never)
    private func handle(_ slot: Int32, _ c: ConnectionPointer, _ mask: UInt32) {
        let generation = c.pointee.generation
        if mask & (Epoll.peerClosed | Epoll.broken) != 0 {
            c.pointee.flags.insert(.peerClosing)
        }
        if c.pointee.flags.contains(.connecting) {
            if mask & (Epoll.output | Epoll.broken) != 0 {
                connectFinished(slot, c)
            }
            if c.pointee.generation != generation || c.pointee.kind == .free { return }
            if c.pointee.flags.contains(.connecting) { return }
        } else if mask & Epoll.output != 0, !c.pointee.output.isEmpty {
            flushOutput(slot, c)
            if c.pointee.generation != generation || c.pointee.kind == .free { return }
        }
        if mask & Epoll.readable != 0 { readable(slot, c) }
    }

    /// Reads a connection as far as its kind and back-pressure allow.
    func readable(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.readPaused) {
            c.pointee.flags.insert(.readPending)
            if c.pointee.flags.isSuperset(of: [.spare, .peerClosing]) { return connectionBroke(slot, c) }
            // A reset is noticed at once, even when nobody reads.
            if c.pointee.flags.contains(.peerClosing), cl_socket_error(c.pointee.fd) != 0 { connectionBroke(slot, c) }
            return
        }
        if c.pointee.flags.contains(.lingering) { return drainLingering(slot, c) }
        switch c.pointee.kind {
        case .downstreamHTTP: readDownstream(slot, c)
        case .upstreamHTTP: readUpstream(slot, c)
        case .tunnelDownstream, .tunnelUpstream: readTunnel(slot, c)
        case .awaitingHeader: readHeader(slot, c)
        case .echo: readEcho(slot, c)
        // Is lingering, or has nothing to be read.
        case .leaving, .mirror, .free: break
        }
    }

    // MARK: Ready list

    /// Asks for a connection to be read (or its left-over input to be used) later in this turn.
    func makeReady(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.onReadyList) || c.pointee.kind == .free { return }
        c.pointee.flags.insert(.onReadyList)
        ready[state.pointee.readyCount] = ReadyEntry(slot: slot, generation: c.pointee.generation)
        state.pointee.readyCount += 1
    }

    @inline(never)
    private func runReadyList() {
        var i = 0
        // What is added meanwhile runs in this turn too, but not for ever: the rest waits for the next one.
        let limit = state.pointee.readyCount * 4 + 64
        while i < state.pointee.readyCount, i < limit {
            let entry = ready[i]
            i += 1
            let c = connections[entry.slot]
            if c.pointee.generation != entry.generation || c.pointee.kind == .free { continue }
            c.pointee.flags.remove(.onReadyList)
            resume(entry.slot, c)
        }
        let rest = state.pointee.readyCount - i
        if rest > 0 { memmove(ready, ready + i, rest * MemoryLayout<ReadyEntry>.stride) }
        state.pointee.readyCount = rest
    }

    /// Goes on with a connection that was paused or has left-over input.
    private func resume(_ slot: Int32, _ c: ConnectionPointer) {
        if c.pointee.flags.contains(.lingering) { return drainLingering(slot, c) }
        switch c.pointee.kind {
        case .downstreamHTTP: resumeDownstream(slot, c)
        case .upstreamHTTP: readUpstream(slot, c)
        case .tunnelDownstream, .tunnelUpstream: readTunnel(slot, c)
        case .awaitingHeader: readHeader(slot, c)
        case .echo: readEcho(slot, c)
        // Is lingering, or has nothing to be read.
        case .leaving, .mirror, .free: break
        }
    }

    // MARK: Timers

    @inline(__always)
    func arm(_ slot: Int32, deadlineNs: UInt64) {
        let slab = connections
        wheel.arm(slot, deadlineNs: deadlineNs) { Self.link(slab[$0]) }
    }

    func disarm(_ slot: Int32) {
        let slab = connections
        wheel.remove(slot) { Self.link(slab[$0]) }
    }

    @inline(__always)
    private static func link(_ c: ConnectionPointer) -> UnsafeMutablePointer<TimerWheel.Link> {
        UnsafeMutableRawPointer(c).advanced(by: MemoryLayout<Connection>.offset(of: \.timer) ?? 0)
            .assumingMemoryBound(to: TimerWheel.Link.self)
    }

    @inline(__always)
    private func fireTimers() {
        let now = state.pointee.nowNs
        if !wheel.passesQuietly(nowNs: now) { fireDue(now) }
        let paused = state.pointee.acceptPausedUntilNs
        if paused != 0, now >= paused { resumeAccepting() }
    }

    @inline(never)
    private func fireDue(_ now: UInt64) {
        let slab = connections
        while true {
            let slot = wheel.pop(nowNs: now) { Self.link(slab[$0]) }
            if slot < 0 { break }
            let c = connections[slot]
            if c.pointee.kind != .free { timerFired(slot, c) }
        }
    }

    // MARK: Slots

    /// Slots closed in this turn become free only now: an event of this turn may still name them.
    @inline(never)
    private func reuseFreed() {
        let count = state.pointee.freedCount
        // Not given back yet, so that nobody has taken them; what closes meanwhile comes behind, and has its turn in the next one.
        for i in 0..<count {
            let host = connections[freed[i]].pointee.host
            if host >= 0, hosts[host].pointee.pendingHead >= 0 { connectForPending(host, hosts[host]) }
        }
        for i in 0..<count { connections.give(freed[i]) }
        let rest = state.pointee.freedCount - count
        if rest > 0 { memmove(freed, freed + count, rest * MemoryLayout<Int32>.stride) }
        state.pointee.freedCount = rest
    }

    // MARK: Commands

    @inline(never)
    func runCommands() {
        repeat {
            state.pointee.wasHeld = false
            for command in mailbox.take() { execute(command) }
            // What was posted while this worker waited comes before any request.
        } while state.pointee.wasHeld
    }

    func execute(_ command: WorkerCommand) {
        // About to stand still: what comes behind waits until then.
        if state.pointee.parks { return parking.deferred.append(command) }
        switch command {
        case .listen(let listener, let descriptor, let exclusive):
            listen(listener: listener, descriptor: descriptor, exclusive: exclusive)
        case .unlisten(let listeners, let closing, let done):
            unlisten(listeners, closing: closing)
            done()
        case .hosts(let cluster, let hosts, let selection): replaceHosts(cluster: cluster, hosts, selection)
        case .select(let cluster, let selection): selectHosts(cluster: cluster, selection)
        case .hostFailed(let cluster, let address, let closesTunnels):
            hostFailed(cluster: cluster, address, closesTunnels: closesTunnels)
        case .cleanOriginalHosts(let cluster, let done): done(cleanOriginalHosts(cluster: cluster))
        case .drain(let drain): startDrain(drain)
        case .failHealthCheck(let fails): state.pointee.healthCheckFailed = fails
        case .overload(let word): setOverload(OverloadState(word: word))
        case .flushLogs(let done):
            accessLog.flush(byTimer: false)
            done()
        case .cancelDrain: cancelDrain()
        case .closeRows(let rows): closeConnections(ofRows: rows)
        case .statusCell(let key, let cell): rareStatus.resolve(key, cell.counter)
        case .park(let parked): requestPark(parked)
        case .hold(let gate, let arrived):
            arrived()
            gate.wait()
            state.pointee.wasHeld = true
            state.pointee.nowNs = cl_monotonic_ns()
        // Only a parked worker is told so.
        case .whileParked, .resume: break
        case .stop: state.pointee.running = false
        }
    }
}
