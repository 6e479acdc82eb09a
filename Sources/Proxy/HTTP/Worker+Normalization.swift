import CLinux
import Glibc
import ProxyConfig

/// What a listener has done to a head before it is routed; nothing in most listeners.
struct HeadNormalization: BitwiseCopyable {
    var path = PathNormalizer()
    var underscores = Underscores.allow
    var port = HostPort.keep
    var stripsDot = false

    init() {}

    init(_ http: HTTPConnectionManager) {
        path = PathNormalizer(
            isOn: http.normalizesPath, mergesSlashes: http.mergesSlashes, escapedSlashes: http.escapedSlashes)
        underscores = http.underscores
        port = http.hostPort
        stripsDot = http.stripsTrailingDot
    }

    var isIdle: Bool { path.isIdle && underscores == .allow && port == .keep && !stripsDot }
}

extension Worker {
    /// `headers_with_underscores_action`; false: the request has been refused.
    @inline(never)
    func passesUnderscores(_ slot: Int32, _ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        guard listener.pointee.normalization.underscores != .allow else { return true }
        let codec = listenerStats[Int(c.pointee.listener)].codec
        for i in 0..<head.pointee.count {
            let field = head.pointee.fields + i
            let name = head.pointee.base + Int(field.pointee.name)
            guard memchr(name, Int32(UInt8(ascii: "_")), Int(field.pointee.nameLength)) != nil else { continue }
            if listener.pointee.normalization.underscores == .reject {
                codec[.requests_rejected_with_underscores_in_headers].increment()
                refuse(slot, c, .underscore, head: UnsafeBufferPointer(start: head.pointee.base, count: 0))
                return false
            }
            codec[.dropped_headers_with_underscores].increment()
            // It goes no further, as if `Connection` named it.
            field.pointee.isNominated = true
        }
        return true
    }

    /// Path and authority as they are routed and passed on; false: the request has been answered.
    @inline(never)
    func normalize(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>
    ) -> Bool {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        if !hasHost(slot, c, s, head) { return false }
        if let trusted = listener.pointee.internalAddresses {
            head.pointee.isInternal = isInternal(c, head, trusted.pointee)
        }
        if head.pointee.isAbsoluteForm, head.pointee.method != .connect, !listener.pointee.allowsAbsoluteURL {
            // As in Envoy, for which it is a path that does not begin as one.
            listenerStats[Int(c.pointee.listener)].http[.downstream_rq_non_relative_path].increment()
            note(s, .absolutePathRejected)
            if s.pointee.log >= 0 { captureRaw(s, c, head) }
            reply(slot, c, status: 404, body: "")
            return false
        }
        let wanted = listener.pointee.normalization
        if !wanted.path.isIdle, head.pointee.method != .connect, head.pointee.targetLength > 0,
            !normalizePath(slot, c, s, head, wanted.path)
        {
            return false
        }
        if wanted.stripsDot { stripDot(head) }
        if wanted.port != .keep { stripPort(head, ours: wanted.port == .stripIfOurs ? localPort(c) : nil) }
        return true
    }

    /// What the parser lets pass where connections outlive errors (`HeadLimits.requiresHost`); false: the request has been answered.
    private func hasHost(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>
    ) -> Bool {
        let isMissing = head.pointee.minorVersion > 0 && !head.pointee.isAbsoluteForm
        guard isMissing, !head.pointee.present.contains(.host) else { return true }
        note(s, .missingHost)
        if s.pointee.log >= 0 { captureRaw(s, c, head) }
        reply(slot, c, status: 400, body: "")
        return false
    }

    /// Whether the connection goes on behind the answer to a request that is invalid, but whose end is known.
    func outlivesErrors(_ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        snapshot.listeners[Int(c.pointee.listener)].keepsAfterErrors && head.pointee.minorVersion > 0
    }

