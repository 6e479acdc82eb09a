import CLinux
import Glibc
import ProxyConfig

/// What internal requests say to the router of timeouts and retries (Envoy's documentation of the router, "HTTP headers (consumed from
/// downstreams)"), and what HTTP filters have said in their place. Nobody else is obeyed; hosts see nothing of it.
extension Worker {
    private enum Order {
        case timeout, perTryTimeout, retryOn, maxRetries, statusCodes, headerNames, expectedTimeout
        /// Goes on to the host.
        case passes
        /// Is for a router that has what this one has not, or is said by the proxy itself.
        case dropped
    }

    private static func order(_ name: Bytes) -> Order {
        func has(_ text: StaticString) -> Bool { name.isFolded(text) }
        switch name.count {
        case 15, 20: return .passes
        case 16: return has("x-envoy-retry-on") ? .retryOn : .dropped
        case 19: return has("x-envoy-max-retries") ? .maxRetries : .passes
        case 30:
            if has("x-envoy-upstream-rq-timeout-ms") { return .timeout }
            if has("x-envoy-expected-rq-timeout-ms") { return .expectedTimeout }
            if has("x-envoy-retriable-header-names") { return .headerNames }
            return has("x-envoy-retriable-status-codes") ? .statusCodes : .dropped
        case 38: return .perTryTimeout
        default: return .dropped
        }
    }

    /// The route as the request wants it: valid until the next one.
    @inline(never)
    func obey(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: UnsafePointer<CompiledRoute>
    ) -> UnsafePointer<CompiledRoute> {
        ordered.pointee = route.pointee
        var retry = CompiledRetry()
        retry.retries = 1
        retry.marks = route.pointee.attempts
        if let policy = route.pointee.retry {
            retry = policy.pointee
        } else if route.pointee.otherHost.map({ if case .upstream = $0.pointee.source { true } else { false } }) == true
        {
            retry.marks.insert(.hostname)
        }
        var timeoutNs = route.pointee.timeoutNs
        var most: UInt64?
        // Then the other timeout is for somebody else.
        let isExpected = listener.pointee.respectsExpectedTimeout && saysExpected(head)
        for i in 0..<head.pointee.count where head.pointee.fields[i].id == .xEnvoyInternalOnly {
            let field = head.pointee.fields[i]
            let base = head.pointee.base
            let value = Bytes(base + Int(field.value), Int(field.valueLength))
            switch Self.order(Bytes(base + Int(field.name), Int(field.nameLength))) {
            case .timeout: if !isExpected, let ms = value.decimal { timeoutNs = Self.nanoseconds(ms) }
            case .expectedTimeout:
                if isExpected, let ms = value.decimal { timeoutNs = Self.nanoseconds(ms) }
            case .perTryTimeout: if let ms = value.decimal { retry.perTryNs = Self.nanoseconds(ms) }
            case .retryOn: retry.conditions.formUnion(RetryWords.conditions(value))
            case .maxRetries: most = value.decimal ?? most
            case .statusCodes:
                RetryWords.forEach(value) { if let code = $0.decimal, code < 640 { retry.codes.insert(UInt16(code)) } }
            case .headerNames:
                if retry.hasNames { orderedNames.append(",") } else { orderedNames.clear() }
                orderedNames.appendLower(value.start, value.count)
                retry.hasNames = true
            case .passes, .dropped: break
            }
        }
        if !retry.conditions.isEmpty, let most { retry.retries = UInt32(clamping: most) }
        state.pointee.passesTimeout = isExpected
        retry.boundTries(by: timeoutNs)
        if timeoutNs > 0, !listener.pointee.suppressesEnvoyHeaders { retry.marks.insert(.expected) }
        ordered.pointee.timeoutNs = timeoutNs
        orderedRetry.pointee = retry
        ordered.pointee.retry =
            retry.conditions.isEmpty && !retry.limitsTries && route.pointee.redirects == nil
            ? nil : UnsafePointer(orderedRetry)
        let expectedNs = retry.perTryNs > 0 ? retry.perTryNs : timeoutNs
        orderedTimeout.clear()
        if expectedNs > 0, !listener.pointee.suppressesEnvoyHeaders {
            orderedTimeout.append("x-envoy-expected-rq-timeout-ms: ")
            orderedTimeout.append(decimal: expectedNs / 1_000_000)
            orderedTimeout.append("\r\n")
        }
        ordered.pointee.expectedTimeout = Bytes(orderedTimeout.bytes, orderedTimeout.count)
        return UnsafePointer(ordered)
    }

    private func saysExpected(_ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        (0..<head.pointee.count).contains { i in
            let field = head.pointee.fields[i]
            let name = Bytes(head.pointee.base + Int(field.name), Int(field.nameLength))
            return field.id == .xEnvoyInternalOnly && Self.order(name) == .expectedTimeout
        }
    }

    private static func nanoseconds(_ milliseconds: UInt64) -> UInt64 {
        // A century is as good as for ever.
        min(milliseconds, 100 * 365 * 86_400_000) &* 1_000_000
    }

    /// Passes on what is not for this router; all of it, where filters come first.
    @inline(never)
    func writeOrder(_ field: HeaderField, of base: UnsafePointer<UInt8>, _ route: UnsafePointer<CompiledRoute>) {
        let order = Self.order(Bytes(base + Int(field.name), Int(field.nameLength)))
        switch order {
        case .passes: out.append(field, of: base)
        // What is expected without a timeout of ours stays what somebody else has said.
        case .expectedTimeout:
            if state.pointee.keepsOrders || route.pointee.expectedTimeout.count == 0 { out.append(field, of: base) }
        case .timeout:
            let isOther = route == UnsafePointer(ordered) && state.pointee.passesTimeout
            if state.pointee.keepsOrders || isOther { out.append(field, of: base) }
        case .perTryTimeout, .retryOn, .maxRetries, .statusCodes, .headerNames:
            if state.pointee.keepsOrders { out.append(field, of: base) }
        case .dropped: break
        }
    }

