/// Byte classes of HTTP/1.1's grammar, as 256-byte tables that live for the whole process.
enum ASCII {
    /// Bit 0: token character (RFC 9110 §5.6.2). Bit 1: field value character, VCHAR, obs-text, SP, HTAB (§5.5).
    /// Bit 2: allowed in an authority: unreserved, sub-delims, and `:@[]%` (RFC 3986 §3.2).
    nonisolated(unsafe) private static let classes: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        table.initialize(repeating: 0, count: 256)
        for byte in 0..<256 {
            let c = UInt8(byte)
            let alphanumeric =
                (48...57).contains(c) || (65...90).contains(c) || (97...122).contains(c)
            if alphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(c) { table[byte] |= 1 }
            if c == 9 || (c >= 32 && c != 127) { table[byte] |= 2 }
            if alphanumeric || "-._~!$&'()*+,;=:@[]%".utf8.contains(c) { table[byte] |= 4 }
        }
        return UnsafePointer(table)
    }()

    /// The tables' addresses, fetched once per parse: a global's lazy initialiser is checked on each access.
    struct Tables: BitwiseCopyable {
        let classes: UnsafePointer<UInt8>
        @inline(__always) func isToken(_ c: UInt8) -> Bool { classes[Int(c)] & 1 != 0 }
        @inline(__always) func isFieldValue(_ c: UInt8) -> Bool { classes[Int(c)] & 2 != 0 }
        @inline(__always) func isAuthority(_ c: UInt8) -> Bool { classes[Int(c)] & 4 != 0 }
    }
    static var tables: Tables { Tables(classes: classes) }

    @inline(__always) static func lower(_ c: UInt8) -> UInt8 { c &- 65 < 26 ? c | 0x20 : c }

    static let cr: UInt8 = 13
    static let lf: UInt8 = 10
    static let space: UInt8 = 32
    static let tab: UInt8 = 9
    static let colon: UInt8 = 58
}
