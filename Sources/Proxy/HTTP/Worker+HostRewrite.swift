import CLinux

/// Hosts that come from another place than a text of the route.
extension Worker {
    /// Puts another host into a head that stands in `out`, and notes the one before. A text that is no host (RFC 3986 §3.2) is not
    /// taken: the request keeps its own.
    ///
    /// - Parameter start: where the head begins.
    @inline(never)
    func rewriteHost(
        _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, _ rewrite: CompiledHostRewrite, from start: Int,
        notesOriginal: Bool
    ) {
        let lines = HeadLines(out, from: start)
        guard let line = lines.find(Bytes("host")) else { return }
        changedValue.clear()
        switch rewrite.source {
        case .upstream:
            guard s.pointee.host >= 0 else { return }
            changedValue.append(hosts[s.pointee.host].pointee.hostname)
        case .literal(let text): changedValue.append(text)
        case .header(let name):
            guard let found = lines.find(name) else { return }
            changedValue.append(lines.value(found))
        case .path(let regex, let substitution):
            guard head.pointee.method != .connect else { return }
            let target = head.pointee.base + Int(head.pointee.target)
            let length = Int(head.pointee.targetLength)
            let path =
                length == 0 ? Bytes("/") : Bytes(target, min(cl_scan_path_end(target, 0, length, length), length))
            regex.replace(path, by: substitution, to: changedValue)
        }
        let host = Bytes(changedValue.bytes, changedValue.count)
        guard host.count > 0, (0..<host.count).allSatisfy({ ASCII.tables.isAuthority(host.start[$0]) }) else { return }
        keptChanges.clear()
        keptChanges.append(lines.value(line))
        let before = Bytes(keptChanges.bytes, keptChanges.count)
        lines.replace(line.value, line.end, by: host)
        // Its target is the authority.
        if head.pointee.method == .connect { lines.replaceWord(1, by: host) }
        if before.count == 0 { return }
        if rewrite.appendsForwardedHost { appendForwardedHost(lines, before) }
        if notesOriginal { lines.change(.overwriteOrAdd, Bytes("x-envoy-original-host"), before) }
    }

    /// One more of the list, unless it is the last of it already.
    private func appendForwardedHost(_ lines: HeadLines, _ host: Bytes) {
        let name = Bytes("x-forwarded-host")
        var last: HeadLines.Line?
        while let next = lines.find(name, after: last) { last = next }
        guard let last else { return lines.change(.append, name, host) }
        let list = lines.value(last)
        let isThere =
            list.count >= host.count && host.isPrefix(of: list.start + (list.count - host.count), host.count)
            && (list.count == host.count || list.start[list.count - host.count - 1] == UInt8(ascii: ","))
        if !isThere { lines.join(last, host) }
    }
}
