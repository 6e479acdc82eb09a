import CLinux
import Glibc

/// The listening sockets that a worker accepts from. Changed by commands only.
final class ListeningSet {
    struct Entry {
        var descriptor: Int32
        var listener: Int
        var exclusive: Bool
    }
    /// Positions are what epoll reports; a removed one stays empty.
    var entries: [Entry?] = []
    /// Positions of the empty ones.
    var free: [Int] = []
}

/// Accepting connections.
extension Worker {
    func listen(listener: Int, descriptor: Int32, exclusive: Bool) {
        let entry = ListeningSet.Entry(descriptor: descriptor, listener: listener, exclusive: exclusive)
        if let free = listening.free.popLast() {
            listening.entries[free] = entry
            register(free, entry)
        } else {
            listening.entries.append(entry)
            register(listening.entries.count - 1, entry)
        }
    }

    private func register(_ position: Int, _ entry: ListeningSet.Entry) {
        // Those that rest are watched later.
        if state.pointee.acceptPausedUntilNs != 0 || state.pointee.overload.stopsAccepting { return }
        let mask = Epoll.input | (entry.exclusive ? Epoll.exclusive : 0)
        let rc = cl_epoll_add(epoll, entry.descriptor, mask, Self.listenerToken | UInt64(position))
        if rc < 0, rc != -EEXIST { hooks.log("worker \(index): cannot watch a listener: \(SystemError.text(-rc))") }
    }

    func unlisten(_ listeners: [Int]?, closing: Bool) {
        let listeners = listeners.map { Set($0) }
        for (position, entry) in listening.entries.enumerated() {
            guard let entry, listeners?.contains(entry.listener) ?? true else { continue }
            _ = cl_epoll_del(epoll, entry.descriptor)
            listening.entries[position] = nil
            listening.free.append(position)
            if closing { while acceptOne(entry) {} }
        }
    }

    /// Accepts what waits, a bounded number at a time: the listener is level-triggered, so nothing is forgotten.
    ///
    /// Never inlined: each turn of the loop would begin with this array's exclusivity check.
    @inline(never)
    func acceptReady(_ position: Int32) {
        guard Int(position) < listening.entries.count, let entry = listening.entries[Int(position)] else { return }
        for _ in 0..<32 where !acceptOne(entry) { return }
    }

    /// Accepts the next connection; false when none waits or there is no room for it.
    private func acceptOne(_ entry: ListeningSet.Entry) -> Bool {
        var address = cl_address()
        let fd = SystemShortage.accept(entry.descriptor, &address)
        if fd < 0 {
            switch -fd {
            // That one connection is gone; others may wait.
            case ECONNABORTED: return true
            case let code where SystemShortage.isShortage(code): pauseAccepting(code)
            default: break
            }
            return false
        }
        if state.pointee.acceptFails {
            state.pointee.acceptFails = false
            hooks.log("worker \(index): accepting goes on")
        }
        accepted(fd, &address, entry.listener)
        return true
    }

    /// No descriptor or memory left: the listeners rest for a moment instead of spinning.
    private func pauseAccepting(_ code: Int32) {
        // Once, however often it is tried: a shortage may last.
        if !state.pointee.acceptFails {
            state.pointee.acceptFails = true
            hooks.log("worker \(index): accepting pauses, it is tried again every 100 ms: \(SystemError.text(code))")
        }
        unwatchListeners()
        state.pointee.acceptPausedUntilNs = state.pointee.nowNs &+ 100_000_000
    }

    func resumeAccepting() {
        state.pointee.acceptPausedUntilNs = 0
        watchListeners()
    }

    func unwatchListeners() {
        for entry in listening.entries { if let entry { _ = cl_epoll_del(epoll, entry.descriptor) } }
    }

    func watchListeners() {
        for (position, entry) in listening.entries.enumerated() { if let entry { register(position, entry) } }
    }

