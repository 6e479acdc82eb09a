import CLinux
import Glibc

/// What a worker does for the overload manager, and where there are too many connections.
extension Worker {
    /// What the main thread has measured.
    func setOverload(_ overload: OverloadState) {
        let stopped = state.pointee.overload.stopsAccepting
        state.pointee.overload = overload
        if overload.stopsAccepting == stopped { return }
        if overload.stopsAccepting { unwatchListeners() } else { watchListeners() }
    }

    /// Whether there is any limit that a new connection of the listener could exceed.
    @inline(__always)
    func limitsConnections(_ listener: Int) -> Bool {
        state.pointee.overload.isAny || snapshot.globalConnectionLimit.value != .max
            || (snapshot.listeners[listener].connectionLimit?.value ?? .max) != .max
    }

    /// Whether a connection that was just accepted, and counted as open, is too many; says why in the stats.
    @inline(never)
    func refusesConnection(_ listener: Int) -> Bool {
        let stats = listenerStats + listener
        let most = snapshot.globalConnectionLimit.value
        let mostHere = snapshot.listeners[listener].connectionLimit?.value ?? .max
        if most != .max || mostHere != .max { cl_fence() }
        if most != .max, open.total > most {
            open.countRefused(worker: index)
            stats.pointee.listener[.downstream_global_cx_overflow].increment()
            return true
        }
        if state.pointee.overload.hits(.rejects, random()) {
            stats.pointee.listener[.downstream_cx_overload_reject].increment()
            return true
        }
        if mostHere != .max, open.count(listener: listener) > mostHere {
            stats.pointee.listener[.downstream_cx_overflow].increment()
            return true
        }
        return false
    }

    /// Answers a request of which only the head was read, if it is one too many.
    @inline(never)
    func refusesRequest(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>
    ) -> Bool {
        guard state.pointee.overload.hits(.requests, random()) else { return false }
        listenerStats[Int(c.pointee.listener)].http[.downstream_rq_overload_close].increment()
        note(s, .overload)
        if s.pointee.log >= 0 { captureRaw(s, c, head) }
        if !head.pointee.keepsAlive { s.pointee.flags.insert([.clientCloses, .closeDownstream]) }
        reply(slot, c, status: 503, body: "envoy overloaded")
        return true
    }

    /// Whether this response is its connection's last.
    @inline(never)
    func endsKeepalive(_ stats: UnsafeMutablePointer<ListenerStats>) -> Bool {
        guard state.pointee.overload.hits(.keepalive, random()) else { return false }
        stats.pointee.http[.downstream_cx_overload_disable_keepalive].increment()
        stats.pointee.http[.downstream_cx_drain_close].increment()
        return true
    }
}