    private func normalizePath(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ normalizer: PathNormalizer
    ) -> Bool {
        let target = head.pointee.base + Int(head.pointee.target)
        let length = Int(head.pointee.targetLength)
        guard target[0] == UInt8(ascii: "/") else { return true }
        let end = min(cl_scan_path_end(target, 0, length, length), length)
        if normalizer.leavesAlone(UnsafeBufferPointer(start: target, count: end)) { return true }
        let stats = listenerStats[Int(c.pointee.listener)]
        return withUnsafeTemporaryAllocation(
            of: UInt8.self, capacity: PathNormalizer.room(for: end) &+ length &- end
        ) { room -> Bool in
            guard let out = room.baseAddress else { return false }
            switch normalizer.normalize(UnsafeBufferPointer(start: target, count: end), to: out) {
            case .refused:
                stats.http[.downstream_rq_failed_path_normalization].increment()
                note(s, .pathNormalizationFailed)
                if s.pointee.log >= 0 { captureRaw(s, c, head) }
                reply(slot, c, status: 400, body: "", close: !outlivesErrors(c, head))
                return false
            case .redirect(let count):
                memcpy(out + count, target + end, length &- end)
                stats.http[.downstream_rq_redirected_with_normalized_path].increment()
                note(s, .pathNormalizationRedirect)
                if s.pointee.log >= 0 { captureRaw(s, c, head) }
                replyRedirect(slot, c, status: 307, Bytes(out, count &+ length &- end))
                return false
            case .path(let count):
                memcpy(out + count, target + end, length &- end)
                setTarget(head, out, count &+ length &- end)
                return true
            }
        }
    }

    /// Where the old one stood if it fits there; a longer one moves all that stands behind it.
    private func setTarget(_ head: UnsafeMutablePointer<MessageHead>, _ target: UnsafePointer<UInt8>, _ length: Int) {
        let old = Int(head.pointee.targetLength)
        let at = Int(head.pointee.target)
        head.pointee.targetLength = UInt32(truncatingIfNeeded: length)
        if length <= old {
            // The head stands in a buffer of ours, and is not parsed again.
            memcpy(UnsafeMutablePointer(mutating: head.pointee.base + at), target, length)
            return
        }
        var end = at &+ old
        for i in 0..<head.pointee.count {
            let field = head.pointee.fields[i]
            end = max(end, Int(field.name) &+ Int(field.nameLength), Int(field.value) &+ Int(field.valueLength))
        }
        let grown = UInt32(truncatingIfNeeded: length &- old)
        movedHead.clear()
        movedHead.append(head.pointee.base, at)
        movedHead.append(target, length)
        movedHead.append(head.pointee.base + (at &+ old), end &- at &- old)
        for i in 0..<head.pointee.count {
            head.pointee.fields[i].name &+= grown
            head.pointee.fields[i].value &+= grown
        }
        // An absolute-form target has its authority in front of the path.
        if Int(head.pointee.authority) > at { head.pointee.authority &+= grown }
        head.pointee.base = UnsafePointer(movedHead.bytes)
        head.pointee.readable = movedHead.count
        head.pointee.length &+= Int(grown)
    }

    /// `example.com.` and `example.com.:80` lose their dot.
    private func stripDot(_ head: UnsafeMutablePointer<MessageHead>) {
        let host = UnsafeMutablePointer(mutating: head.pointee.base + Int(head.pointee.authority))
        let length = Int(head.pointee.authorityLength)
        var dot = length &- 1
        while dot >= 0, host[dot] != UInt8(ascii: ".") { dot &-= 1 }
        if dot < 0 { return }
        if dot == length &- 1 {
            head.pointee.authorityLength &-= 1
        } else if host[dot &+ 1] == UInt8(ascii: ":") {
            memmove(host + dot, host + dot + 1, length &- dot &- 1)
            head.pointee.authorityLength &-= 1
        }
    }

    /// The port that the client connected to, as far as it knows.
    func localPort(_ c: ConnectionPointer) -> UInt16 {
        (addresses(of: c)?.pointee.local ?? PeerAddress(localOf: c.pointee.fd)).port
    }

    /// - Parameter ours: only this one; nil: any.
    private func stripPort(_ head: UnsafeMutablePointer<MessageHead>, ours: UInt16?) {
        let host = head.pointee.base + Int(head.pointee.authority)
        let length = Int(head.pointee.authorityLength)
        var colon = length &- 1
        while colon >= 0, host[colon] != UInt8(ascii: ":") { colon &-= 1 }
        guard colon >= 0, colon &+ 1 < length, length &- colon <= 11 else { return }
        // The colons of an IPv6 address stand inside of its brackets.
        if host[0] == UInt8(ascii: "["), colon == 0 || host[colon &- 1] != UInt8(ascii: "]") { return }
        var port: UInt64 = 0
        for i in (colon &+ 1)..<length {
            let digit = host[i] &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            port = port &* 10 &+ UInt64(digit)
        }
        if let ours, port != UInt64(ours) { return }
        head.pointee.authorityLength = UInt32(truncatingIfNeeded: colon)
    }
}
