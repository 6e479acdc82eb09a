import CLinux

/// What of a request chooses its host in a cluster that balances by hash, and the cookie of a client that has none.
extension Worker {
    /// The host of a request in a cluster that `needsCare`. What it was chosen by is in `state.hashKey`.
    @inline(never)
    func chooseHost(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) -> Int32 {
        let cluster = Int(s.pointee.cluster)
        if snapshot.clusters[cluster].balancing.policy == .originalDst {
            return originalHost(c, RoutedRequest(head: head), cluster: cluster)
        }
        var key = HashKey()
        if snapshot.clusters[cluster].balancing.policy == .hash, let policy = route.pointee.hashPolicy {
            key = hashKey(c, s, head, policy.pointee)
        }
        state.pointee.hashKey = key
        return chooseCarefully(cluster: cluster, key)
    }

    /// The host of a TCP proxy's connection.
    func chooseHost(
        _ c: ConnectionPointer, _ listener: UnsafeMutablePointer<CompiledListener>, cluster: Int
    ) -> Int32 {
        guard clusters[cluster].needsCare else { return nextHost(clusters + cluster) }
        if snapshot.clusters[cluster].balancing.policy == .originalDst {
            return originalHost(c, RoutedRequest(), cluster: cluster)
        }
        var key = HashKey()
        if listener.pointee.hashesSource, let hash = hash(of: c.pointee.remote) { key.add(hash) }
        return chooseCarefully(cluster: cluster, key)
    }

    private func hashKey(
        _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ policy: CompiledHashPolicy
    ) -> HashKey {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let request = hashed(listener, head)
        var key = HashKey()
        for i in 0..<policy.count {
            let rule = policy.rules[i]
            if let hash = hash(of: rule, request, c, s, listener) { key.add(hash) }
            if rule.isTerminal, key.isSet { break }
        }
        out.clear()
        return key
    }

    /// The request as its route has seen it.
    private func hashed(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ head: UnsafeMutablePointer<MessageHead>
    ) -> RoutedRequest {
        let target = head.pointee.base + Int(head.pointee.target)
        let length = Int(head.pointee.targetLength)
        let end = min(cl_scan_path_end(target, 0, length, length), length)
        var authority = Bytes(head.pointee.base + Int(head.pointee.authority), Int(head.pointee.authorityLength))
        if authority.count == 0 { authority = listener.pointee.defaultHost }
        return routed(listener, head, authority, Bytes(target, end))
    }

    private func hash(
        of rule: CompiledHashPolicy.Rule, _ request: RoutedRequest, _ c: ConnectionPointer, _ s: StreamPointer,
        _ listener: UnsafeMutablePointer<CompiledListener>
    ) -> UInt64? {
        switch rule.source {
        case .field: return request.hash(ofField: rule.name)
        case .list: return request.join(rule.name, in: out) ? XXHash64.hash(out.bytes, out.count) : nil
        case .method: return request.method.map { XXHash64.hash($0) }
        case .path: return request.target.map { XXHash64.hash($0) }
        case .authority: return XXHash64.hash(request.authority)
        case .scheme: return XXHash64.hash(request.scheme)
        case .parameter: return request.parameter(rule.name).map { XXHash64.hash($0) }
        case .client: return hash(of: client(c, request, listener))
        case .forwardedFor: return hashForwarded(c, request, listener)
        case .cookie:
            let value = request.cookie(rule.name)
            if value.count > 0 { return XXHash64.hash(value) }
            return rule.cookieEnd.map { giveCookie(c, s, rule.name, $0) }
        }
    }

    /// `x-forwarded-for` as it goes to the host: one list, at the edge with the client behind it.
    private func hashForwarded(
        _ c: ConnectionPointer, _ request: RoutedRequest, _ listener: UnsafeMutablePointer<CompiledListener>
    ) -> UInt64? {
        let isThere = request.join(Bytes("x-forwarded-for"), in: out)
        if listener.pointee.useRemoteAddress, !listener.pointee.skipXFFAppend {
            if isThere { out.append(byte: UInt8(ascii: ",")) }
            writeClientAddress(c)
        } else if !isThere {
            return nil
        }
        return XXHash64.hash(out.bytes, out.count)
    }

    /// Who has sent the request, as far as that can be trusted: as Envoy finds it.
    private func client(
        _ c: ConnectionPointer, _ request: RoutedRequest, _ listener: UnsafeMutablePointer<CompiledListener>
    ) -> PeerAddress {
        let hops = listener.pointee.trustedHops
        if listener.pointee.useRemoteAddress, hops == 0 { return c.pointee.remote }
        let place = listener.pointee.useRemoteAddress ? hops - 1 : hops
        guard let text = request.forwardedAddress(fromEnd: place) else { return c.pointee.remote }
        let told = PeerAddress(literal: text)
        return told.family == 0 ? c.pointee.remote : told
    }

    /// nil: it is no IP address.
    private func hash(of address: PeerAddress) -> UInt64? {
        if address.family == 0 { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
            buffer.baseAddress.map { XXHash64.hash($0, address.write($0)) }
        }
    }

    // MARK: Cookies

    /// Puts a cookie for the client into the answer; returns the hash of its value, which is that of the connection's addresses.
    private func giveCookie(_ c: ConnectionPointer, _ s: StreamPointer, _ name: Bytes, _ end: Bytes) -> UInt64 {
        out.clear()
        out.append(c.pointee.remote, withPort: true)
        let known = c.pointee.addresses
        out.append(
            known >= 0 ? addresses[known].pointee.local : PeerAddress(localOf: c.pointee.fd), withPort: true)
        let value = XXHash64.hash(out.bytes, out.count)
        out.clear()
        out.append("set-cookie: ")
        out.append(name)
        out.append("=\"")
        let text = out.count
        for digit in stride(from: 60, through: 0, by: -4) {
            let number = UInt8(truncatingIfNeeded: value >> UInt64(digit) & 15)
            out.append(byte: number < 10 ? 48 &+ number : 87 &+ number)
        }
        let hash = XXHash64.hash(out.bytes + text, out.count - text)
        out.append(byte: UInt8(ascii: "\""))
        out.append(end)
        out.append("\r\n")
        if s.pointee.cookies < 0 { s.pointee.cookies = cookies.take() }
        // Without room for it the client gets none, and comes again without.
        if s.pointee.cookies >= 0 { cookies[s.pointee.cookies].pointee.append(out.bytes, out.count) }
        out.clear()
        return hash
    }

    /// Fields of the answer for cookies that were given.
    @inline(never)
    func writeCookies(_ s: StreamPointer) {
        let given = cookies[s.pointee.cookies]
        out.append(given.pointee.bytes, given.pointee.count)
    }

    func dropCookies(_ s: StreamPointer) {
        cookies[s.pointee.cookies].pointee.free()
        cookies.give(s.pointee.cookies)
        s.pointee.cookies = -1
    }
}
