import CLinux
import Glibc
import ProxyConfig

/// Writes lines: runs a `LogProgram` over what is known of a request or connection. One for each worker; no I/O.
final class LogLine {
    /// A value on its way into a line.
    enum Value: BitwiseCopyable {
        case missing
        case number(UInt64)
        /// Valid until the next value is made.
        case text(Bytes)
    }

    /// Where a JSON object, list or member began, so that an empty one can be taken back.
    private struct Level: BitwiseCopyable {
        var start = 0
        var isEmpty = true
    }

    private struct Scratch: BitwiseCopyable {
        /// The second of `date`.
        var second: UInt64 = .max
        var dateCount = 0
    }

    /// What was written; the user takes it and clears it.
    let out = OutputScratch(capacity: 4096)
    private let temporary: OutputScratch
    private let levels: UnsafeMutablePointer<Level>
    private let scratch: UnsafeMutablePointer<Scratch>
    /// `2026-11-27T17:35:04` of the last line.
    private let date: UnsafeMutablePointer<UInt8>

    /// The loader allows fewer.
    private static let deepest = 64

    init() {
        temporary = OutputScratch(capacity: 2048)
        levels = .allocate(capacity: Self.deepest)
        levels.initialize(repeating: Level(), count: Self.deepest)
        scratch = .allocate(capacity: 1)
        scratch.initialize(to: Scratch())
        date = .allocate(capacity: 32)
        date.initialize(repeating: 0, count: 32)
    }

    deinit {
        levels.deallocate()
        scratch.deallocate()
        date.deallocate()
    }

