import CLinux

/// Limits of a message head.
struct HeadLimits: BitwiseCopyable {
    /// Bytes of start line and fields together.
    var bytes: Int
    /// Field lines.
    var fields: Int
    /// A request of HTTP/1.1 without `Host` is an error of the head; else whoever gets it has to see to that.
    var requiresHost = true

    /// Of responses: Envoy's.
    static let response = HeadLimits(bytes: 80 * 1024, fields: 100)
}

extension MessageHead {
    /// Parses a request head from `base[0..<end]` (RFC 9112 §3, §5). A pure function of its bytes: the same bytes cut
    /// anywhere give `incomplete` until the whole head is there.
    ///
    /// - Parameter slack: how many bytes behind `end` may be read, whatever they are.
    mutating func parseRequest(
        _ base: UnsafePointer<UInt8>, _ end: Int, limits: HeadLimits, slack: Int = 0
    ) -> HeadResult {
        reset(base, readable: end &+ slack)
        // What stands behind the limit is not looked at: the answer must not depend on how much came at once.
        let result = parseRequestHead(min(end, limits.bytes), limits)
        if case .incomplete = result, end > limits.bytes { return .failed(.headTooLarge) }
        return result
    }

    private mutating func parseRequestHead(_ end: Int, _ limits: HeadLimits) -> HeadResult {
        let tables = self.tables
        let base = self.base
        var p = 0
        isRequest = true
        // Empty lines before a request line are skipped (RFC 9112 §2.2).
        while p < end, base[p] == ASCII.cr || base[p] == ASCII.lf {
            if base[p] == ASCII.lf { return .failed(.bareLineFeed) }
            if p &+ 1 >= end { return .incomplete }
            if base[p &+ 1] != ASCII.lf { return .failed(.bareCarriageReturn) }
            p &+= 2
        }
        let start = p
        if p &+ 4 <= end, EightBytes.load(four: base + p) == EightBytes.load(four: ("GET " as StaticString).utf8Start) {
            p &+= 3
            method = .get
        } else {
            while p < end, tables.isToken(base[p]) { p &+= 1 }
            if p >= end { return p &- start > Method.longest ? .failed(.badMethod) : .incomplete }
            if base[p] != ASCII.space { return .failed(.badMethod) }
            guard let method = Method.parse(base + start, p &- start) else { return .failed(.badMethod) }
            self.method = method
        }
        methodStart = UInt32(truncatingIfNeeded: start)
        methodLength = UInt32(truncatingIfNeeded: p &- start)
        p &+= 1
        let targetStart = p
        p = cl_scan_invisible(base, p, end, readable)
        if p >= end { return .incomplete }
        if base[p] == ASCII.cr, p > targetStart {
            // A request of HTTP/0.9.
            if p &+ 1 >= end { return .incomplete }
            return .failed(base[p &+ 1] == ASCII.lf ? .versionNotSupported : .bareCarriageReturn)
        }
        if base[p] != ASCII.space || p == targetStart { return .failed(.badTarget) }
        target = UInt32(truncatingIfNeeded: targetStart)
        targetLength = UInt32(truncatingIfNeeded: p &- targetStart)
        p &+= 1
        if p &+ 8 <= end, EightBytes.load(base + p) == EightBytes.load(("HTTP/1.1" as StaticString).utf8Start) {
            p &+= 8
            minorVersion = 1
        } else {
            switch parseVersion(p, end) {
            case .complete(let next): p = next
            case let other: return other
            }
        }
        if p &+ 1 >= end { return .incomplete }
        if base[p] == ASCII.lf { return .failed(.bareLineFeed) }
        if base[p] != ASCII.cr || base[p &+ 1] != ASCII.lf { return .failed(.badRequestLine) }
        p &+= 2
        let result = parseFields(from: p, limit: end, maxCount: limits.fields)
        guard case .complete(let length) = result else { return result }
        if let error = interpretConnection() ?? interpretFraming() { return .failed(error) }
        if base[Int(target)] != UInt8(ascii: "/") || method == .connect,
            let error = interpretConnect() ?? interpretTarget()
        {
            return .failed(error)
        }
        if let error = interpretHost(isRequired: limits.requiresHost) { return .failed(error) }
        return .complete(length)
    }

