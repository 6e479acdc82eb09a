import ProxyConfig

/// Responses before the response (RFC 9110 §15.2): to clients that wait before they send their body, and from hosts.
extension Worker {
    /// The client may send its body, unless that is for the host to say. The connection may be closed on return.
    @inline(never)
    func sendContinue(_ slot: Int32, _ c: ConnectionPointer) {
        if snapshot.listeners[Int(c.pointee.listener)].proxies100 { return }
        if c.pointee.stream >= 0 {
            chargeDownstream(streams[c.pointee.stream], listenerStats + Int(c.pointee.listener), 100)
        }
        out.clear()
        out.append("HTTP/1.1 100 Continue\r\n\r\n")
        flushScratch(to: slot, c)
    }

    /// An interim response has come, `responseHead`. With `proxy_100_continue` the client gets the first one, as Envoy does it; it and
    /// its stream may be gone on return.
    @inline(never)
    func passInterim(_ s: StreamPointer) {
        let status = responseHead.pointee.status
        // Envoy's codec keeps all others for itself, and knows of one only.
        guard status == 100 || status == 102 || status == 103, !s.pointee.flags.contains(.interim) else { return }
        s.pointee.flags.insert(.interim)
        chargeUpstream(s, status)
        // Another host might not say so again.
        if s.pointee.flags.contains(.retains) {
            if s.pointee.flags.contains(.redirects) {
                retries[s.pointee.retry].pointee.policy.conditions = []
            } else {
                endRetries(s)
            }
        }
        let down = s.pointee.downstream
        guard down >= 0 else { return }
        let d = connections[down]
        let listener = snapshot.listeners + Int(d.pointee.listener)
        // HTTP/1.0 has none (RFC 9110 §15.2).
        guard listener.pointee.proxies100, !s.pointee.flags.contains(.http10) else { return }
        chargeDownstream(s, listenerStats + Int(d.pointee.listener), status)
        writeInterim(listener, snapshot.clusters[Int(s.pointee.cluster)].headerCase)
        flushResponse(s)
    }

    /// As it came, but for what concerns its connection.
    private func writeInterim(_ listener: UnsafeMutablePointer<CompiledListener>, _ kept: HeaderCase) {
        let head = responseHead.pointee
        out.clear()
        out.append("HTTP/1.1 ")
        out.append(decimal: UInt64(head.status))
        out.append(byte: ASCII.space)
        out.append(StatusText.reason(head.status))
        out.append("\r\n")
        for i in 0..<head.count {
            let field = head.fields[i]
            switch field.id {
            case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: break
            default: if !field.isNominated { out.append(field, of: head.base) }
            }
        }
        out.append("\r\n")
        writeNames(listener.pointee.headerCase, from: 0, responseHead, kept)
    }
}
