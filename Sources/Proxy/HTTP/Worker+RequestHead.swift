import CLinux
import Glibc

/// The request head as it goes upstream: Envoy's order, names in lower case, hop-by-hop fields left out (RFC 9110 §7.6.1).
extension Worker {
    /// Writes the head behind what `out` holds: the pieces of nearly every request one behind the other (`HeadWriter`), what is
    /// rarer by functions of its own.
    func writeRequestHead(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let base = head.pointee.base
        let readable = head.pointee.readable
        let present = head.pointee.present
        let knowsClient = listener.pointee.useRemoteAddress
        let edge = knowsClient && !head.pointee.isInternal
        let isConnect = head.pointee.method == .connect
        let upgrade = s.pointee.flags.contains(.upgrade) && !isConnect
        let start = out.count
        // All of the head once, its authority once more, two bytes for each field that is not written as we do; and what is
        // ours: less than 300 bytes.
        let room = 2 &* head.pointee.length &+ 2 &* head.pointee.count &+ 512
        var writer = out.open(room)
        var isRewritten = false
        if head.pointee.isAbsoluteForm || route.pointee.rewrite != nil {
            isRewritten = writeRequestLine(head, route)
            writer = out.open(room)
        } else {
            // Method, space, and target, behind which something else may stand when it was made shorter.
            let first = head.pointee.methodStart
            writer.put(base, first, head.pointee.target &+ head.pointee.targetLength &- first, readable: readable)
            writer.put(ASCII.space)
        }
        if route.pointee.hostRewrite == nil, head.pointee.authorityLength > 0 {
            writer.put("HTTP/1.1\r\nhost: ")
            writer.put(base, head.pointee.authority, head.pointee.authorityLength, readable: readable)
            writer.put("\r\n")
        } else {
            out.close(writer)
            writeOtherHost(listener, present, route)
            writer = out.open(room)
        }
        var wrote = WrittenFields()
        var field = head.pointee.fields
        let end = field + head.pointee.count
        while field < end {
            if field.pointee.id == .other {
                if !field.pointee.isNominated { writer.put(field, of: base, readable: readable) }
            } else if field.pointee.id != .host {
                out.close(writer)
                wrote = writeKnownField(c, head, field, listener, route, wrote, upgrade: upgrade)
                writer = out.open(room)
            }
            field += 1
        }
        if knowsClient || head.pointee.isInternal || listener.pointee.addsFields {
            out.close(writer)
            writeEdgeFields(c, head, listener, wrote, from: start)
            writer = out.open(room)
        } else if !wrote.proto {
            writer.put("x-forwarded-proto: http\r\n")
        }
        if listener.pointee.generateRequestID,
            !present.contains(.xRequestID) || edge && !listener.pointee.preserveRequestID
        {
            // A random UUID (RFC 9562 §5.4), unless the request brings an id that is to be kept.
            writer.put("x-request-id: ")
            let words = state.pointee.keptIDStream == s ? state.pointee.keptID : (random(), random())
            writer.put(
                uuid: (
                    words.0 & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, words.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
                ))
            writer.put("\r\n")
        }
        writer.put(route.pointee.expectedTimeout)
        out.close(writer)
        if route.pointee.changesHead || isRewritten { changeHead(c, s, head, route, isRewritten, from: start) }
        if s.pointee.log >= 0 { captureRequest(s, c, from: start, scheme: scheme(c, s, head)) }
        if head.pointee.framing == .chunked || head.pointee.method != .get && !present.contains(.contentLength) {
            writeRequestFraming(s, head, upgrade: upgrade, trailers: listener.pointee.trailers)
        }
        out.append("\r\n")
    }

