import CLinux

/// The header fields that the proxy itself looks at; everything else is `other` and is passed on untouched.
///
/// Raw values are small and dense, so that a set of them is one word (`HeaderIDSet`).
enum HeaderID: UInt8, BitwiseCopyable {
    case other
    case host, connection, keepAlive, proxyConnection, transferEncoding, contentLength, te, trailer, upgrade, expect
    case date, server, via
    case xForwardedFor, xForwardedProto, xRequestID
    case xEnvoyUpstreamServiceTime, xEnvoyExternalAddress, xEnvoyOriginalHost
    /// What only an internal client may say (`x-envoy-retry-on`, `x-envoy-upstream-rq-timeout-ms` …): removed from requests.
    case xEnvoyInternalOnly
    /// What is removed besides at the edge (`use_remote_address`).
    case xEnvoyEdgeOnly
    case http2Settings
    /// Of a response: its host is not well.
    case xEnvoyImmediateHealthCheckFail
    /// Of a response to a health check: its host is used where others do not suffice.
    case xEnvoyDegraded
    /// Of a response: its host wants to be left alone.
    case xEnvoyRateLimited
}

/// A set of header ids as one word.
struct HeaderIDSet: BitwiseCopyable {
    var bits: UInt64 = 0
    @inline(__always) func contains(_ id: HeaderID) -> Bool { bits & (1 &<< UInt64(id.rawValue)) != 0 }
    /// Whether there is one of the fields that concern the connection, or the way of a message over it.
    @inline(__always) var hasConnectionField: Bool {
        var some = HeaderIDSet()
        some.insert(.connection)
        some.insert(.proxyConnection)
        some.insert(.te)
        some.insert(.expect)
        some.insert(.upgrade)
        return bits & some.bits != 0
    }
    @inline(__always) mutating func insert(_ id: HeaderID) { bits |= 1 &<< UInt64(id.rawValue) }
}

extension HeaderID {
    /// Whether there may be a name of ours with this length and first letter: most others are told apart by that.
    @inline(__always)
    static func mayBeKnown(_ first: UInt8, _ length: Int) -> Bool {
        cl_known_name(first, length)
    }

    /// Classifies a field name, ignoring case (RFC 9110 §5.1). Dispatches on the length first, so that a name which is
    /// none of ours costs one comparison.
    ///
    /// - Parameter name: a token.
    static func classify(_ name: UnsafePointer<UInt8>, _ length: Int) -> HeaderID {
        switch length {
        case 2: return equals(name, "te") ? .te : .other
        case 3: return equals(name, "via") ? .via : .other
        case 4:
            if equals(name, "host") { return .host }
            return equals(name, "date") ? .date : .other
        case 6:
            if equals(name, "expect") { return .expect }
            return equals(name, "server") ? .server : .other
        case 7:
            if equals(name, "upgrade") { return .upgrade }
            return equals(name, "trailer") ? .trailer : .other
        case 10:
            if equals(name, "connection") { return .connection }
            return equals(name, "keep-alive") ? .keepAlive : .other
        case 12: return equals(name, "x-request-id") ? .xRequestID : .other
        case 14:
            if equals(name, "content-length") { return .contentLength }
            return equals(name, "http2-settings") ? .http2Settings : classifyEnvoy(name, length)
        case 15: return equals(name, "x-forwarded-for") ? .xForwardedFor : classifyEnvoy(name, length)
        case 16:
            if equals(name, "proxy-connection") { return .proxyConnection }
            return classifyEnvoy(name, length)
        case 17:
            if equals(name, "transfer-encoding") { return .transferEncoding }
            return equals(name, "x-forwarded-proto") ? .xForwardedProto : .other
        default: return length > 8 ? classifyEnvoy(name, length) : .other
        }
    }

