import CLinux
import Glibc
import ProxyConfig

/// Access logs: an entry for each request (or connection of a TCP proxy) of a listener that has loggers, from its first
/// byte to its line.
extension Worker {
    // MARK: Begin

    /// Takes an entry, or -1 when there is no room for one: then there is no line.
    @inline(never)
    func beginLog(_ c: ConnectionPointer, _ logs: UnsafeMutablePointer<ListenerLogs>, startNs: UInt64) -> Int32 {
        let slot = accessLog.entries.take()
        guard slot >= 0 else {
            accessLog.cells.counters[.write_dropped].increment()
            return -1
        }
        let entry = accessLog.entries[slot]
        entry.pointee.reset(names: logs.pointee.nameCount, startNs: startNs, startWallNs: startNs &+ wallOffset())
        if logs.pointee.needs.contains(.local) { noteLocal(c, &entry.pointee.local) }
        if logs.pointee.periodNs > 0 { beginPeriods(entry, logs) }
        return slot
    }

    func noteLocal(_ c: ConnectionPointer, _ local: inout cl_address) {
        if c.pointee.addresses >= 0 {
            local = addresses[c.pointee.addresses].pointee.local.socketAddress
        } else {
            _ = cl_local_address(c.pointee.fd, &local)
        }
    }

    /// CLOCK_REALTIME less CLOCK_MONOTONIC, looked at once a turn of the loop.
    private func wallOffset() -> UInt64 {
        let known = accessLog.state
        if known.pointee.offsetOfNs != state.pointee.nowNs {
            known.pointee.wallOffsetNs = cl_realtime_ns() &- cl_monotonic_ns()
            known.pointee.offsetOfNs = state.pointee.nowNs
        }
        return known.pointee.wallOffsetNs
    }

    /// The loggers of the listener of a connection, which has some.
    func logs(of c: ConnectionPointer) -> UnsafeMutablePointer<ListenerLogs>? {
        snapshot.listeners[Int(c.pointee.listener)].log
    }

    // MARK: End

    /// A request is over: its line, or lines.
    @inline(never)
    func finishLog(_ s: StreamPointer) {
        let c = connections[s.pointee.downstream]
        if state.pointee.keptIDStream == s { state.pointee.keptIDStream = nil }
        finishLog(s.pointee.log, c, facts(s, c), .downstreamEnd)
        s.pointee.log = -1
    }

    /// What is known of a request that has an entry, as of now.
    func facts(_ s: StreamPointer, _ c: ConnectionPointer) -> LogFacts {
        let flags = s.pointee.flags
        var facts = facts(of: c)
        facts.status = s.pointee.status
        facts.isHTTP10 = flags.contains(.http10) && snapshot.listeners[Int(c.pointee.listener)].acceptHTTP10
        switch accessLog.entries[s.pointee.log].pointee.details {
        // To Envoy an upgrade goes on, and the others were read no further.
        case .upgradeFailed, .lowVersion: break
        case .missingHost: facts.requestEndNs = s.pointee.startNs
        default:
            if flags.contains(.requestEnded), s.pointee.method != .connect {
                facts.requestEndNs = max(s.pointee.requestEndNs, s.pointee.startNs)
            }
        }
        facts.isHealthCheck = flags.contains(.healthCheck)
        if flags.contains(.responseEnded) { facts.responseEndNs = state.pointee.nowNs }
        return facts
    }

    func facts(of c: ConnectionPointer) -> LogFacts {
        var facts = LogFacts()
        facts.endNs = state.pointee.nowNs
        facts.remote = c.pointee.remote
        facts.direct = c.pointee.addresses >= 0 ? addresses[c.pointee.addresses].pointee.direct : c.pointee.remote
        facts.connectionID = c.pointee.id
        facts.random = random()
        return facts
    }

    /// A connection that has an entry is over.
    @inline(never)
    func finishLog(connection c: ConnectionPointer) {
        var facts = facts(of: c)
        let isTunnel = snapshot.listeners[Int(c.pointee.listener)].kind == .tunnelDownstream
        if let logs = logs(of: c), logs.pointee.connectionProgramCount > 0 {
            facts.isHTTP = !isTunnel && speaksHTTP(c)
            // As in Envoy: it has got none.
            if c.pointee.kind == .awaitingHeader { facts.connectionID = 0 }
            writeLines(
                logs.pointee.connectionPrograms, logs.pointee.connectionProgramCount, c.pointee.log, facts, .notSet)
        }
        facts.isHTTP = false
        if isTunnel, c.pointee.kind != .awaitingHeader { writeLines(c.pointee.log, c, facts, .tcpConnectionEnd) }
        dropLog(c.pointee.log)
        c.pointee.log = -1
    }

    /// A client is gone before its request's head was complete.
    @inline(never)
    func logUnfinishedHead(_ c: ConnectionPointer) {
        guard let logs = logs(of: c), logs.pointee.logsRequests else { return }
        let slot = beginLog(c, logs, startNs: c.pointee.deadlineNs)
        guard slot >= 0 else { return }
        noteDisconnect(accessLog.entries[slot], c)
        finishLog(slot, c, facts(of: c), .downstreamEnd)
    }