    /// The same of a head that filters have changed: what is added to a client's stands in it already.
    @inline(never)
    func writeFilteredHead(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let base = head.pointee.base
        let upgrade = s.pointee.flags.contains(.upgrade) && head.pointee.method != .connect
        let start = out.count
        let isRewritten = writeRequestLine(head, route)
        if route.pointee.hostRewrite == nil, head.pointee.authorityLength > 0 {
            out.append("HTTP/1.1\r\n")
            out.field("host: ", Bytes(base + Int(head.pointee.authority), Int(head.pointee.authorityLength)))
        } else {
            writeOtherHost(listener, head.pointee.present, route)
        }
        for i in 0..<head.pointee.count {
            let field = head.pointee.fields[i]
            switch field.id {
            case .host, .transferEncoding: break
            case .connection, .upgrade: if upgrade { out.append(field, of: base) }
            case .xEnvoyOriginalHost: if route.pointee.hostRewrite == nil { out.append(field, of: base) }
            case .xEnvoyInternalOnly: writeOrder(field, of: base, route)
            default: out.append(field, of: base)
            }
        }
        if head.pointee.isInternal { out.append("x-envoy-internal: true\r\n") }
        out.append(route.pointee.expectedTimeout)
        if route.pointee.changesHead || isRewritten { changeHead(c, s, head, route, isRewritten, from: start) }
        if s.pointee.log >= 0 { captureRequest(s, c, from: start, scheme: scheme(c, s, head)) }
        if head.pointee.framing == .chunked
            || head.pointee.method != .get && !head.pointee.present.contains(.contentLength)
        {
            writeRequestFraming(s, head, upgrade: upgrade, trailers: listener.pointee.trailers)
        }
        out.append("\r\n")
    }

    /// Fields that are written once, wherever they stand.
    private struct WrittenFields: BitwiseCopyable {
        var forwardedFor = false
        var proto = false
        var external = false
    }

    /// The line up to its version, when it may not simply be the client's. Whether the path is another one.
    @inline(never)
    private func writeRequestLine(
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) -> Bool {
        out.append(head.pointee.base + Int(head.pointee.methodStart), Int(head.pointee.methodLength))
        out.append(byte: ASCII.space)
        let isRewritten = writeTarget(head, route)
        out.append(byte: ASCII.space)
        return isRewritten
    }

    /// The version, and a host that is not the request's.
    @inline(never)
    private func writeOtherHost(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ present: HeaderIDSet,
        _ route: UnsafePointer<CompiledRoute>
    ) {
        out.append("HTTP/1.1\r\nhost: ")
        if let rewrite = route.pointee.hostRewrite {
            out.append(rewrite)
        } else if !present.contains(.host) {
            out.append(listener.pointee.defaultHost)
        }
        out.append("\r\n")
    }

    /// A field that the proxy knows: it may go on, or not, or with another value. The host has gone before.
    @inline(never)
    private func writeKnownField(
        _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>, _ at: UnsafeMutablePointer<HeaderField>,
        _ listener: UnsafeMutablePointer<CompiledListener>, _ route: UnsafePointer<CompiledRoute>,
        _ before: WrittenFields, upgrade: Bool
    ) -> WrittenFields {
        var wrote = before
        let field = at.pointee
        let base = head.pointee.base
        let knowsClient = listener.pointee.useRemoteAddress
        let edge = knowsClient && !head.pointee.isInternal
        switch field.id {
        case .host, .keepAlive, .proxyConnection, .transferEncoding, .http2Settings: break
        case .xEnvoyInternalOnly: if head.pointee.isInternal { writeOrder(field, of: base, route) }
        case .connection, .upgrade: if upgrade { out.append(field, of: base) }
        case .te: if head.pointee.acceptsTrailers { out.append("te: trailers\r\n") }
        // In HTTP/1.0 it says nothing (RFC 9110 §10.1.1).
        case .expect:
            if listener.pointee.proxies100 || !head.pointee.expectContinue, head.pointee.minorVersion > 0 {
                out.append(field, of: base)
            }
        case .xForwardedFor:
            if knowsClient, !listener.pointee.skipXFFAppend, isLast(at, head) {
                out.append("x-forwarded-for: ")
                out.append(base + Int(field.value), Int(field.valueLength))
                out.append(byte: UInt8(ascii: ","))
                writeClientAddress(c)
                out.append("\r\n")
                wrote.forwardedFor = true
            } else {
                out.append(field, of: base)
            }
        case .xForwardedProto:
            if let scheme = listener.pointee.scheme {
                if !wrote.proto { out.field("x-forwarded-proto: ", scheme) }
            } else if knowsClient, listener.pointee.trustedHops == 0 {
                if !wrote.proto { out.append("x-forwarded-proto: http\r\n") }
            } else {
                out.append(field, of: base)
            }
            wrote.proto = true
        case .xEnvoyOriginalHost: if route.pointee.hostRewrite == nil { out.append(field, of: base) }
        case .xEnvoyEdgeOnly: if !edge { out.append(field, of: base) }
        case .xEnvoyExternalAddress:
            if !edge {
                out.append(field, of: base)
            } else if !wrote.external {
                writeExternalAddress(c)
                wrote.external = true
            }
        case .xRequestID: if !edge || listener.pointee.preserveRequestID { out.append(field, of: base) }
        default: out.append(field, of: base)
        }
        return wrote
    }

