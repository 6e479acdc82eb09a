/// Names of trailers as they come, byte by byte: a hash is all that is kept of them.
enum TrailerName {
    /// FNV-1a's beginning.
    static let empty: UInt64 = 0xCBF2_9CE4_8422_2325

    /// One more byte, in whichever case.
    static func hash(_ before: UInt64, _ c: UInt8) -> UInt64 {
        (before ^ UInt64(ASCII.lower(c))) &* 0x0000_0100_0000_01B3
    }

    /// Whether this is the hash of a name that no trailer may have: of framing, routing, or the connection (RFC 9110 §6.5.1).
    /// Another name with the same hash is refused as well; nobody is harmed but who looked for it.
    static func isForbidden(_ hash: UInt64) -> Bool {
        for name in forbidden where self.hash(of: name) == hash { return true }
        return false
    }

    private static let forbidden: [StaticString] = [
        "content-length", "transfer-encoding", "host", "connection", "keep-alive", "proxy-connection", "te", "trailer",
        "upgrade", "expect", "authorization", "proxy-authorization", "cookie", "set-cookie", "content-type",
        "content-encoding", "content-range", "range", "max-forwards", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto",
    ]

    private static func hash(of name: StaticString) -> UInt64 {
        var value = empty
        for i in 0..<name.utf8CodeUnitCount { value = hash(value, name.utf8Start[i]) }
        return value
    }
}