    // MARK: - Tries

    private static var attemptCount: Bytes { Bytes("x-envoy-attempt-count") }

    /// In a head that stands in `out` without its empty line.
    func noteAttempt(_ number: UInt32, from start: Int) {
        changedValue.clear()
        changedValue.append(decimal: UInt64(number))
        HeadLines(out, from: start).change(
            .overwriteOrAdd, Self.attemptCount, Bytes(changedValue.bytes, changedValue.count))
    }

    /// Says it to the client, in place of what was to be said before.
    func keepAttempts(_ s: StreamPointer, _ number: UInt32) {
        changedValue.clear()
        changedValue.append(decimal: UInt64(number))
        keptChanges.clear()
        KeptChanges.write(
            .overwriteOrAdd, Self.attemptCount, Bytes(changedValue.bytes, changedValue.count), to: keptChanges)
        s.pointee.changes.append(keptChanges.bytes, keptChanges.count)
        s.pointee.flags.insert(.changesResponse)
    }

    /// Writes what differs from try to try into a request that is sent again.
    @inline(never)
    func markTry(_ s: StreamPointer, _ r: RetryState) {
        if r.policy.marks.contains(.response) { keepAttempts(s, r.attempts &+ 1) }
        guard !r.policy.marks.isDisjoint(with: [.request, .hostname, .expected]) else { return }
        let kept = s.pointee.buffer
        guard !kept.isEmpty, let end = Self.headEnd(kept) else { return }
        out.clear()
        // Without the empty line.
        out.append(kept.bytes, end - 2)
        if r.policy.marks.contains(.request) { noteAttempt(r.attempts &+ 1, from: 0) }
        if r.policy.marks.contains(.hostname) {
            let lines = HeadLines(out, from: 0)
            let name = hosts[s.pointee.host].pointee.hostname
            if name.count > 0, let line = lines.find(Bytes("host")) { lines.replace(line.value, line.end, by: name) }
        }
        if r.policy.marks.contains(.expected) { noteExpected(s, r.policy) }
        out.append("\r\n")
        let names = snapshot.clusters[Int(s.pointee.cluster)].headerCase
        let preserved = snapshot.listeners[Int(connections[s.pointee.downstream].pointee.listener)].headerCase
        if preserved.contains(.properOthers), let line = HeadLines(out, from: 0).find(Self.attemptCount) {
            ProperCase.writeName(out, line.start)
        }
        // What came with capitals has them still.
        if names.contains(.proper), !preserved.contains(.preserve) { ProperCase.write(out, from: 0) }
        var marked = ByteBuffer()
        marked.append(out.bytes, out.count)
        marked.append(kept.bytes + end, kept.count - end)
        s.pointee.buffer.free()
        s.pointee.buffer = marked
        out.clear()
    }

    /// What is left of the time, or a try's own.
    private func noteExpected(_ s: StreamPointer, _ policy: CompiledRetry) {
        let lines = HeadLines(out, from: 0)
        guard s.pointee.timeoutNs > 0, let line = lines.find(Bytes("x-envoy-expected-rq-timeout-ms")) else { return }
        let elapsed = s.pointee.flags.contains(.requestEnded) ? state.pointee.nowNs &- s.pointee.requestEndNs : 0
        let left = s.pointee.timeoutNs > elapsed ? s.pointee.timeoutNs - elapsed : 0
        let expected = max((policy.perTryNs > 0 ? min(policy.perTryNs, left) : left) / 1_000_000, 1)
        changedValue.clear()
        changedValue.append(decimal: expected)
        lines.replace(line.value, line.end, by: Bytes(changedValue.bytes, changedValue.count))
    }

    /// Where the head ends, behind its empty line.
    static func headEnd(_ bytes: ByteBuffer) -> Int? {
        var p = 0
        while p + 4 <= bytes.count {
            let at = bytes.bytes + p
            if at[0] == ASCII.cr, at[2] == ASCII.cr, at[1] == ASCII.lf, at[3] == ASCII.lf { return p + 4 }
            p += 1
        }
        return nil
    }
}

/// Lists of words as `x-envoy-retry-on` has them.
enum RetryWords {
    static func forEach(_ list: Bytes, _ body: (Bytes) -> Void) {
        var start = 0
        while start <= list.count {
            var end = start
            while end < list.count, list.start[end] != UInt8(ascii: ",") { end += 1 }
            body(Bytes(list.start + start, end - start).trimmed)
            start = end + 1
        }
    }

    /// As in Envoy what is not known says nothing.
    static func conditions(_ list: Bytes) -> RetryPolicy.Conditions {
        var found: RetryPolicy.Conditions = []
        forEach(list) { word in
            for (name, condition) in known where word.count == name.utf8CodeUnitCount {
                if memcmp(word.start, name.utf8Start, word.count) == 0 { found.formUnion(condition) }
            }
        }
        return found
    }

    private static let known: [(StaticString, RetryPolicy.Conditions)] = [
        ("5xx", .fiveXX), ("gateway-error", .gatewayError), ("reset", .reset),
        ("reset-before-request", .resetBeforeRequest), ("connect-failure", .connectFailure),
        ("retriable-4xx", .retriable4xx), ("retriable-status-codes", .statusCodes), ("envoy-ratelimited", .rateLimited),
        ("retriable-headers", .headers),
    ]
}