    /// What an edge proxy says of its client, and `via`, with what stands between them.
    @inline(never)
    private func writeEdgeFields(
        _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ listener: UnsafeMutablePointer<CompiledListener>, _ wrote: WrittenFields, from start: Int
    ) {
        let knowsClient = listener.pointee.useRemoteAddress
        let edge = knowsClient && !head.pointee.isInternal
        if knowsClient, !listener.pointee.skipXFFAppend, !wrote.forwardedFor {
            out.append("x-forwarded-for: ")
            writeClientAddress(c)
            out.append("\r\n")
        }
        if !wrote.proto { out.field("x-forwarded-proto: ", listener.pointee.scheme ?? Bytes("http")) }
        if listener.pointee.appendsForwardedPort {
            let isOurs = knowsClient && listener.pointee.trustedHops == 0
            changedValue.clear()
            changedValue.append(decimal: UInt64(localPort(c)))
            HeadLines(out, from: start).change(
                isOurs ? .overwriteOrAdd : .addIfAbsent, Bytes("x-forwarded-port"),
                Bytes(changedValue.bytes, changedValue.count))
        }
        if let agent = listener.pointee.userAgent { writeUserAgent(agent, listener.pointee.nodeID, from: start) }
        if edge, !wrote.external { writeExternalAddress(c) }
        if head.pointee.isInternal { out.append("x-envoy-internal: true\r\n") }
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
    }

    /// `add_user_agent`: who is in front of the host, and of a client that does not say what it is.
    private func writeUserAgent(_ agent: Bytes, _ node: Bytes, from start: Int) {
        let lines = HeadLines(out, from: start)
        lines.change(.overwriteOrAdd, Bytes("x-envoy-downstream-service-cluster"), agent)
        if let line = lines.find(Bytes("user-agent")), line.value < line.end {
            // It says so itself.
        } else {
            lines.change(.overwriteOrAdd, Bytes("user-agent"), agent)
        }
        if node.count > 0 { lines.change(.overwriteOrAdd, Bytes("x-envoy-downstream-service-node"), node) }
    }

