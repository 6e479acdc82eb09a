import CLinux

/// The filter `cors` (Fetch standard, "CORS protocol").
extension Worker {
    func passesCORS(_ f: Filtered, _ policy: UnsafePointer<CompiledCORS>, _ index: Int) -> Bool {
        // As in Envoy, answers of routes are for all.
        if let route = f.route, route.pointee.cluster == CompiledRoute.noCluster { return true }
        let isOn = policy.pointee.enabled?.contains(random()) ?? true
        guard isOn || policy.pointee.shadowEnabled?.contains(random()) ?? false else { return true }
        let request = request(f)
        guard let origin = origin(request), origin.count > 0 else { return true }
        let stats = listenerStats[Int(f.c.pointee.listener)]
        let isAllowed = policy.pointee.allows(origin)
        stats.cors[isAllowed ? .origin_valid : .origin_invalid].increment()
        guard isOn else { return true }
        let isPreflight = isPreflight(f.head, request)
        guard isAllowed else {
            if !isPreflight || policy.pointee.forwardsOtherPreflights { return true }
            answerPreflight(f, policy.pointee, request, origin: nil)
            return false
        }
        filterNotes[index] = .allowedOrigin
        guard isPreflight else { return true }
        answerPreflight(f, policy.pointee, request, origin: origin)
        return false
    }

    /// All that the request says of where it comes from; nil: nothing.
    private func origin(_ request: RoutedRequest) -> Bytes? {
        let name = Bytes("origin")
        guard let first = request.field(name) else { return nil }
        guard var next = request.field(name, after: first) else { return request.value(first) }
        changedValue.clear()
        changedValue.append(request.value(first))
        while true {
            changedValue.append(",")
            changedValue.append(request.value(next))
            guard let another = request.field(name, after: next) else { break }
            next = another
        }
        return Bytes(changedValue.bytes, changedValue.count)
    }

    private func isPreflight(_ head: UnsafeMutablePointer<MessageHead>, _ request: RoutedRequest) -> Bool {
        let options = Bytes("OPTIONS")
        guard let method = request.method, method.count == options.count,
            options.isPrefix(of: method.start, method.count),
            let field = request.field(Bytes("access-control-request-method"))
        else { return false }
        return request.value(field).count > 0
    }

    private func answerPreflight(
        _ f: Filtered, _ policy: CompiledCORS, _ request: RoutedRequest, origin: Bytes?
    ) {
        answerChanges.clear()
        func set(_ name: StaticString, _ value: Bytes) {
            if value.count > 0 { KeptChanges.write(.overwriteOrAdd, Bytes(name), value, to: answerChanges) }
        }
        if let origin { set("access-control-allow-origin", origin) }
        if policy.allowsCredentials { set("access-control-allow-credentials", Bytes("true")) }
        set("access-control-allow-methods", policy.methods)
        set("access-control-allow-headers", policy.headers)
        set("access-control-max-age", policy.maxAge)
        if policy.allowsPrivateNetwork, let field = request.field(Bytes("access-control-request-private-network")),
            request.value(field).isFolded("true")
        {
            set("access-control-allow-private-network", Bytes("true"))
        }
        note(f.s, .corsResponse)
        if f.s.pointee.log >= 0 { captureUnrouted(f.s, f.c, f.head) }
        keepChangesOfAnswer(f, nil)
        reply(f.slot, f.c, status: 200, body: "", isMapped: false)
    }

    /// What is done to the response of a request whose origin is allowed.
    func writeCORSChanges(_ policy: CompiledCORS, origin: Bytes, to changes: OutputScratch) {
        KeptChanges.write(.overwriteOrAdd, Bytes("access-control-allow-origin"), origin, to: changes)
        if policy.allowsCredentials {
            KeptChanges.write(.overwriteOrAdd, Bytes("access-control-allow-credentials"), Bytes("true"), to: changes)
        }
        if policy.exposeHeaders.count > 0 {
            KeptChanges.write(
                .overwriteOrAdd, Bytes("access-control-expose-headers"), policy.exposeHeaders, to: changes)
        }
    }
}