    private func finishLog(_ slot: Int32, _ c: ConnectionPointer, _ facts: LogFacts, _ type: LogType) {
        writeLines(slot, c, facts, type)
        dropLog(slot)
    }

    /// Those of an entry, which goes on.
    func writeLines(_ slot: Int32, _ c: ConnectionPointer, _ facts: LogFacts, _ type: LogType) {
        guard let logs = logs(of: c) else { return }
        writeLines(logs.pointee.programs, logs.pointee.programCount, slot, facts, type)
    }

    func writeLines(
        _ programs: UnsafeMutablePointer<LogProgram>, _ count: Int, _ slot: Int32, _ facts: LogFacts, _ type: LogType
    ) {
        let entry = accessLog.entries[slot]
        var facts = facts
        facts.type = type
        for i in 0..<count {
            let program = programs + i
            if let filter = program.pointee.filter, !filter.pointee.passes(entry, facts) { continue }
            accessLog.line.write(program, entry, facts)
            accessLog.append(to: program.pointee.sink, nowNs: state.pointee.nowNs)
        }
    }

    /// Frees an entry without a line: another process has it.
    func dropLog(_ slot: Int32) {
        guard slot >= 0 else { return }
        accessLog.entries[slot].pointee.values.rest()
        accessLog.entries.give(slot)
    }

    // MARK: What happens to a request

    @inline(__always)
    func note(_ s: StreamPointer, _ details: LogDetails, _ flags: LogFlags = []) {
        if s.pointee.log < 0 { return }
        let entry = accessLog.entries[s.pointee.log]
        entry.pointee.details = details
        entry.pointee.flags.formUnion(flags)
    }

