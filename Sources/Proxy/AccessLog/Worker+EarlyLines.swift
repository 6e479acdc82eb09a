import ProxyConfig

/// Lines of what goes on: `access_log_options`.
extension Worker {
    // MARK: Beginnings

    /// The route of a request is known, for the first time.
    @inline(never)
    func noteRoute(
        _ s: StreamPointer, _ c: ConnectionPointer, _ route: CompiledRoute, _ head: UnsafeMutablePointer<MessageHead>
    ) {
        noteRoute(s, c, route)
        guard let logs = logs(of: c), logs.pointee.logsStart else { return }
        let entry = accessLog.entries[s.pointee.log]
        // The id that the request goes upstream with, when it does.
        state.pointee.keptID = (random(), random())
        state.pointee.keptIDStream = s
        captureUnrouted(s, c, head)
        entry.pointee.attempts = 0
        writeLines(s.pointee.log, c, facts(s, c), .downstreamStart)
        // What the route and filters take away is not to be found in later lines.
        entry.pointee.values.reset(names: logs.pointee.nameCount)
        noteRoute(s, c, route)
    }

    /// A client of a TCP proxy was accepted.
    @inline(never)
    func logStart(_ c: ConnectionPointer) {
        guard let logs = logs(of: c), logs.pointee.logsStart, c.pointee.kind == .tunnelDownstream else { return }
        writeLines(c.pointee.log, c, tunnelFacts(c), .tcpConnectionStart)
    }

    /// A connection of a TCP proxy has its host.
    @inline(never)
    func logConnected(_ c: ConnectionPointer) {
        guard let logs = logs(of: c), logs.pointee.logsConnected else { return }
        writeLines(c.pointee.log, c, tunnelFacts(c), .tcpUpstreamConnected)
    }

    /// A request has become a tunnel.
    @inline(never)
    func logTunnel(_ s: StreamPointer, _ c: ConnectionPointer) {
        guard let logs = logs(of: c), logs.pointee.logsConnected else { return }
        writeLines(s.pointee.log, c, facts(s, c), .downstreamTunnelSuccessfullyEstablished)
    }

    private func tunnelFacts(_ c: ConnectionPointer) -> LogFacts {
        var facts = facts(of: c)
        facts.isHTTP = false
        return facts
    }

    // MARK: Periods

    /// Entries are looked at so often in a period: a line is late by a part of it at most.
    private static let looksPerPeriod: UInt64 = 16

    /// An entry begins, or has come from another process: its lines are due after whole periods.
    func beginPeriods(_ entry: UnsafeMutablePointer<LogEntry>, _ logs: UnsafeMutablePointer<ListenerLogs>) {
        let period = logs.pointee.periodNs
        let (start, now) = (entry.pointee.startNs, state.pointee.nowNs)
        let passed = now > start ? (now &- start) / period : 0
        entry.pointee.nextNs = start &+ (passed &+ 1) &* period
        let step = max(period / Self.looksPerPeriod, 1_000_000)
        state.pointee.periodStepNs = min(state.pointee.periodStepNs, step)
        if state.pointee.periodNs == 0 { state.pointee.periodNs = now &+ state.pointee.periodStepNs }
    }

    /// Writes the lines that are due.
    @inline(never)
    func logPeriods() {
        let now = state.pointee.nowNs
        var isNeeded = false
        for slot in 0..<connections.count {
            let c = connections[slot]
            guard c.pointee.kind == .downstreamHTTP || c.pointee.kind == .tunnelDownstream else { continue }
            let s = c.pointee.stream >= 0 ? streams[c.pointee.stream] : nil
            let log = s?.pointee.log ?? c.pointee.log
            guard log >= 0, accessLog.entries[log].pointee.nextNs > 0 else { continue }
            isNeeded = true
            let entry = accessLog.entries[log]
            guard now >= entry.pointee.nextNs, let logs = logs(of: c) else { continue }
            if let s {
                writeLines(log, c, facts(s, c), .downstreamPeriodic)
            } else {
                writeLines(log, c, tunnelFacts(c), .tcpPeriodic)
            }
            let period = max(logs.pointee.periodNs, 1)
            entry.pointee.nextNs &+= ((now &- entry.pointee.nextNs) / period &+ 1) &* period
        }
        state.pointee.periodNs = isNeeded ? now &+ state.pointee.periodStepNs : 0
    }
}