    /// `HTTP/1.0` or `HTTP/1.1`, exactly (RFC 9112 §2.3).
    @inline(never)
    private mutating func parseVersion(_ start: Int, _ end: Int) -> HeadResult {
        let text = ("HTTP/1.1" as StaticString).utf8Start
        for i in 0..<5 {
            if start &+ i >= end { return .incomplete }
            if base[start &+ i] != text[i] { return .failed(.badVersion) }
        }
        if start &+ 8 > end { return .incomplete }
        let major = base[start &+ 5] &- 48
        let minor = base[start &+ 7] &- 48
        guard major < 10, base[start &+ 6] == UInt8(ascii: "."), minor < 10 else { return .failed(.badVersion) }
        if major != 1 || minor > 1 { return .failed(.versionNotSupported) }
        minorVersion = minor
        return .complete(start &+ 8)
    }

    /// CONNECT names host and port and has no body (RFC 9110 §9.3.6, RFC 9112 §3.2.3). Its target is its authority,
    /// whatever `Host` says.
    @inline(never)
    private mutating func interpretConnect() -> ParseError? {
        if method != .connect { return nil }
        if framing == .chunked { return .badTransferEncoding }
        if framing == .length { return .badContentLength }
        let text = base + Int(target)
        let length = Int(targetLength)
        var colon = length &- 1
        while colon > 0, text[colon] != UInt8(ascii: ":") { colon &-= 1 }
        guard colon > 0, let port = parseDecimal(text + colon + 1, length &- colon &- 1), port <= 65535 else {
            return .badTarget
        }
        isAbsoluteForm = true
        authority = target
        authorityLength = targetLength
        return nil
    }

    /// Reduces an absolute-form target to authority and path (RFC 9112 §3.2.2) and checks the other forms.
    @inline(never)
    private mutating func interpretTarget() -> ParseError? {
        let text = base + Int(target)
        let length = Int(targetLength)
        if method == .connect { return nil }
        if text[0] == UInt8(ascii: "/") { return nil }
        if method == .options, length == 1, text[0] == UInt8(ascii: "*") { return nil }
        var scheme = 0
        if length > 7, foldedEqual(text, ("http://" as StaticString).utf8Start, 7) { scheme = 7 }
        if length > 8, foldedEqual(text, ("https://" as StaticString).utf8Start, 8) { scheme = 8 }
        if scheme == 0 { return .badTarget }
        var p = scheme
        while p < length, text[p] != UInt8(ascii: "/"), text[p] != UInt8(ascii: "?"), text[p] != UInt8(ascii: "#") {
            p &+= 1
        }
        if !Self.isHostAndPort(text + scheme, p &- scheme) { return .badURL }
        isAbsoluteForm = true
        authority = target &+ UInt32(truncatingIfNeeded: scheme)
        authorityLength = UInt32(truncatingIfNeeded: p &- scheme)
        if p == length {
            // No path at all means `/` (RFC 9112 §3.2.2): the last byte of the scheme is one.
            target = target &+ UInt32(truncatingIfNeeded: scheme &- 1)
            targetLength = 1
        } else {
            target = target &+ UInt32(truncatingIfNeeded: p)
            targetLength = UInt32(truncatingIfNeeded: length &- p)
        }
        return nil
    }

