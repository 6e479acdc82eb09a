/// The target of a redirect that is followed: an absolute URL as Envoy reads it. All others are passed on.
struct RedirectURL {
    /// Of the host, with its port.
    private(set) var authority: Bytes
    /// With its query, without its fragment; never empty.
    private(set) var target: Bytes
    private(set) var isHTTP: Bool

    init?(_ url: Bytes) {
        var p = 0
        while p < url.count, Self.isLetter(url.start[p]) { p += 1 }
        let scheme = Bytes(url.start, p)
        guard p > 0, Bytes("://").isPrefix(of: url.start + p, url.count - p) else { return nil }
        isHTTP = scheme.isFolded("http")
        let first = p + 3
        var start = first
        p = start
        while p < url.count, url.start[p] != UInt8(ascii: "/"), url.start[p] != UInt8(ascii: "?") {
            if url.start[p] == UInt8(ascii: "@") {
                // Who it is for is not passed on. Once is enough.
                guard start == first, Self.isUserInfo(url.start + start, p - start) else { return nil }
                start = p + 1
            }
            p += 1
        }
        authority = Bytes(url.start + start, p - start)
        guard Self.isAuthority(authority) else { return nil }
        var end = p
        while end < url.count, url.start[end] != UInt8(ascii: "#") {
            guard url.start[end] > 0x20, url.start[end] < 0x7F else { return nil }
            end += 1
        }
        for i in end..<url.count where url.start[i] <= 0x20 || url.start[i] >= 0x7F { return nil }
        target = end == p ? Bytes("/") : Bytes(url.start + p, end - p)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func isUserInfo(_ start: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        (0..<count).allSatisfy { i in
            let byte = start[i]
            if isLetter(byte) || isDigit(byte) { return true }
            return Bytes("-_.!~*'()%;:&=+$,").contains(byte)
        }
    }

    /// A name or an address, and maybe a port.
    private static func isAuthority(_ text: Bytes) -> Bool {
        var p = 0
        if text.count > 0, text.start[0] == UInt8(ascii: "[") {
            p = 1
            while p < text.count, text.start[p] != UInt8(ascii: "]") {
                let byte = text.start[p]
                let isHex = isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 6
                guard isHex || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else { return false }
                p += 1
            }
            guard p > 1, p < text.count else { return false }
            p += 1
        } else {
            while p < text.count, text.start[p] != UInt8(ascii: ":") {
                let byte = text.start[p]
                guard isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") else {
                    return false
                }
                p += 1
            }
            if p == 0 { return false }
        }
        if p == text.count { return true }
        guard text.start[p] == UInt8(ascii: ":"), p + 1 < text.count else { return false }
        var port = 0
        for i in (p + 1)..<text.count {
            guard isDigit(text.start[i]), port < 65536 else { return false }
            port = port * 10 + Int(text.start[i] - UInt8(ascii: "0"))
        }
        return port < 65536
    }
}
