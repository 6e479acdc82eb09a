/// Answers of the proxy's own as `local_reply_config` wants them.
extension Worker {
    /// Changes an answer whose head, but for what goes to the end of each, stands in `out`; returns its body.
    ///
    /// An answer without a log entry, of which there may be too few, stays as it is.
    @inline(never)
    func mapReply(
        _ c: ConnectionPointer, _ s: StreamPointer, _ replies: UnsafePointer<CompiledReplies>, _ first: Bytes,
        _ second: Bytes
    ) -> Bytes {
        replyBody.clear()
        replyBody.append(first)
        replyBody.append(second)
        guard s.pointee.log >= 0 else { return Bytes(replyBody.bytes, replyBody.count) }
        let entry = accessLog.entries[s.pointee.log]
        let lines = HeadLines(out, from: 0)
        let type = Bytes("content-type")
        keptChanges.clear()
        if let line = lines.find(type) { keptChanges.append(lines.value(line)) }
        // To Envoy they are not there yet when a mapper adds headers.
        lines.change(.remove, Bytes("content-length"), Bytes(""))
        lines.change(.remove, type, Bytes(""))
        var isAnotherBody = false
        var facts = facts(s, c)
        var format = replies.pointee.format
        if let mapper = replies.pointee.mapper(entry, facts) {
            if let body = mapper.pointee.body {
                replyBody.clear()
                replyBody.append(body)
                isAnotherBody = true
            }
            facts.body = Bytes(replyBody.bytes, replyBody.count)
            for i in 0..<mapper.pointee.headerCount { add(mapper.pointee.headers[i], lines, entry, facts, c) }
            if mapper.pointee.status != 0, mapper.pointee.status != s.pointee.status {
                s.pointee.status = mapper.pointee.status
                facts.status = mapper.pointee.status
                changedValue.clear()
                changedValue.append(decimal: UInt64(facts.status))
                changedValue.append(byte: ASCII.space)
                changedValue.append(StatusText.reason(facts.status))
                lines.replaceStartLine(fromWord: 1, by: Bytes(changedValue.bytes, changedValue.count))
            }
            format = mapper.pointee.format ?? format
        }
        if let format {
            facts.body = Bytes(replyBody.bytes, replyBody.count)
            let line = accessLog.line
            line.write(format.program, entry, facts)
            replyBody.clear()
            replyBody.append(line.out.bytes, line.out.count)
            line.out.clear()
            isAnotherBody = true
        }
        // Neither has a body (RFC 9110 §15.3.5, §15.4.5).
        if s.pointee.status == 204 || s.pointee.status == 304 { replyBody.clear() }
        let body = Bytes(replyBody.bytes, replyBody.count)
        if body.count == 0 {
            lines.change(.remove, type, Bytes(""))
        } else {
            out.append("content-length: ")
            out.append(decimal: UInt64(body.count))
            out.append("\r\n")
            let before = Bytes(keptChanges.bytes, keptChanges.count)
            let known = isAnotherBody || before.count == 0 ? format?.contentType ?? Bytes("text/plain") : before
            lines.change(.addIfAbsent, type, known)
        }
        return body
    }

    private func add(
        _ header: CompiledReplies.Header, _ lines: HeadLines, _ entry: UnsafeMutablePointer<LogEntry>,
        _ facts: LogFacts,
        _ c: ConnectionPointer
    ) {
        // Written behind all changes, in Envoy.
        let listener = snapshot.listeners + Int(c.pointee.listener)
        if header.name.isFolded("server"), listener.pointee.serverHeader == .overwrite { return }
        let line = accessLog.line
        line.write(header.value, entry, facts)
        defer { line.out.clear() }
        if line.out.isEmpty, !header.keepsEmpty { return }
        lines.change(header.action, header.name, Bytes(line.out.bytes, line.out.count))
    }
}
