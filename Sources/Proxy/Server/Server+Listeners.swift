import CLinux
import Glibc
import HotRestart
import ProxyConfig

/// The listening sockets: opened, inherited, offered to a child.
extension Server {
    /// Flag of a listener record: its sockets are a SO_REUSEPORT group.
    private static let groupFlag: UInt32 = 1
    /// What the admin listener's record is called: no listener of a configuration is.
    static let adminRecordName = "envoyd:admin"

    var listenersByPosition: [(position: Int, listener: Listener)] {
        listeners.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Takes the inherited sockets of the same addresses and opens the others. All or nothing.
    func openListeners(inherited: [ReceivedListener]) throws(StartupError) {
        var lines: [String] = []
        let byAddress = Dictionary(grouping: inherited) { $0.record.address }
        for (position, listener) in listenersByPosition where listener.bindsToPort {
            let sameAddress = byAddress[ListenSocket.text(listener.address)] ?? []
            let members = sameAddress.filter { isSame($0.record, listener) }
            do throws(ListenError) {
                if !members.isEmpty {
                    sockets.append(try adopted(members, listener, position: position))
                    continue
                }
                sockets.append(
                    try ListenSocket.open(listener, position: position, concurrency: concurrency, probe: true))
            } catch {
                stats.listeners[.listener_create_failure].increment()
                lines.append("\(listener.location): \(error)\(Self.hint(listener, inherited))")
            }
        }
        guard lines.isEmpty else {
            closeListeners()
            throw StartupError(lines: lines)
        }
    }

    /// The usual reason for a port that the parent itself holds.
    private static func hint(_ listener: Listener, _ inherited: [ReceivedListener]) -> String {
        guard case .socket(_, let port) = listener.address,
            let other = inherited.first(where: { $0.record.address.hasSuffix(":\(port)") })
        else { return "" }
        return "; the running process has this port at \(other.record.address): a hot restart cannot change the bind "
            + "address of a port, stop the running process first"
    }

    /// Of the same address, which says it all, but for port 0: there may be several such listeners, each with another port.
    private func isSame(_ record: ListenerRecord, _ listener: Listener) -> Bool {
        if case .socket(_, 0) = listener.address { return record.name == listener.name }
        return true
    }

    /// Every socket of a group goes on being accepted from, however many workers there are now.
    private func adopted(
        _ members: [ReceivedListener], _ listener: Listener, position: Int
    ) throws(ListenError) -> ListenerSockets {
        for member in members {
            for state in [SocketOption.State.prebind, .bound, .listening] {
                try ListenSocket.apply(listener, member.descriptor.raw, state)
            }
        }
        let isGroup = members.count > 1 || members.contains { $0.record.worker != nil }
        return ListenerSockets(
            listener: position,
            members: members.enumerated().map { i, member in
                .init(descriptor: member.descriptor.take(), worker: isGroup ? i % concurrency : nil)
            })
    }

    /// After COMMIT: workers without a member of an inherited group get one of their own.
    func openMoreMembers() {
        for i in sockets.indices where sockets[i].members.allSatisfy({ $0.worker != nil }) {
            guard let listener = listeners[sockets[i].listener] else { continue }
            guard listener.reusePort, let first = sockets[i].members.first,
                let address = SocketAddress.local(of: first.descriptor)
            else { continue }
            var added: [ListenerSockets.Member] = []
            for worker in sockets[i].members.count..<max(concurrency, sockets[i].members.count) {
                do {
                    let fd = try ListenSocket.openMember(listener, address: address)
                    added.append(.init(descriptor: fd, worker: worker))
                } catch {
                    log.warning("\(error); worker \(worker) accepts nothing on it")
                }
            }
            guard !added.isEmpty else { continue }
            sockets[i].members += added
            pool.startAccepting([ListenerSockets(listener: sockets[i].listener, members: added)])
        }
    }

    /// After a take-back: what was released to the child is opened anew, as far as it can be.
    func reopenMissingListeners() {
        let open = Set(sockets.map(\.listener))
        for (position, listener) in listenersByPosition
        where listener.bindsToPort && !open.contains(position) {
            do {
                sockets.append(
                    try ListenSocket.open(listener, position: position, concurrency: concurrency, probe: true))
            } catch {
                log.error("\(error); it stays closed")
            }
        }
    }

    /// What a child is offered: every listener, the restart socket, the admin listener.
    func offer() -> [OfferedListener] {
        var offered: [OfferedListener] = []
        for group in sockets {
            guard let listener = listeners[group.listener] else { continue }
            for member in group.members {
                offered.append(
                    OfferedListener(
                        record: ListenerRecord(
                            kind: .listener, name: listener.name, address: ListenSocket.text(listener.address),
                            worker: member.worker.map { UInt32($0) }, flags: member.worker == nil ? 0 : Self.groupFlag),
                        descriptor: member.descriptor))
            }
        }
        if let restartSocket {
            offered.append(
                OfferedListener(
                    record: ListenerRecord(kind: .restartSocket, name: "", address: restartSocket.path),
                    descriptor: restartSocket.descriptor))
        }
        if let adminSocket, let configured = bootstrap.admin {
            offered.append(
                OfferedListener(
                    record: ListenerRecord(
                        kind: .admin, name: Self.adminRecordName, address: ListenSocket.text(configured.address)),
                    descriptor: adminSocket))
        }
        return offered
    }

    func closeListeners() {
        for group in sockets { for member in group.members { _ = cl_close(member.descriptor) } }
        sockets = []
        stats.listenerGauges[.total_listeners_active].set(0)
    }

    func describeListeners() -> String {
        sockets.isEmpty
            ? "no listener"
            : openListeners.map { listener in
                "\(listener.name) on \(listener.addresses.map(SocketAddress.text).first ?? "?")"
            }.joined(separator: ", ")
    }

    /// The listeners that are open, with the addresses they are bound to, or would be if they had sockets.
    var openListeners: [(name: String, addresses: [cl_address])] {
        let open = sockets.map { group in
            let bound = group.members.first.flatMap { SocketAddress.local(of: $0.descriptor) }
            return (listeners[group.listener]?.name ?? "", bound.map { [$0] } ?? [])
        }
        let unbound = listenersByPosition.map(\.listener).filter { !$0.bindsToPort }
        if unbound.isEmpty || sockets.isEmpty { return open }
        return open + unbound.map { ($0.name, SocketAddress.make($0.address).map { [$0] } ?? []) }
    }

    /// How many listeners there are, with sockets or without.
    var activeListeners: Int { sockets.count + listeners.values.count { !$0.bindsToPort } }
}
