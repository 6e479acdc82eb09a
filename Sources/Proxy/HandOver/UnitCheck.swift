/// Whether a unit from another process can be served here: it comes from another build, or from a hostile one, so nothing
/// in it is believed that the workers rely on.
enum UnitCheck {
    static let maxBuffer = 64 << 20
    static let maxPreviousRoutes = 1 << 20

    /// Why it cannot be served, nil if it can.
    static func problem(of unit: IncomingUnit, maxInput: Int, snapshot: Snapshot) -> String? {
        if let d = unit.downstream {
            if unit.listener == Snapshot.noChain {
                return "no filter chain of its listener takes it in the new configuration"
            }
            if unit.listener < 0 { return "its listener is not in the new configuration" }
            if let problem = problem(of: d, maxInput: maxInput) { return problem }
            if let problem = downstreamProblem(d, unit, snapshot) { return problem }
        } else if unit.upstream == nil {
            return broken
        }
        if let u = unit.upstream {
            if let problem = problem(of: u, maxInput: maxInput) { return problem }
            if unit.cluster < 0 { return noCluster }
            if let problem = upstreamProblem(u, unit) ?? proxyProblem(u, unit, snapshot) { return problem }
        }
        if let s = unit.stream { return streamProblem(s, unit) }
        return nil
    }

    private static let otherProtocol = "its listener speaks another protocol in the new configuration"
    private static let broken = "its record contradicts itself"
    private static let noCluster = "its cluster is not in the new configuration, as too many others"

    private static func problem(of c: ConnectionRecord, maxInput: Int) -> String? {
        if c.flags & ~Connection.Flags.known != 0 { return "its record has flags that this version does not know" }
        if c.input.count > maxInput { return "it has more unread bytes than the new configuration takes" }
        if c.output.count > maxBuffer { return "it has too many unsent bytes" }
        let decoder = c.decoder
        if decoder.lineBytes > BodyDecoder.maxTrailers || decoder.digits > 64 { return broken }
        return nil
    }

    private static func downstreamProblem(
        _ d: ConnectionRecord, _ unit: IncomingUnit, _ snapshot: Snapshot
    ) -> String? {
        let flags = Connection.Flags(rawValue: d.flags)
        let isHTTP = snapshot.listeners[Int(unit.listener)].isHTTP
        let isTunnel = snapshot.listeners[Int(unit.listener)].kind == .tunnelDownstream
        switch ConnectionRecord.kind(d.kind) {
        case .downstreamHTTP:
            guard isHTTP else { return otherProtocol }
            guard !flags.contains(.upgraded), unit.stream != nil || unit.upstream == nil else { return broken }
            if flags.contains(.inBody), unit.stream == nil || d.decoder.isDone { return broken }
            if let up = unit.upstream, ConnectionRecord.kind(up.kind) != .upstreamHTTP {
                // A CONNECT that ends here, while its host is asked.
                let flags = Connection.Flags(rawValue: up.flags)
                guard let s = unit.stream, Stream.Flags(rawValue: s.flags).contains(.connectTerminates),
                    ConnectionRecord.kind(up.kind) == .tunnelUpstream, flags.isSuperset(of: [.connecting, .upgraded])
                else { return broken }
            }
        case .tunnelDownstream:
            let upgraded = flags.contains(.upgraded)
            guard upgraded ? isHTTP : isTunnel else { return otherProtocol }
            guard let up = unit.upstream, ConnectionRecord.kind(up.kind) == .tunnelUpstream,
                Connection.Flags(rawValue: up.flags).contains(.upgraded) == upgraded, (unit.stream != nil) == upgraded
            else { return broken }
        case .awaitingHeader:
            guard unit.stream == nil, unit.upstream == nil, d.output.count == 0, d.input.count <= ProxyHeader.longest,
                flags.isDisjoint(with: [.inBody, .headStarted, .upgraded])
            else { return broken }
            if snapshot.listeners[Int(unit.listener)].headerRules.isEmpty {
                return "its listener takes no PROXY headers in the new configuration"
            }
        case .echo:
            guard snapshot.listeners[Int(unit.listener)].kind == .echo else { return otherProtocol }
            guard unit.stream == nil, unit.upstream == nil,
                flags.isDisjoint(with: [.inBody, .headStarted, .upgraded, .lingering, .closeAfterFlush])
            else { return broken }
        default: return broken
        }
        return flags.isDisjoint(with: [.pooled, .connecting, .proxied]) ? nil : broken
    }

