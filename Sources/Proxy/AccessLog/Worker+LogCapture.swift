import Glibc

/// Header values that lines name, taken from the heads that the worker has just written: so they are what the other side
/// gets, with what the proxy adds and without what it removes, as in Envoy.
extension Worker {
    /// The request's head, which stands in `out` from `start` on.
    ///
    /// - Parameter scheme: nil: it has none yet.
    @inline(never)
    func captureRequest(_ s: StreamPointer, _ c: ConnectionPointer, from start: Int, scheme: Bytes?) {
        guard let logs = snapshot.listeners[Int(c.pointee.listener)].log, logs.pointee.requestLengths != 0 else {
            return
        }
        let entry = accessLog.entries[s.pointee.log]
        let end = out.count
        var p = start
        let lineEnd = endOfLine(p, end)
        captureRequestLine(entry, logs, p, lineEnd, hasPath: s.pointee.method != .connect)
        if let scheme, logs.pointee.requestLengths & ListenerLogs.bit(7) != 0 {
            for i in 0..<logs.pointee.nameCount where isName(logs, i, ":scheme") {
                entry.pointee.values.set(i, scheme.start, scheme.count)
            }
        }
        p = lineEnd &+ 2
        while p < end {
            let next = endOfLine(p, end)
            let colon = colon(p, next)
            let length = colon &- p
            if logs.pointee.requestLengths & ListenerLogs.bit(length) != 0 {
                capture(entry, logs, p, length, colon &+ 2, next)
            }
            if length == 4, logs.pointee.requestLengths & ListenerLogs.bit(10) != 0,
                memcmp(out.bytes + p, Bytes("host").start, 4) == 0
            {
                set(entry, logs, ":authority", colon &+ 2, next)
            }
            p = next &+ 2
        }
    }

    private func captureRequestLine(
        _ entry: UnsafeMutablePointer<LogEntry>, _ logs: UnsafeMutablePointer<ListenerLogs>, _ start: Int, _ end: Int,
        hasPath: Bool
    ) {
        let bytes = out.bytes
        var first = start
        while first < end, bytes[first] != ASCII.space { first &+= 1 }
        set(entry, logs, ":method", start, first)
        // ` HTTP/1.1` ends the line.
        if hasPath { set(entry, logs, ":path", first &+ 1, max(end &- 9, first &+ 1)) }
    }

    /// A field of the response's head, which stands in `out` from `start` on, behind its status line.
    @inline(never)
    func captureResponse(_ s: StreamPointer, _ c: ConnectionPointer, from start: Int) {
        guard let logs = snapshot.listeners[Int(c.pointee.listener)].log, logs.pointee.responseLengths != 0 else {
            return
        }
        let entry = accessLog.entries[s.pointee.log]
        let end = out.count
        var p = endOfLine(start, end) &+ 2
        while p < end {
            let next = endOfLine(p, end)
            let colon = colon(p, next)
            let length = colon &- p
            if logs.pointee.responseLengths & ListenerLogs.bit(length) != 0 {
                for i in 0..<logs.pointee.nameCount
                where logs.pointee.names[i].kind == .response && logs.pointee.names[i].text.count == length
                    && memcmp(logs.pointee.names[i].text.start, out.bytes + p, length) == 0
                {
                    entry.pointee.values.set(i, out.bytes + (colon &+ 2), max(next &- colon &- 2, 0))
                }
            }
            p = next &+ 2
        }
    }

    /// A request that never gets so far as to be rewritten: as the client sent it.
    @inline(never)
    func captureRaw(_ s: StreamPointer, _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) {
        let h = head.pointee
        out.clear()
        out.append(h.base + Int(h.methodStart), Int(h.methodLength))
        out.append(byte: ASCII.space)
        out.append(h.base + Int(h.target), Int(h.targetLength))
        out.append(" HTTP/1.1\r\n")
        if h.authorityLength > 0 {
            out.append("host: ")
            out.append(h.base + Int(h.authority), Int(h.authorityLength))
            out.append("\r\n")
        }
        for i in 0..<h.count where h.fields[i].id != .host {
            out.appendLower(h.base + Int(h.fields[i].name), Int(h.fields[i].nameLength))
            out.append(": ")
            out.append(h.base + Int(h.fields[i].value), Int(h.fields[i].valueLength))
            out.append("\r\n")
        }
        captureRequest(s, c, from: 0, scheme: nil)
        out.clear()
    }

    /// A request that is answered here: as it would have gone on.
    @inline(never)
    func captureUnrouted(_ s: StreamPointer, _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) {
        out.clear()
        // Writing a head notes how its body would go; nothing of it goes.
        let flags = s.pointee.flags
        withUnsafePointer(to: CompiledRoute.none) { writeHead(c, s, head, $0) }
        s.pointee.flags = flags
        out.clear()
    }

    // MARK: Lines

    private func endOfLine(_ start: Int, _ end: Int) -> Int {
        guard start < end, let found = memchr(out.bytes + start, 0x0A, end &- start) else { return end }
        return max(found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(out.bytes) - 1, start)
    }

    private func colon(_ start: Int, _ end: Int) -> Int {
        guard start < end, let found = memchr(out.bytes + start, 0x3A, end &- start) else { return end }
        return found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(out.bytes)
    }

    private func capture(
        _ entry: UnsafeMutablePointer<LogEntry>, _ logs: UnsafeMutablePointer<ListenerLogs>, _ name: Int,
        _ length: Int, _ start: Int, _ end: Int
    ) {
        for i in 0..<logs.pointee.nameCount {
            let known = logs.pointee.names[i]
            guard known.kind == .request, known.text.count == length,
                memcmp(known.text.start, out.bytes + name, length) == 0
            else { continue }
            entry.pointee.values.set(i, out.bytes + start, max(end &- start, 0))
        }
    }

    private func set(
        _ entry: UnsafeMutablePointer<LogEntry>, _ logs: UnsafeMutablePointer<ListenerLogs>, _ name: StaticString,
        _ start: Int, _ end: Int
    ) {
        for i in 0..<logs.pointee.nameCount where isName(logs, i, name) {
            entry.pointee.values.set(i, out.bytes + start, max(end &- start, 0))
        }
    }

    private func isName(_ logs: UnsafeMutablePointer<ListenerLogs>, _ i: Int, _ name: StaticString) -> Bool {
        let known = logs.pointee.names[i]
        return known.kind == .request
            && known.text.count == name.utf8CodeUnitCount
            && memcmp(known.text.start, name.utf8Start, name.utf8CodeUnitCount) == 0
    }
}