    /// The authority of an absolute-form target: a name or an address, and maybe a port. As narrow as Envoy: no user
    /// information (RFC 9110 §4.2.4) and no character that others might take for the end of the host.
    private static func isHostAndPort(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        let isLiteral = length > 0 && text[0] == UInt8(ascii: "[")
        var p = isLiteral ? 1 : 0
        let start = p
        while p < length {
            switch text[p] {
            case 48...57, 65...70, 97...102, UInt8(ascii: "."): break
            case ASCII.colon where isLiteral: break
            case 71...90, 103...122, UInt8(ascii: "-"):
                if isLiteral { return false }
            default:
                if p == start { return false }
                if isLiteral {
                    if text[p] != UInt8(ascii: "]") { return false }
                    p &+= 1
                }
                guard p < length else { return isLiteral }
                guard text[p] == ASCII.colon, let port = parseDecimal(text + p + 1, length &- p &- 1) else {
                    return false
                }
                return port <= 65535
            }
            p &+= 1
        }
        return !isLiteral && p > start
    }

    /// Exactly one `Host` in HTTP/1.1, at most one in 1.0 (RFC 9112 §3.2), of the characters an authority may have.
    @inline(__always)
    private mutating func interpretHost(isRequired: Bool) -> ParseError? {
        var hosts = 0
        if present.contains(.host) {
            let isAbsoluteForm = isAbsoluteForm
            var field = fields
            let end = fields + count
            while field < end {
                if field.pointee.id == .host {
                    hosts &+= 1
                    if !isAuthority(field.pointee.value, field.pointee.valueLength) { return .badHost }
                    if !isAbsoluteForm {
                        authority = field.pointee.value
                        authorityLength = field.pointee.valueLength
                    }
                }
                field += 1
            }
        }
        if hosts > 1 { return .duplicateHost }
        if !isAbsoluteForm { return hosts == 0 && minorVersion >= 1 && isRequired ? .missingHost : nil }
        return isAuthority(authority, authorityLength) ? nil : .badHost
    }

    @inline(__always)
    private func isAuthority(_ start: UInt32, _ length: UInt32) -> Bool {
        let end = Int(start) &+ Int(length)
        let p = cl_scan_unhosted(base, Int(start), end, readable)
        return p >= end || isUnusualAuthority(p, end)
    }

    @inline(never)
    private func isUnusualAuthority(_ start: Int, _ end: Int) -> Bool {
        var p = start
        let tables = self.tables
        while p < end {
            if !tables.isAuthority(base[p]) { return false }
            p &+= 1
        }
        return true
    }
}

extension Method {
    /// The length of the longest method known.
    static let longest = 11

    /// The methods Envoy accepts; nil for any other.
    static func parse(_ text: UnsafePointer<UInt8>, _ length: Int) -> Method? {
        @inline(__always) func has(_ name: StaticString) -> Bool {
            guard length == name.utf8CodeUnitCount else { return false }
            for i in 0..<length where text[i] != name.utf8Start[i] { return false }
            return true
        }
        switch length {
        case 3:
            if has("GET") { return .get }
            if has("PUT") { return .put }
            return has("ACL") ? .other : nil
        case 4:
            if has("POST") { return .post }
            if has("HEAD") { return .head }
            return has("BIND") || has("COPY") || has("LINK") || has("LOCK") || has("MOVE") ? .other : nil
        case 5:
            if has("PATCH") { return .patch }
            if has("TRACE") { return .trace }
            return has("MERGE") || has("MKCOL") || has("PURGE") ? .other : nil
        case 6:
            if has("DELETE") { return .delete }
            return has("NOTIFY") || has("REBIND") || has("REPORT") || has("SEARCH") || has("SOURCE")
                || has("UNBIND") || has("UNLINK") || has("UNLOCK") ? .other : nil
        case 7:
            if has("OPTIONS") { return .options }
            if has("CONNECT") { return .connect }
            return has("MSEARCH") ? .other : nil
        case 8: return has("CHECKOUT") || has("M-SEARCH") || has("PROPFIND") ? .other : nil
        case 9: return has("PROPPATCH") || has("SUBSCRIBE") ? .other : nil
        case 10: return has("MKACTIVITY") || has("MKCALENDAR") ? .other : nil
        case 11: return has("UNSUBSCRIBE") ? .other : nil
        default: return nil
        }
    }
}