    /// One that rests or is being made serves where connections begin as it does, or was to.
    private static func proxyProblem(_ u: ConnectionRecord, _ unit: IncomingUnit, _ snapshot: Snapshot) -> String? {
        let flags = Connection.Flags(rawValue: u.flags)
        if flags.contains(.proxied), !u.hasAddresses { return broken }
        guard !flags.isDisjoint(with: [.pooled, .connecting]) else { return nil }
        let isByClient = snapshot.clusters[Int(unit.cluster)].proxyVersion != nil
        if flags.contains(.proxied) == isByClient { return nil }
        return "its cluster's connections begin otherwise in the new configuration"
    }

    private static func upstreamProblem(_ u: ConnectionRecord, _ unit: IncomingUnit) -> String? {
        let flags = Connection.Flags(rawValue: u.flags)
        switch ConnectionRecord.kind(u.kind) {
        case .upstreamHTTP:
            if unit.stream == nil {
                // At rest, or on its way to be.
                guard unit.downstream == nil, flags.contains(.pooled) != flags.contains(.connecting) else {
                    return broken
                }
            } else if !flags.isDisjoint(with: [.pooled, .connecting]) {
                return broken
            }
            if flags.contains(.inBody), unit.stream == nil || u.decoder.isDone { return broken }
        case .tunnelUpstream:
            guard unit.downstream != nil, !flags.contains(.pooled) else { return broken }
        default: return broken
        }
        return nil
    }

    private static let maxCookies = 64 << 10

    /// Whole fields `set-cookie`, one after the other: they become a part of a head as they are.
    static func areCookies(_ bytes: RecordBytes) -> Bool {
        guard var line = bytes.start, bytes.count <= maxCookies else { return false }
        let name = Bytes("set-cookie: ")
        let end = line + bytes.count
        while line < end {
            guard name.isPrefix(of: line, end - line) else { return false }
            line += name.count
            while line < end, line.pointee >= 0x20, line.pointee != 0x7F { line += 1 }
            guard Bytes("\r\n").isPrefix(of: line, end - line) else { return false }
            line += 2
        }
        return true
    }

    /// One that waits for a filter has nothing but its head, and its body is not read unless it waits for that.
    private static func heldProblem(
        _ s: StreamRecord, _ filter: FilterRecord, _ d: ConnectionRecord, _ unit: IncomingUnit
    ) -> String? {
        let flags = Stream.Flags(rawValue: s.flags)
        if s.buffer.count > maxBuffer { return "it has too many unsent bytes" }
        guard unit.upstream == nil, unit.cluster < 0, ConnectionRecord.kind(d.kind) == .downstreamHTTP,
            Connection.Flags(rawValue: d.flags).contains(.inBody) == (filter.mostBody > 0), s.buffer.count > 0,
            s.retry == nil,
            flags.contains(.changesResponse) == (s.changes.count > 0), filter.passedChanges <= s.changes.count,
            flags.contains(.requestEnded) || !d.decoder.isDone,
            flags.isDisjoint(with: [.responseStarted, .pending, .retains, .countsRequest, .upgrade, .requestChunked])
        else { return broken }
        if flags.contains(.gathered) {
            guard filter.bodyStart > 0, filter.bodyStart <= s.buffer.count else { return broken }
        } else if filter.bodyStart > 0 || filter.mostBody > 0 {
            return broken
        }
        // It ends with its body, or it would wait for ever.
        if filter.mostBody > UInt64(UInt32.max) { return broken }
        if filter.mostBody > 0, flags.contains(.requestEnded) || d.decoder.isDone { return broken }
        return nil
    }

    private static func streamProblem(_ s: StreamRecord, _ unit: IncomingUnit) -> String? {
        let flags = Stream.Flags(rawValue: s.flags)
        if s.flags & ~Stream.Flags.known != 0 { return "its record has flags that this version does not know" }
        guard let d = unit.downstream, Method(rawValue: s.method) != nil else { return broken }
        if flags.contains(.filtered) != (s.filter != nil) { return broken }
        if flags.contains(.redirects) != (s.redirect != nil) { return broken }
        if let redirect = s.redirect, redirect.previous.count > maxPreviousRoutes { return broken }
        if let filter = s.filter, filter.untilNs > 0 { return heldProblem(s, filter, d, unit) }
        if flags.contains(.gathered) { return broken }
        if unit.cluster < 0 { return noCluster }
        if s.buffer.count > maxBuffer { return "it has too many unsent bytes" }
        if flags.contains(.changesResponse) != (s.changes.count > 0) { return broken }
        if flags.contains(.retains), s.retry == nil { return broken }
        if s.cookies.count > 0, !areCookies(s.cookies) { return broken }
        // It waits to be sent again, or for a connection, or has one.
        if flags.contains(.retains), let retry = s.retry, retry.againNs > 0 {
            guard unit.upstream == nil, !flags.contains(.pending) else { return broken }
        } else {
            guard flags.contains(.pending) == (unit.upstream == nil) else { return broken }
        }
        return nil
    }
}
