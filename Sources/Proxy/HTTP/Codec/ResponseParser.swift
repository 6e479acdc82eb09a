import CLinux

extension MessageHead {
    /// Parses a response head from `base[0..<end]` (RFC 9112 §4). As strict as requests are parsed: what upstream sends
    /// is no more to be trusted than what a client sends.
    ///
    /// - Parameters:
    ///   - requestMethod: the method of the request it answers: a response to HEAD has no body (§6.3).
    ///   - slack: how many bytes behind `end` may be read, whatever they are.
    mutating func parseResponse(
        _ base: UnsafePointer<UInt8>, _ end: Int, limits: HeadLimits, requestMethod: Method, slack: Int = 0
    ) -> HeadResult {
        reset(base, readable: end &+ slack)
        // What stands behind the limit is not looked at: the answer must not depend on how much came at once.
        let result = parseResponseHead(min(end, limits.bytes), limits, requestMethod)
        if case .incomplete = result, end > limits.bytes { return .failed(.headTooLarge) }
        return result
    }

    private mutating func parseResponseHead(_ end: Int, _ limits: HeadLimits, _ requestMethod: Method) -> HeadResult {
        let base = self.base
        let expected: StaticString = "HTTP/1."
        let known = EightBytes.load(four: expected.utf8Start) | EightBytes.load(four: expected.utf8Start + 3) << 32
        if end <= 12 || EightBytes.load(four: base) | EightBytes.load(four: base + 3) << 32 != known {
            for i in 0..<7 {
                if i >= end { return .incomplete }
                if base[i] != expected.utf8Start[i] { return .failed(.badStatusLine) }
            }
            return .incomplete
        }
        switch base[7] {
        case UInt8(ascii: "0"): minorVersion = 0
        case UInt8(ascii: "1"): minorVersion = 1
        default: return .failed(.badVersion)
        }
        guard base[8] == ASCII.space, let code = parseDecimal(base + 9, 3), code >= 100, code <= 999 else {
            return .failed(.badStatusLine)
        }
        status = UInt16(truncatingIfNeeded: code)
        var p = 12
        // The space after the code may be missing when there is no reason.
        if base[p] == ASCII.space { p &+= 1 } else if base[p] != ASCII.cr { return .failed(.badStatusLine) }
        reason = UInt32(truncatingIfNeeded: p)
        p = cl_scan_controls(base, p, end, readable)
        while p < end, base[p] == ASCII.tab { p = cl_scan_controls(base, p &+ 1, end, readable) }
        if p >= end { return .incomplete }
        reasonLength = UInt32(truncatingIfNeeded: p) &- reason
        if base[p] == ASCII.lf { return .failed(.bareLineFeed) }
        if base[p] != ASCII.cr { return .failed(.badStatusLine) }
        if p &+ 1 >= end { return .incomplete }
        if base[p &+ 1] != ASCII.lf { return .failed(.bareCarriageReturn) }
        let result = parseFields(from: p &+ 2, limit: end, maxCount: limits.fields)
        guard case .complete = result else { return result }
        _ = interpretConnection()
        if requestMethod == .connect, status / 100 == 2 {
            // What follows is the tunnel, whatever the fields say (RFC 9110 §9.3.6).
            framing = .none
            return result
        }
        if let error = interpretFraming() { return .failed(error) }
        if status < 200 || status == 204, let error = checkBodiless() { return .failed(error) }
        if requestMethod == .head || status == 204 || status == 304 || status < 200 {
            framing = .none
        } else if framing == .none, !present.contains(.contentLength) {
            framing = .untilClose
        }
        return result
    }

    /// RFC 9112 §6.1 and RFC 9110 §8.6 forbid a coding and a length in 1xx and 204; Envoy takes them for protocol errors,
    /// but for a plain zero.
    @inline(never)
    private func checkBodiless() -> ParseError? {
        if framing == .chunked { return .badTransferEncoding }
        guard let length = value(.contentLength) else { return nil }
        return length.count != 1 || contentLength > 0 ? .badContentLength : nil
    }
}
