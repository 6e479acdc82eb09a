/// The scheme of requests, as far as one without TLS has any: what `scheme_header_transformation` says, an absolute target has, or
/// a proxy in front (`x-forwarded-proto`).
extension Worker {
    func scheme(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ head: UnsafeMutablePointer<MessageHead>
    ) -> Bytes {
        if let scheme = listener.pointee.scheme { return scheme }
        if let scheme = head.pointee.scheme { return scheme }
        // Without a proxy in front that is trusted nobody else knows how the client came.
        let edge = listener.pointee.useRemoteAddress && listener.pointee.trustedHops == 0
        if !edge, let value = head.pointee.value(.xForwardedProto), let start = value.baseAddress,
            value.count == 4 || value.count == 5
        {
            let told = Bytes(start, value.count)
            if told.isFolded("http") || told.isFolded("https") { return told }
        }
        return Bytes("http")
    }

    /// The same of one that may have been sent to its host already.
    func scheme(_ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>) -> Bytes {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        // There are no hosts that speak TLS.
        if listener.pointee.matchesUpstreamScheme, s.pointee.host >= 0 { return Bytes("http") }
        return scheme(listener, head)
    }
}

extension MessageHead {
    /// Of an absolute target; nil: it is another one.
    var scheme: Bytes? {
        guard isAbsoluteForm, method != .connect, authority >= 7 else { return nil }
        // `p://` or `s://` stands before the authority.
        return base[Int(authority) &- 4] | 0x20 == UInt8(ascii: "s") ? Bytes("https") : Bytes("http")
    }
}