    func noteFlags(_ s: StreamPointer, _ flags: LogFlags) {
        if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.flags.formUnion(flags) }
    }

    func noteDisconnect(_ entry: UnsafeMutablePointer<LogEntry>, _ c: ConnectionPointer) {
        let isRemote = c.pointee.flags.contains(.remoteClosed)
        entry.pointee.details = isRemote ? .downstreamRemoteDisconnect : .downstreamLocalDisconnect
        entry.pointee.flags.insert(.downstreamTermination)
    }

    func noteFailure(_ s: StreamPointer, _ failure: UpstreamFailure, responseStarted: Bool) {
        if s.pointee.log < 0 { return }
        note(s, LogDetails(failure, responseStarted: responseStarted), LogFlags(failure))
        let entry = accessLog.entries[s.pointee.log]
        switch failure {
        case .connectFailure(let code): entry.pointee.connectError = code
        // No host was asked.
        case .overflow: entry.pointee.upstream.length = 0
        default: break
        }
    }

    /// A message that is no request that could be served.
    func noteRefusal(_ s: StreamPointer, _ c: ConnectionPointer, _ details: LogDetails) {
        if c.pointee.log >= 0 { noteRefusal(ofConnection: c, details) }
        if s.pointee.log < 0 { return }
        switch details {
        case .missingHost:
            note(s, details)
            captureRaw(s, c, requestHead)
        case .requestHeaderTimeout, .requestOverallTimeout, .overload: note(s, details)
        case .streamIdleTimeout: note(s, details, .streamIdle)
        default: note(s, details, .downstreamProtocol)
        }
    }

    /// No route is for it. Envoy looks for none where the target is no path.
    @inline(never)
    func noteNoRoute(_ s: StreamPointer, _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) {
        let target = head.pointee.base + Int(head.pointee.target)
        let first = head.pointee.targetLength > 0 ? target.pointee : UInt8(ascii: "/")
        if s.pointee.method != .connect, first != UInt8(ascii: "/"), first != UInt8(ascii: "?") {
            note(s, .absolutePathRejected)
            return captureRaw(s, c, head)
        }
        note(s, .routeNotFound, .noRoute)
        captureUnrouted(s, c, head)
    }

    /// The route is known.
    @inline(never)
    func noteRoute(_ s: StreamPointer, _ c: ConnectionPointer, _ route: CompiledRoute) {
        guard let logs = logs(of: c) else { return }
        let entry = accessLog.entries[s.pointee.log]
        if logs.pointee.route >= 0, route.name.count > 0 {
            entry.pointee.values.set(Int(logs.pointee.route), route.name.start, route.name.count)
        }
        if route.cluster >= 0 {
            entry.pointee.attempts = 1
            noteCluster(entry, logs, Int(route.cluster))
        }
    }

    func noteCluster(
        _ entry: UnsafeMutablePointer<LogEntry>, _ logs: UnsafeMutablePointer<ListenerLogs>, _ cluster: Int
    ) {
        guard logs.pointee.cluster >= 0 else { return }
        let name = snapshot.clusters[cluster].name
        entry.pointee.values.set(Int(logs.pointee.cluster), name.start, name.count)
    }

    @inline(never)
    func noteVirtualCluster(_ s: StreamPointer, _ c: ConnectionPointer, _ name: Bytes) {
        guard let logs = logs(of: c), logs.pointee.virtualCluster >= 0 else { return }
        accessLog.entries[s.pointee.log].pointee.values.set(Int(logs.pointee.virtualCluster), name.start, name.count)
    }

    /// The host that a request goes to.
    func noteHost(_ s: StreamPointer) {
        accessLog.entries[s.pointee.log].pointee.upstream = hosts[s.pointee.host].pointee.address
    }

    /// The request has its upstream connection.
    @inline(never)
    func noteConnected(_ log: Int32, _ c: ConnectionPointer, _ u: ConnectionPointer) {
        let entry = accessLog.entries[log]
        entry.pointee.state.insert(.isConnected)
        guard let logs = logs(of: c), logs.pointee.needs.contains(.upstreamLocal) else { return }
        _ = cl_local_address(u.pointee.fd, &entry.pointee.upstreamLocal)
    }

    /// The response has begun; its head stands in `out` from `start` on.
    @inline(never)
    func noteResponse(_ s: StreamPointer, _ d: ConnectionPointer, from start: Int) {
        let entry = accessLog.entries[s.pointee.log]
        entry.pointee.details = .viaUpstream
        if entry.pointee.firstResponseNs == 0 { entry.pointee.firstResponseNs = state.pointee.nowNs }
        captureResponse(s, d, from: start)
    }

    // MARK: Tunnels

    /// A connection of a TCP proxy is about to be connected to a host.
    func noteAttempt(_ c: ConnectionPointer, _ cluster: Int, _ pool: UnsafeMutablePointer<HostPool>) {
        guard let logs = logs(of: c) else { return }
        let entry = accessLog.entries[c.pointee.log]
        entry.pointee.attempts = c.pointee.requests
        entry.pointee.upstream = pool.pointee.address
        noteCluster(entry, logs, cluster)
    }

    /// There is no host that it could be connected to.
    func noteNoHost(_ c: ConnectionPointer, _ cluster: Int, _ flag: LogFlags) {
        guard let logs = logs(of: c) else { return }
        let entry = accessLog.entries[c.pointee.log]
        entry.pointee.flags.insert(flag)
        noteCluster(entry, logs, cluster)
    }

    func noteConnectFailure(_ c: ConnectionPointer, _ code: Int32) {
        let entry = accessLog.entries[c.pointee.log]
        entry.pointee.flags.insert(.connectionFailure)
        entry.pointee.connectError = code == ETIMEDOUT ? 0 : code
    }

    func noteAttemptsExceeded(_ c: ConnectionPointer, _ cluster: Int) {
        let entry = accessLog.entries[c.pointee.log]
        if let logs = logs(of: c) { noteCluster(entry, logs, cluster) }
        if entry.pointee.flags.contains(.connectionFailure) { entry.pointee.flags.insert(.retryLimit) }
    }

    /// A connection for which its filter chain had no token: Envoy shows it so.
    @inline(never)
    func noteRateLimited(_ c: ConnectionPointer) {
        accessLog.entries[c.pointee.log].pointee.flags.insert(.retryLimit)
    }

    /// Counts bytes that came from `c`, one end of a tunnel.
    @inline(never)
    func logTunnelBytes(_ c: ConnectionPointer, _ count: Int) {
        let isDownstream = c.pointee.kind == .tunnelDownstream
        let log = tunnelLog(c)
        guard log >= 0 else { return }
        if isDownstream {
            accessLog.entries[log].pointee.bytesReceived &+= UInt64(count)
        } else {
            accessLog.entries[log].pointee.bytesSent &+= UInt64(count)
        }
    }

    /// The entry of the tunnel that `c` is one end of, -1: none.
    private func tunnelLog(_ c: ConnectionPointer) -> Int32 {
        if c.pointee.stream >= 0 { return streams[c.pointee.stream].pointee.log }
        if c.pointee.kind == .tunnelDownstream { return c.pointee.log }
        return c.pointee.peer >= 0 ? connections[c.pointee.peer].pointee.log : -1
    }

    /// The host of a tunnel has broken the connection.
    func noteTunnelReset(_ u: ConnectionPointer) {
        let log = tunnelLog(u)
        guard log >= 0 else { return }
        let entry = accessLog.entries[log]
        if u.pointee.flags.contains(.upgraded) {
            entry.pointee.details = .afterConnectionTermination
            entry.pointee.flags.insert(.connectionTermination)
        } else {
            entry.pointee.flags.insert(.upstreamReset)
        }
    }

    /// An upgraded connection ends; what has ended it may be noted already.
    func noteUpgradeEnds(_ s: StreamPointer, _ d: ConnectionPointer) {
        let entry = accessLog.entries[s.pointee.log]
        guard entry.pointee.flags.isEmpty else { return }
        let up = s.pointee.upstream
        let hostEnded = up >= 0 && connections[up].pointee.flags.contains(.remoteClosed)
        if d.pointee.flags.contains(.remoteClosed) || !hostEnded { noteDisconnect(entry, d) }
    }
}