    private func accepted(_ fd: Int32, _ address: inout cl_address, _ listener: Int) {
        open.add(worker: index, listener: listener, 1)
        if limitsConnections(listener), refusesConnection(listener) {
            open.add(worker: index, listener: listener, .max)
            _ = cl_close(fd)
            return
        }
        let peer = PeerAddress(&address)
        let restored = snapshot.listeners[listener].restoresDestination ? restoredAddresses(fd, peer) : nil
        let listener = restored.map { handOff(listener, $0) } ?? listener
        var place = Int32(listener)
        if let chains = snapshot.listeners[listener].chains, snapshot.listeners[listener].headerRules.isEmpty {
            place = chooseChain(chains, listener: listener, fd, remote: peer, named: restored)
            if place < 0 {
                logNoChain(listener: listener, fd, peer, restored)
                open.add(worker: index, listener: listener, .max)
                _ = cl_close(fd)
                return
            }
        }
        let slot = connections.take()
        let stats = listenerStats + listener
        guard slot >= 0 else {
            open.add(worker: index, listener: listener, .max)
            _ = cl_close(fd)
            stats.pointee.listener[.downstream_cx_overflow].increment()
            return
        }
        let compiled = snapshot.listeners + Int(place)
        let c = connections[slot]
        let generation = c.pointee.generation
        c.pointee = Connection()
        c.pointee.generation = generation
        c.pointee.fd = fd
        c.pointee.kind = compiled.pointee.kind
        c.pointee.listener = place
        c.pointee.createdNs = state.pointee.nowNs
        c.pointee.lastActivityNs = state.pointee.nowNs
        c.pointee.bufferLimit = compiled.pointee.bufferLimit
        c.pointee.remote = peer
        if let restored { keepRestored(c, restored) }
        c.pointee.id = state.pointee.connectionID
        state.pointee.connectionID &+= state.pointee.connectionStride
        cl_owner_add(downstreams, 1)
        if compiled.pointee.headerRules.isEmpty {
            beginConnection(slot, c, compiled)
        } else {
            awaitHeader(slot, c)
        }
        let rc = cl_epoll_add(epoll, fd, Epoll.connection, UInt64(generation) << 32 | UInt64(UInt32(bitPattern: slot)))
        if rc < 0 {
            hooks.log("worker \(index): cannot watch a connection: \(SystemError.text(-rc))")
            return close(slot, c)
        }
        if c.pointee.kind != .downstreamHTTP { startOther(slot, c) }
    }

    /// Counts a connection that the filter chain gets, and begins its log.
    func beginConnection(_ slot: Int32, _ c: ConnectionPointer, _ compiled: UnsafeMutablePointer<CompiledListener>) {
        let stats = listenerStats + Int(c.pointee.listener)
        stats.pointee.listener[.downstream_cx_total].increment()
        stats.pointee.listenerGauges[.downstream_cx_active].add(1)
        stats.pointee.worker[.downstream_cx_total].increment()
        stats.pointee.workerGauges[.downstream_cx_active].add(1)
        if compiled.pointee.logsConnections { beginConnectionLog(c) }
        if compiled.pointee.isGuarded { passGuards(c, compiled) }
        if compiled.pointee.isHTTP {
            stats.pointee.http[.downstream_cx_total].increment()
            stats.pointee.httpGauges[.downstream_cx_active].add(1)
            // One too many speaks no protocol.
            if c.pointee.flags.contains(.overLimit) { return }
            stats.pointee.http[.downstream_cx_http1_total].increment()
            stats.pointee.httpGauges[.downstream_cx_http1_active].add(1)
            armIdle(slot, c)
        } else {
            stats.pointee.tcp[.downstream_cx_total].increment()
            if let logs = compiled.pointee.log, c.pointee.log < 0 {
                c.pointee.log = beginLog(c, logs, startNs: state.pointee.nowNs)
            }
            if c.pointee.log >= 0, c.pointee.flags.contains(.rateLimited) { noteRateLimited(c) }
            if c.pointee.log >= 0 { logStart(c) }
        }
    }
}