    /// Appends the line of a program to `out`.
    func write(_ program: UnsafePointer<LogProgram>, _ entry: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) {
        var depth = 0
        let omitsEmpty = program.pointee.omitsEmpty
        for i in 0..<program.pointee.count {
            let step = program.pointee.steps + i
            switch step.pointee.kind {
            case .literal: out.append(step.pointee.text)
            case .field: write(value(step.pointee.field, entry, facts), step, omitsEmpty, depth)
            case .name: write(named(step, entry), step, omitsEmpty, depth)
            case .status: write(facts.status == 0 ? .missing : .number(UInt64(facts.status)), step, omitsEmpty, depth)
            case .time: write(time(step, entry), step, omitsEmpty, depth)
            case .constant:
                if step.pointee.text.count == 0 {
                    endValue(isMissing: true, omitsEmpty, depth)
                } else {
                    out.append(step.pointee.text)
                    endValue(isMissing: false, omitsEmpty, depth)
                }
            case .beginText: out.append(byte: 0x22)
            case .endText:
                out.append(byte: 0x22)
                endValue(isMissing: false, omitsEmpty, depth)
            case .member: beginMember(step.pointee.text, depth)
            case .beginObject, .beginList:
                depth += 1
                levels[depth] = Level(start: out.count)
                out.append(byte: step.pointee.kind == .beginObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
            case .endObject, .endList:
                let isObject = step.pointee.kind == .endObject
                out.append(byte: isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
                let isMissing = isObject && depth > 1 && levels[depth].isEmpty && omitsEmpty
                depth -= 1
                if depth > 0 { endMember(isMissing: isMissing, omitsEmpty, depth) }
            }
        }
    }

    // MARK: JSON's structure

    private func beginMember(_ key: Bytes, _ depth: Int) {
        levels[depth].start = out.count
        if !levels[depth].isEmpty { out.append(byte: UInt8(ascii: ",")) }
        out.append(key)
    }

    /// What a value is followed by: nothing, unless it is to be left out.
    private func endValue(isMissing: Bool, _ omitsEmpty: Bool, _ depth: Int) {
        if isMissing, !omitsEmpty { out.append("null") }
        endMember(isMissing: isMissing, omitsEmpty, depth)
    }

    private func endMember(isMissing: Bool, _ omitsEmpty: Bool, _ depth: Int) {
        if isMissing, omitsEmpty { return out.truncate(to: levels[depth].start) }
        levels[depth].isEmpty = false
    }

    // MARK: Values

    @inline(__always)
    private func write(
        _ value: Value, _ step: UnsafeMutablePointer<LogProgram.Step>, _ omitsEmpty: Bool, _ depth: Int
    ) {
        switch step.pointee.form {
        case .plain:
            switch value {
            case .missing: if !omitsEmpty { out.append(byte: UInt8(ascii: "-")) }
            case .number(let number): out.append(decimal: number)
            case .text(let text): out.append(text)
            }
        case .fragment:
            switch value {
            case .missing: if !omitsEmpty { out.append(byte: UInt8(ascii: "-")) }
            case .number(let number): out.append(decimal: number)
            case .text(let text): JSONText.append(text.start, text.count, to: out)
            }
        case .typed:
            switch value {
            case .missing: return endValue(isMissing: true, omitsEmpty, depth)
            case .number(let number):
                // Of a header, though it is one.
                if step.pointee.kind == .status { out.append(byte: 0x22) }
                out.append(decimal: number)
                if step.pointee.kind == .status { out.append(byte: 0x22) }
            case .text(let text):
                out.append(byte: 0x22)
                JSONText.append(text.start, text.count, to: out)
                out.append(byte: 0x22)
            }
            endValue(isMissing: false, omitsEmpty, depth)
        }
    }

    private func named(
        _ step: UnsafeMutablePointer<LogProgram.Step>, _ entry: UnsafeMutablePointer<LogEntry>
    ) -> Value {
        guard
            let text = entry.pointee.values.get(Int(step.pointee.a)) ?? entry.pointee.values.get(Int(step.pointee.b))
        else { return .missing }
        return .text(Bytes(text.start, min(text.count, Int(step.pointee.maxLength))))
    }

    private func value(_ field: LogField, _ entry: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) -> Value {
        let e = entry
        switch field {
        case .protocol:
            guard facts.isHTTP else { return .missing }
            return .text(facts.isHTTP10 ? Bytes("HTTP/1.0") : Bytes("HTTP/1.1"))
        case .responseCode: return .number(UInt64(facts.status))
        case .responseCodeDetails: return details(e)
        case .responseFlags: return flags(e.pointee.flags, isLong: false)
        case .responseFlagsLong: return flags(e.pointee.flags, isLong: true)
        case .bytesReceived: return e.pointee.state.contains(.isPartial) ? .missing : .number(e.pointee.bytesReceived)
        case .bytesSent: return e.pointee.state.contains(.isPartial) ? .missing : .number(e.pointee.bytesSent)
        case .duration: return Self.milliseconds(e.pointee.startNs, facts.endNs)
        case .requestDuration: return Self.milliseconds(e.pointee.startNs, facts.requestEndNs)
        case .responseDuration: return Self.milliseconds(e.pointee.startNs, e.pointee.firstResponseNs)
        case .responseTxDuration:
            guard e.pointee.firstResponseNs > 0 else { return .missing }
            return Self.milliseconds(e.pointee.firstResponseNs, facts.responseEndNs)
        case .upstreamRequestAttemptCount: return .number(UInt64(e.pointee.attempts))
        case .connectionID: return .number(facts.connectionID)
        // What would set it (TLS, RBAC) is not in this build.
        case .connectionTerminationDetails: return .missing
        case .accessLogType: return .text(Bytes(facts.type.text))
        case .localReplyBody: return .text(facts.body)
        case .upstreamTransportFailureReason:
            temporary.clear()
            return appendConnectError(e) ? collected : .missing
        // Texts of names, see `LogProgram`.
        case .upstreamCluster, .routeName, .virtualClusterName, .hostname: return .missing
        default: return address(field, e, facts)
        }
    }

    private static func milliseconds(_ start: UInt64, _ end: UInt64) -> Value {
        end == 0 ? .missing : .number(end > start ? (end &- start) / 1_000_000 : 0)
    }

    /// What `temporary` holds.
    private var collected: Value { .text(Bytes(UnsafePointer(temporary.bytes), temporary.count)) }

    private func details(_ entry: UnsafeMutablePointer<LogEntry>) -> Value {
        let details = entry.pointee.details
        if details == .none { return .missing }
        guard details.namesConnectError else { return .text(Bytes(details.text)) }
        temporary.clear()
        temporary.append(details.text)
        let before = temporary.count
        temporary.append(byte: UInt8(ascii: "|"))
        if !appendConnectError(entry) { temporary.truncate(to: before) }
        temporary.append(byte: UInt8(ascii: "}"))
        return collected
    }

    /// As Envoy words it, without blanks.
    private func appendConnectError(_ entry: UnsafeMutablePointer<LogEntry>) -> Bool {
        let code = entry.pointee.connectError
        if code == 0 { return false }
        temporary.append("delayed_connect_error:_")
        let start = temporary.count
        temporary.reserve(128)
        let text = temporary.bytes + start
        let length = text.withMemoryRebound(to: CChar.self, capacity: 128) { buffer -> Int in
            strerror_r(code, buffer, 128) == 0 ? min(strlen(buffer), 127) : 0
        }
        temporary.advance(length)
        for i in 0..<length where text[i] == ASCII.space { text[i] = UInt8(ascii: "_") }
        return true
    }

    private func flags(_ flags: LogFlags, isLong: Bool) -> Value {
        let bits = flags.intersection(.known).rawValue
        if bits == 0 { return .text(Bytes("-")) }
        let names = LogFlagNames.shared
        temporary.clear()
        for i in 0..<names.count where bits & (1 << UInt64(i)) != 0 {
            if temporary.count > 0 { temporary.append(byte: UInt8(ascii: ",")) }
            temporary.append(isLong ? names.long[i] : names.short[i])
        }
        return collected
    }

    // MARK: Addresses

    private func address(_ field: LogField, _ e: UnsafeMutablePointer<LogEntry>, _ facts: LogFacts) -> Value {
        switch field {
        case .upstreamHost: return text(&e.pointee.upstream, port: true)
        case .upstreamRemoteAddress: return connected(e) ? text(&e.pointee.upstream, port: true) : .missing
        case .upstreamRemoteAddressWithoutPort: return connected(e) ? text(&e.pointee.upstream, port: false) : .missing
        case .upstreamRemotePort: return connected(e) ? port(&e.pointee.upstream) : .missing
        case .upstreamLocalAddress: return text(&e.pointee.upstreamLocal, port: true)
        case .upstreamLocalAddressWithoutPort: return text(&e.pointee.upstreamLocal, port: false)
        case .upstreamLocalPort: return port(&e.pointee.upstreamLocal)
        case .downstreamLocalAddress: return text(&e.pointee.local, port: true)
        case .downstreamLocalAddressWithoutPort: return text(&e.pointee.local, port: false)
        case .downstreamLocalPort: return port(&e.pointee.local)
        case .downstreamRemoteAddress: return text(facts.remote, port: true)
        case .downstreamDirectRemoteAddress: return text(facts.direct, port: true)
        case .downstreamRemoteAddressWithoutPort: return text(facts.remote, port: false)
        case .downstreamDirectRemoteAddressWithoutPort: return text(facts.direct, port: false)
        case .downstreamRemotePort: return port(facts.remote)
        case .downstreamDirectRemotePort: return port(facts.direct)
        default: return .missing
        }
    }

    private func connected(_ entry: UnsafeMutablePointer<LogEntry>) -> Bool {
        entry.pointee.state.contains(.isConnected)
    }

    private func port(_ address: inout cl_address) -> Value {
        let port = cl_address_port(&address)
        return port == 0 ? .missing : .number(UInt64(port))
    }

    private func text(_ address: inout cl_address, port: Bool) -> Value {
        if address.length == 0 { return .missing }
        temporary.clear()
        temporary.reserve(256)
        let family = cl_family(&address)
        let isBracketed = family == AF_INET6 && port
        if isBracketed { temporary.append(byte: UInt8(ascii: "[")) }
        let start = temporary.bytes + temporary.count
        let length = start.withMemoryRebound(to: CChar.self, capacity: 160) {
            cl_address_text(&address, $0, 160)
        }
        temporary.advance(Int(max(length, 0)))
        if isBracketed { temporary.append(byte: UInt8(ascii: "]")) }
        if port, family == AF_INET || family == AF_INET6 { appendPort(cl_address_port(&address)) }
        return collected
    }

    private func text(_ remote: PeerAddress, port: Bool) -> Value {
        if remote.family == 0 { return .missing }
        temporary.clear()
        temporary.append(remote, withPort: port)
        return collected
    }

    private func port(_ remote: PeerAddress) -> Value {
        remote.family == 0 ? .missing : .number(UInt64(remote.port))
    }

    private func appendPort(_ port: UInt16) {
        temporary.append(byte: UInt8(ascii: ":"))
        temporary.append(decimal: UInt64(port))
    }

    // MARK: Times

    private func time(
        _ step: UnsafeMutablePointer<LogProgram.Step>, _ entry: UnsafeMutablePointer<LogEntry>
    ) -> Value {
        // Envoy's clock counts microseconds.
        let ns = entry.pointee.startWallNs / 1000 * 1000
        temporary.clear()
        guard step.pointee.timeCount > 0, let pieces = step.pointee.time else { return defaultTime(ns) }
        var seconds = time_t(clamping: ns / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        for i in 0..<Int(step.pointee.timeCount) {
            switch pieces[i].kind {
            case .literal: temporary.append(pieces[i].text)
            case .epochSeconds: temporary.append(decimal: ns / 1_000_000_000)
            case .fraction: appendFraction(ns, digits: pieces[i].digits)
            case .calendar:
                temporary.reserve(128)
                let start = temporary.bytes + temporary.count
                let length = start.withMemoryRebound(to: CChar.self, capacity: 128) { buffer in
                    pieces[i].text.start.withMemoryRebound(to: CChar.self, capacity: pieces[i].text.count) {
                        strftime(buffer, 128, $0, &parts)
                    }
                }
                temporary.advance(length)
            }
        }
        return collected
    }

    private func appendFraction(_ ns: UInt64, digits: Int) {
        var divisor: UInt64 = 100_000_000
        for _ in 0..<digits {
            temporary.append(byte: 48 &+ UInt8(truncatingIfNeeded: ns / divisor % 10))
            divisor = max(divisor / 10, 1)
        }
    }

    /// `2026-11-27T17:35:04.124Z`; the part up to the second is made once a second.
    private func defaultTime(_ ns: UInt64) -> Value {
        let second = ns / 1_000_000_000
        if second != scratch.pointee.second {
            var seconds = time_t(clamping: second)
            var parts = tm()
            gmtime_r(&seconds, &parts)
            scratch.pointee.dateCount = date.withMemoryRebound(to: CChar.self, capacity: 32) {
                strftime($0, 32, "%Y-%m-%dT%H:%M:%S", &parts)
            }
            scratch.pointee.second = second
        }
        temporary.append(date, scratch.pointee.dateCount)
        temporary.append(byte: UInt8(ascii: "."))
        appendFraction(ns, digits: 3)
        temporary.append(byte: UInt8(ascii: "Z"))
        return collected
    }
}