    private static func classifyEnvoy(_ name: UnsafePointer<UInt8>, _ length: Int) -> HeaderID {
        guard length > 8, name[0] | 0x20 == UInt8(ascii: "x"), name[1] == UInt8(ascii: "-"), equals(name, "x-envoy-")
        else { return .other }
        @inline(__always) func has(_ text: StaticString) -> Bool { equals(name, text) }
        switch length {
        case 15: return has("x-envoy-ip-tags") ? .xEnvoyInternalOnly : .other
        case 16:
            if has("x-envoy-degraded") { return .xEnvoyDegraded }
            return has("x-envoy-internal") || has("x-envoy-retry-on") ? .xEnvoyInternalOnly : .other
        case 19:
            if has("x-envoy-ratelimited") { return .xEnvoyRateLimited }
            return has("x-envoy-max-retries") || has("x-envoy-force-trace") ? .xEnvoyInternalOnly : .other
        case 20: return has("x-envoy-original-url") ? .xEnvoyInternalOnly : .other
        case 21:
            if has("x-envoy-original-path") { return .xEnvoyEdgeOnly }
            if has("x-envoy-original-host") { return .xEnvoyOriginalHost }
            return has("x-envoy-retry-grpc-on") ? .xEnvoyInternalOnly : .other
        case 24: return has("x-envoy-external-address") ? .xEnvoyExternalAddress : .other
        case 27: return has("x-envoy-decorator-operation") ? .xEnvoyEdgeOnly : .other
        case 29: return has("x-envoy-upstream-service-time") ? .xEnvoyUpstreamServiceTime : .other
        case 30:
            let isInternal =
                has("x-envoy-upstream-rq-timeout-ms") || has("x-envoy-expected-rq-timeout-ms")
                || has("x-envoy-upstream-alt-stat-name") || has("x-envoy-retriable-status-codes")
                || has("x-envoy-retriable-header-names")
            return isInternal ? .xEnvoyInternalOnly : .other
        case 31: return has("x-envoy-downstream-service-node") ? .xEnvoyEdgeOnly : .other
        case 32: return has("x-envoy-hedge-on-per-try-timeout") ? .xEnvoyInternalOnly : .other
        case 34: return has("x-envoy-downstream-service-cluster") ? .xEnvoyEdgeOnly : .other
        case 35: return has("x-envoy-immediate-health-check-fail") ? .xEnvoyImmediateHealthCheckFail : .other
        case 38: return has("x-envoy-upstream-rq-per-try-timeout-ms") ? .xEnvoyInternalOnly : .other
        case 40: return has("x-envoy-upstream-rq-timeout-alt-response") ? .xEnvoyInternalOnly : .other
        default: return .other
        }
    }

    /// Whether `name` begins with `lower`, which is of lower-case letters, digits and `-`, ignoring the case of `name`. The
    /// caller has compared the lengths, and `name` is a token: then setting 0x20 in each byte folds the letters and makes
    /// no other byte equal to one of those.
    @inline(__always)
    private static func equals(_ name: UnsafePointer<UInt8>, _ lower: StaticString) -> Bool {
        let length = lower.utf8CodeUnitCount
        let text = lower.utf8Start
        if length < 4 { return foldedEqual(name, text, length) }
        if length < 8 {
            let found = EightBytes.load(four: name) | EightBytes.load(four: name + length - 4) << 32
            let known = EightBytes.load(four: text) | EightBytes.load(four: text + length - 4) << 32
            return found | EightBytes.each &* 0x20 == known
        }
        let last = length &- 8
        var p = 0
        while p < last {
            if EightBytes.load(name + p) | EightBytes.each &* 0x20 != EightBytes.load(text + p) { return false }
            p &+= 8
        }
        return EightBytes.load(name + last) | EightBytes.each &* 0x20 == EightBytes.load(text + last)
    }
}

/// Compares `length` bytes, folding A–Z of `text` to lower case; `lower` is already folded.
@inline(__always)
func foldedEqual(_ text: UnsafePointer<UInt8>, _ lower: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var i = 0
    while i < length {
        if ASCII.lower(text[i]) != lower[i] { return false }
        i &+= 1
    }
    return true
}