    /// What a route does to a head behind its fields, in Envoy's order.
    @inline(never)
    private func changeHead(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>, _ isRewritten: Bool, from start: Int
    ) {
        let notesOriginal = !(snapshot.listeners + Int(c.pointee.listener)).pointee.suppressesEnvoyHeaders
        if route.pointee.attempts.contains(.request) { noteAttempt(1, from: start) }
        if let changes = route.pointee.requestChanges { changeRequest(c, s, head, route, changes.pointee, from: start) }
        let base = head.pointee.base
        // What the route has rewritten, as it was.
        if route.pointee.hostRewrite != nil, notesOriginal {
            out.field(
                "x-envoy-original-host: ", Bytes(base + Int(head.pointee.authority), Int(head.pointee.authorityLength)))
        }
        if let rewrite = route.pointee.otherHost {
            rewriteHost(s, head, rewrite.pointee, from: start, notesOriginal: notesOriginal)
        }
        if isRewritten, notesOriginal {
            // Of a pass before this one (`Worker+Redirects`).
            if isFiltered(head) {
                HeadLines(out, from: start).change(.remove, Bytes("x-envoy-original-path"), Bytes(""))
            }
            out.field("x-envoy-original-path: ", Bytes(base + Int(head.pointee.target), Int(head.pointee.targetLength)))
        }
        if let changes = route.pointee.responseChanges {
            keepResponseChanges(c, s, head, route, changes.pointee, from: start)
        }
        if route.pointee.attempts.contains(.response) { keepAttempts(s, 1) }
    }

    private func isLast(_ field: UnsafeMutablePointer<HeaderField>, _ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        var other = field + 1
        let end = head.pointee.fields + head.pointee.count
        while other < end {
            if other.pointee.id == field.pointee.id { return false }
            other += 1
        }
        return true
    }

    /// Whether the path is another one than the client's.
    private func writeTarget(
        _ head: UnsafeMutablePointer<MessageHead>, _ route: UnsafePointer<CompiledRoute>
    ) -> Bool {
        let target = head.pointee.base + Int(head.pointee.target)
        let length = Int(head.pointee.targetLength)
        if route.pointee.rewrite != nil, writeRewritten(Bytes(target, length), route) { return true }
        if head.pointee.method == .connect {
            // Its target is the authority.
            if let rewrite = route.pointee.hostRewrite { out.append(rewrite) } else { out.append(target, length) }
        } else if length == 0 || target[0] == UInt8(ascii: "?") {
            // An absolute-form target without path (RFC 9112 §3.2.2).
            out.append(byte: UInt8(ascii: "/"))
            out.append(target, length)
        } else {
            out.append(target, length)
        }
        return false
    }

    /// False where nothing of the path would be left: Envoy lets it be then.
    @inline(never)
    private func writeRewritten(_ target: Bytes, _ route: UnsafePointer<CompiledRoute>) -> Bool {
        let end = min(cl_scan_path_end(target.start, 0, target.count, target.count), target.count)
        let start = out.count
        route.pointee.rewrite?.write(Bytes(target.start, end), matched: route.pointee.matchedLength(end), to: out)
        if out.count == start { return false }
        out.append(target.start + end, target.count - end)
        return true
    }

    /// How the body goes upstream; a request without one says so where its method expects one.
    @inline(never)
    private func writeRequestFraming(
        _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, upgrade: Bool, trailers: Bool
    ) {
        let method = head.pointee.method
        let isChunked = head.pointee.framing == .chunked
        if method == .connect { return }
        // An upgrade keeps the framing of its body: the upstream may decline, and answers a request like any other then.
        if upgrade, !isChunked { return }
        if isChunked {
            s.pointee.flags.insert(.requestChunked)
            if trailers { s.pointee.flags.insert(.trailers) }
            out.append("transfer-encoding: chunked\r\n")
        } else if !head.pointee.present.contains(.contentLength) {
            switch method {
            case .get, .head, .delete, .connect, .trace: break
            default: out.append("content-length: 0\r\n")
            }
        }
    }

    // MARK: Where the client is

    /// What goes into `x-forwarded-for`: the client's address, or for a client on loopback this host's own, as Envoy does.
    func writeClientAddress(_ c: ConnectionPointer) {
        if c.pointee.remote.isLoopback {
            out.append(snapshot.localAddress)
        } else {
            writeRemote(c)
        }
    }

    private func writeExternalAddress(_ c: ConnectionPointer) {
        out.append("x-envoy-external-address: ")
        writeRemote(c)
        out.append("\r\n")
    }

    private func writeRemote(_ c: ConnectionPointer) {
        out.reserve(64)
        let before = out.count
        out.advance(c.pointee.remote.write(out.bytes + before))
    }
}
