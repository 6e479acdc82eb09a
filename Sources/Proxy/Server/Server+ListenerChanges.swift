import CLinux
import Glibc
import HotRestart
import ProxyConfig

/// What becomes of listening sockets when listeners change.
struct SocketChange {
    /// All listeners that there are then, by position.
    var listeners: [Int: Listener]
    /// Nothing is accepted from them yet.
    var opened: [ListenerSockets] = []
    /// Of listeners that go or have another address: others have theirs.
    var moved: [(from: Int, to: Int)] = []
    var closed: [Int] = []
}

/// Listeners that come, change and go while this process serves.
extension Server: ListenerSocketOwner {
    var listenerChanges: ListenerChanges {
        if role == .starting || parentSession?.isUndecided == true { return .later }
        return role == .serving && state != .draining ? .now : .never
    }

    func prepare(
        _ changes: [(position: Int, listener: Listener)], gone: [Int]
    ) throws(DiscoveryProblem) -> SocketChange {
        var change = SocketChange(listeners: listeners)
        for position in gone { change.listeners[position] = nil }
        for (position, listener) in changes { change.listeners[position] = listener }
        // What no listener has any more under its position.
        var left = Set(gone.filter { has($0) })
        var wanted: [(position: Int, listener: Listener)] = []
        for (position, listener) in changes {
            let isSame = listeners[position].map { $0.address == listener.address } ?? false
            if isSame, listener.bindsToPort, has(position) {
                try apply(listener, position)
                continue
            }
            if has(position) { left.insert(position) }
            if listener.bindsToPort { wanted.append((position, listener)) }
        }
        for (position, listener) in wanted {
            if let from = left.first(where: { self.isSame(listeners[$0], listener) }) {
                left.remove(from)
                change.moved.append((from, position))
                continue
            }
            do throws(ListenError) {
                change.opened.append(
                    try ListenSocket.open(listener, position: position, concurrency: concurrency, probe: true))
            } catch {
                for group in change.opened { for member in group.members { _ = cl_close(member.descriptor) } }
                throw DiscoveryProblem(reason: "\(error)", location: listener.location)
            }
        }
        change.closed = left.sorted()
        return change
    }

    private func has(_ position: Int) -> Bool { sockets.contains { $0.listener == position } }

    private func isSame(_ old: Listener?, _ new: Listener) -> Bool {
        if case .socket(_, 0) = new.address { return false }
        return old?.address == new.address
    }

    /// Socket options, which may be others now.
    private func apply(_ listener: Listener, _ position: Int) throws(DiscoveryProblem) {
        guard listeners[position]?.ownDigest != listener.ownDigest else { return }
        do throws(ListenError) {
            for member in sockets.filter({ $0.listener == position }).flatMap(\.members) {
                for state in [SocketOption.State.prebind, .bound, .listening] {
                    try ListenSocket.apply(listener, member.descriptor, state)
                }
            }
        } catch {
            throw DiscoveryProblem(reason: "\(error)", location: listener.location)
        }
    }

    func apply(_ change: SocketChange) {
        let released = (change.moved.map(\.from) + change.closed).compactMap { listeners[$0]?.name }
        let closed = take(change.closed)
        let moved = change.moved.map { (groups: take([$0.from]), to: $0.to) }
        let paths = Set(change.listeners.values.map(\.address))
        for position in change.closed {
            if case .pipe(let path)? = listeners[position]?.address, !path.hasPrefix("@"),
                !paths.contains(.pipe(path: path))
            {
                unlink(path)
            }
        }
        listeners = change.listeners
        if !closed.isEmpty {
            pool.stopAccepting(listeners: change.closed, closing: true) {
                for member in closed.flatMap(\.members) { _ = cl_close(member.descriptor) }
            }
        }
        for (groups, to) in moved {
            pool.stopAccepting(listeners: Array(Set(groups.map(\.listener))), closing: false) {}
            let groups = groups.map { ListenerSockets(listener: to, members: $0.members) }
            sockets += groups
            pool.startAccepting(groups)
        }
        sockets += change.opened
        pool.startAccepting(change.opened)
        // The standby has duplicates, in whose queues clients would wait.
        if !released.isEmpty, let childSession, childSession.hasStandby { childSession.release(released) }
        stats.listenerGauges[.total_listeners_active].set(UInt64(activeListeners))
    }

    private func take(_ positions: [Int]) -> [ListenerSockets] {
        let taken = sockets.filter { positions.contains($0.listener) }
        sockets.removeAll { positions.contains($0.listener) }
        return taken
    }
}
