import CLinux
import Glibc

/// The request head as it goes upstream: Envoy's order, names in lower case, hop-by-hop fields left out (RFC 9110 §7.6.1).
extension Worker {
    func writeRequestHead(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>, _ route: CompiledRoute
    ) {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let h = head.pointee
        let edge = listener.pointee.useRemoteAddress
        let upgrade = s.pointee.flags.contains(.upgrade) && h.method != .connect
        let start = out.count
        out.append(h.base + Int(h.methodStart), Int(h.methodLength))
        out.append(byte: ASCII.space)
        let isRewritten = writeTarget(h, route)
        out.append(" HTTP/1.1\r\nhost: ")
        if let rewrite = route.hostRewrite {
            out.append(rewrite)
        } else if h.authorityLength > 0 || h.present.contains(.host) {
            out.append(h.base + Int(h.authority), Int(h.authorityLength))
        } else {
            out.append(listener.pointee.defaultHost)
        }
        out.append("\r\n")
        var wroteForwardedFor = false
        var wroteProto = false
        var wroteExternal = false
        for i in 0..<h.count {
            let field = h.fields[i]
            if field.id == .other {
                if !field.isNominated { out.append(field, of: h.base) }
                continue
            }
            switch field.id {
            case .host, .keepAlive, .proxyConnection, .transferEncoding, .http2Settings, .xEnvoyInternalOnly: break
            case .connection, .upgrade: if upgrade { out.append(field, of: h.base) }
            case .te: if h.acceptsTrailers { out.append("te: trailers\r\n") }
            // In HTTP/1.0 it says nothing (RFC 9110 §10.1.1).
            case .expect: if !h.expectContinue, h.minorVersion > 0 { out.append(field, of: h.base) }
            case .xForwardedFor:
                if edge, !listener.pointee.skipXFFAppend, isLast(.xForwardedFor, i, h) {
                    out.append("x-forwarded-for: ")
                    out.append(h.base + Int(field.value), Int(field.valueLength))
                    out.append(byte: UInt8(ascii: ","))
                    writeClientAddress(c)
                    out.append("\r\n")
                    wroteForwardedFor = true
                } else {
                    out.append(field, of: h.base)
                }
            case .xForwardedProto:
                if edge, listener.pointee.trustedHops == 0 {
                    if !wroteProto { out.append("x-forwarded-proto: http\r\n") }
                } else {
                    out.append(field, of: h.base)
                }
                wroteProto = true
            case .xEnvoyOriginalHost: if route.hostRewrite == nil { out.append(field, of: h.base) }
            case .xEnvoyEdgeOnly: if !edge { out.append(field, of: h.base) }
            case .xEnvoyExternalAddress:
                if !edge {
                    out.append(field, of: h.base)
                } else if !wroteExternal {
                    writeExternalAddress(c)
                    wroteExternal = true
                }
            case .xRequestID: if !edge || listener.pointee.preserveRequestID { out.append(field, of: h.base) }
            default: out.append(field, of: h.base)
            }
        }
        if edge, !listener.pointee.skipXFFAppend, !wroteForwardedFor {
            out.append("x-forwarded-for: ")
            writeClientAddress(c)
            out.append("\r\n")
        }
        if !wroteProto { out.append("x-forwarded-proto: http\r\n") }
        if edge, !wroteExternal { writeExternalAddress(c) }
        if listener.pointee.via.count > 0 { out.field("via: ", listener.pointee.via) }
        writeRequestID(listener, h, edge: edge)
        out.append(route.expectedTimeout)
        if route.hostRewrite != nil {
            out.append("x-envoy-original-host: ")
            out.append(h.base + Int(h.authority), Int(h.authorityLength))
            out.append("\r\n")
        }
        if isRewritten {
            out.append("x-envoy-original-path: ")
            out.append(h.base + Int(h.target), Int(h.targetLength))
            out.append("\r\n")
        }
        if s.pointee.log >= 0 { captureRequest(s, c, from: start) }
        writeRequestFraming(s, h, upgrade: upgrade, trailers: listener.pointee.trailers)
        out.append("\r\n")
    }

    private func isLast(_ id: HeaderID, _ index: Int, _ h: MessageHead) -> Bool {
        for i in (index + 1)..<max(h.count, index + 1) where h.fields[i].id == id { return false }
        return true
    }

    /// Whether the path is another one than the client's.
    private func writeTarget(_ h: MessageHead, _ route: CompiledRoute) -> Bool {
        let target = h.base + Int(h.target)
        let length = Int(h.targetLength)
        if route.rewrite != nil, writeRewritten(Bytes(target, length), route) { return true }
        if h.method == .connect {
            // Its target is the authority.
            if let rewrite = route.hostRewrite { out.append(rewrite) } else { out.append(target, length) }
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
    private func writeRewritten(_ target: Bytes, _ route: CompiledRoute) -> Bool {
        let end = cl_scan_path_end(target.start, 0, target.count)
        let start = out.count
        route.rewrite?.write(Bytes(target.start, end), matched: route.matchedLength(end), to: out)
        if out.count == start { return false }
        out.append(target.start + end, target.count - end)
        return true
    }

    /// How the body goes upstream; a request without one says so where its method expects one.
    private func writeRequestFraming(_ s: StreamPointer, _ h: MessageHead, upgrade: Bool, trailers: Bool) {
        if h.method == .connect { return }
        // An upgrade keeps the framing of its body: the upstream may decline, and answers a request like any other then.
        if upgrade, h.framing != .chunked { return }
        if h.framing == .chunked {
            s.pointee.flags.insert(.requestChunked)
            if trailers { s.pointee.flags.insert(.trailers) }
            out.append("transfer-encoding: chunked\r\n")
        } else if !h.present.contains(.contentLength) {
            switch h.method {
            case .get, .head, .delete, .connect, .trace: break
            default: out.append("content-length: 0\r\n")
            }
        }
    }

    // MARK: Where the client is

    /// What goes into `x-forwarded-for`: the client's address, or for a client on loopback this host's own, as Envoy does.
    private func writeClientAddress(_ c: ConnectionPointer) {
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

    // MARK: Request id

    /// A random UUID (RFC 9562 §5.4), unless the request brings an id that is to be kept.
    private func writeRequestID(_ listener: UnsafeMutablePointer<CompiledListener>, _ h: MessageHead, edge: Bool) {
        guard listener.pointee.generateRequestID else { return }
        if h.present.contains(.xRequestID), !edge || listener.pointee.preserveRequestID { return }
        out.append("x-request-id: ")
        var bits = (random(), random())
        bits.0 = (bits.0 & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
        bits.1 = (bits.1 & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        out.append(uuid: bits)
        out.append("\r\n")
    }
}
