/// The first bytes of a connection to a listener with the PROXY protocol filter, and what must become of them. The tests run
/// them against the codec, cut at every place; the fuzzer begins with them.
///
/// The column of Envoy was found by sending each to Envoy 1.40, with `GET /` behind it.
public struct ProxyHeaderCase: Sendable {
    /// Both are as `RawText` has them.
    let text: String
    /// `v1 SOURCE DESTINATION`, `v2 nobody` (the connection's own ends), `malformed v1`, `not found`, `absent`,
    /// `disallowed v2`, `more` (the beginning of a header).
    public let expected: String
    /// nil: the same.
    public let envoy: String?
    /// Why we differ from Envoy, where we do.
    public let why: String
    public let rules: Rules

    /// What the listener takes.
    public enum Rules: Sendable {
        case all, allowsNone, v1Only, v2Only, v2OrNone
    }

    init(_ text: String, _ expected: String, envoy: String? = nil, why: String = "", rules: Rules = .all) {
        self.text = text
        self.expected = expected
        self.envoy = envoy
        self.why = why
        self.rules = rules
    }

    /// nil: the table is wrong.
    public var bytes: [UInt8]? { RawText.decode(text) }
    public var name: String { RawText.quote(bytes ?? []) }

    public static let all = lines + signs + binaries + entries + others

    private static let v1 = "v1 1.2.3.4:1111 5.6.7.8:2222"
    private static let loose =
        "the specification has exactly one form, and what others read otherwise is no address to trust"

    // MARK: Version 1

    static let lines = [
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, v1),
        ProxyHeaderCase(
            #"PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n"#, "v1 [2001:db8::1]:1111 [2001:db8::2]:2222"),
        ProxyHeaderCase(
            #"PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0001 2001:DB8::2 1 2\r\n"#,
            "v1 [2001:db8::1]:1 [2001:db8::2]:2"),
        ProxyHeaderCase(
            #"PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 1 2\r\n"#, "v1 [::ffff:1.2.3.4]:1 [::ffff:5.6.7.8]:2"),
        ProxyHeaderCase(#"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"#, "v1 127.0.0.1:1 127.0.0.1:2"),
        // The longest that says something.
        ProxyHeaderCase(
            #"PROXY TCP6 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"#,
            "v1 [1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 [1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        ProxyHeaderCase(#"PROXY UNKNOWN\r\n"#, "v1 nobody"),
        ProxyHeaderCase(#"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n"#, "v1 nobody"),
        ProxyHeaderCase(#"PROXY UNKNOWN \{91*x}\r\n"#, "v1 nobody"),
        ProxyHeaderCase(
            #"PROXY UNKNOWN \{92*x}\r\n"#, "malformed v1", envoy: "v1 nobody",
            why: "a line has 107 bytes at most, Envoy takes 108"),
        ProxyHeaderCase(#"PROXY UNKNOWN \{93*x}\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY UNKNOWN \r\n"#, "v1 nobody"),
        ProxyHeaderCase(#"PROXY UNKNOWNX\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY \r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222 x\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4  1.2.3.4 5.6.7.8 1111 2222\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY  TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4\t1.2.3.4 5.6.7.8 1111 2222\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222 \r\n"#, "malformed v1", envoy: v1, why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\t\r\n"#, "malformed v1", envoy: v1, why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\r\n"#, "malformed v1", envoy: v1, why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\n\r\n"#, "malformed v1", envoy: v1, why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4\0 5.6.7.8 1111 2222\r\n"#, "malformed v1", envoy: v1, why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 11"#, "more"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r"#, "more"),
    ]

    /// Numbers and addresses.
    static let signs = [
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n"#, "v1 1.2.3.4:0 5.6.7.8:0"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 65535 65535\r\n"#, "v1 1.2.3.4:65535 5.6.7.8:65535"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 65536 1\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"#, "malformed v1"),
        ProxyHeaderCase(
            #"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"#, "malformed v1", envoy: "v1 1.2.3.4:1 5.6.7.8:2", why: loose),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(
            #"PROXY TCP4 1.2.3.4 5.6.7.8 007 2\r\n"#, "malformed v1", envoy: "v1 1.2.3.4:7 5.6.7.8:2",
            why: "the specification forbids leading zeros"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 0x10 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1a 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 ::1 ::2 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP6 [::1] [::2] 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(
            #"PROXY TCP6 fe80::1%1 2001:db8::2 1 2\r\n"#, "malformed v1",
            envoy: "v1 [fe80::1%1]:1 [2001:db8::2]:2", why: "a zone means nothing on another host"),
        ProxyHeaderCase(#"PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 0.0.0.0 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 224.0.0.1 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 239.0.0.1 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP4 255.255.255.255 5.6.7.8 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP6 :: ::1 1 2\r\n"#, "malformed v1"),
        ProxyHeaderCase(#"PROXY TCP6 ::1 ff02::1 1 2\r\n"#, "malformed v1"),
    ]

    // MARK: Version 2

    private static let signature = #"\r\n\r\n\0\r\nQUIT\n"#
    private static let ipv4 = #"\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae"#
    private static let ipv6 = #"\x20\x01\x0d\xb8\{11*\0}\x01\x20\x01\x0d\xb8\{11*\0}\x02\x04\x57\x08\xae"#
    private static let v2 = "v2 1.2.3.4:1111 5.6.7.8:2222"
    private static let six = "v2 [2001:db8::1]:1111 [2001:db8::2]:2222"

    static let binaries = [
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c"# + ipv4, v2),
        ProxyHeaderCase(signature + #"\x21\x12\0\x0c"# + ipv4, v2),
        ProxyHeaderCase(signature + #"\x21\x21\0\x24"# + ipv6, six),
        ProxyHeaderCase(signature + #"\x21\x22\0\x24"# + ipv6, six),
        // LOCAL: whatever family and bytes it has.
        ProxyHeaderCase(signature + #"\x20\0\0\0"#, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\x11\0\x0c"# + ipv4, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\x11\0\0"#, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\0\0\x14\{20*x}"#, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\xf1\0\0"#, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\x31\0\xd8\{216*/}"#, "v2 nobody"),
        ProxyHeaderCase(signature + #"\x20\0\xff\xff\{65535*z}"#, "v2 nobody"),
        // Unix sockets and unspecified families: Envoy takes none, though the specification would have them as LOCAL.
        ProxyHeaderCase(signature + #"\x21\x31\0\xd8\{216*/}"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x32\0\xd8\{216*/}"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x31\0\x64\{100*/}"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\0\0\0"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x01\0\0"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\0\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x10\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x13\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x41\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\xf1\0\x0c"# + ipv4, "malformed v2"),
        // Command and version.
        ProxyHeaderCase(signature + #"\x22\x11\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x2f\x11\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x11\x11\0\x0c"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x31\x11\0\x0c"# + ipv4, "malformed v2"),
        // Lengths.
        ProxyHeaderCase(signature + #"\x21\x11\0\0"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0b"# + ipv4, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x21\0\x0c"# + ipv4, "malformed v2"),
        // Addresses.
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c\{12*\0}"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c\xe0\0\0\x01\x05\x06\x07\x08\x04\x57\x08\xae"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x21\0\x24\{36*\0}"#, "malformed v2"),
        ProxyHeaderCase(
            signature + #"\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0"#, "v2 1.2.3.4:0 5.6.7.8:0"),
        ProxyHeaderCase(signature, "more"),
        ProxyHeaderCase(#"\r\n\r\n\0"#, "more"),
        ProxyHeaderCase(signature + #"\x21\x11\xff\xff"# + ipv4 + #"\{1000*x}"#, "more"),
    ]

    /// Entries behind the addresses.
    static let entries = [
        ProxyHeaderCase(signature + #"\x21\x11\0\x13"# + ipv4 + #"\x02\0\x04host"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0f"# + ipv4 + #"\x04\0\0"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\0\x2d"# + ipv4 + #"\x04\0\x1e\{30*\0}"#, v2),
        // A checksum, which is wrong here; and one that is none.
        ProxyHeaderCase(signature + #"\x21\x11\0\x13"# + ipv4 + #"\x03\0\x04\0\0\0\x01"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\0\x11"# + ipv4 + #"\x03\0\x02\0\0"#, v2),
        // SSL, with entries of its own.
        ProxyHeaderCase(
            signature + #"\x21\x11\0\x1e"# + ipv4 + #"\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.2"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\x10\x0c"# + ipv4 + #"\xe0\x0f\xfd\{4093*z}"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\xff\xff"# + ipv4 + #"\xe0\xff\xf0\{65520*z}"#, v2),
        ProxyHeaderCase(signature + #"\x21\x11\0\x12"# + ipv4 + #"\x02\0\xffabc"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0d"# + ipv4 + #"\x02"#, "malformed v2"),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0e"# + ipv4 + #"\x02\0"#, "malformed v2"),
    ]

    // MARK: Neither

    private static let early = "what cannot become a header is closed at once; Envoy waits for 16 bytes or a line's end"

    static let others = [
        ProxyHeaderCase(#"proxy TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "not found"),
        ProxyHeaderCase(#" PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "not found"),
        ProxyHeaderCase(#"\r\nPROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "not found"),
        ProxyHeaderCase(#"PROXY\r\n"#, "not found"),
        ProxyHeaderCase(#"GET / HTTP/1.1\r\nhost: a\r\n\r\n"#, "not found"),
        ProxyHeaderCase(#"GET"#, "not found", envoy: "more", why: early),
        ProxyHeaderCase(#"AB\r\n"#, "not found", envoy: "malformed v1", why: early),
        ProxyHeaderCase(#"\r\n\r\n\0\r\nQUITx\x21\x11\0\x0c"# + ipv4, "not found"),
        // Where there need be no header.
        ProxyHeaderCase(#"GET / HTTP/1.1\r\nhost: a\r\n\r\n"#, "absent", rules: .allowsNone),
        ProxyHeaderCase(#"G"#, "absent", rules: .allowsNone),
        ProxyHeaderCase(#"POST / HTTP/1.1\r\nhost: a\r\n\r\n"#, "absent", rules: .allowsNone),
        ProxyHeaderCase(#"PROP / HTTP/1.1\r\nhost: a\r\n\r\n"#, "absent", rules: .allowsNone),
        ProxyHeaderCase(#"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"#, "absent", rules: .allowsNone),
        ProxyHeaderCase(#"PROXY"#, "more", rules: .allowsNone),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, v1, rules: .allowsNone),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 x\r\n"#, "malformed v1", rules: .allowsNone),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c"# + ipv4, v2, rules: .allowsNone),
        ProxyHeaderCase(signature + #"\x31\x11\0\x0c"# + ipv4, "malformed v2", rules: .allowsNone),
        // Where a version is disallowed.
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "disallowed v1", rules: .v2Only),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 x\r\n"#, "disallowed v1", rules: .v2Only),
        ProxyHeaderCase(
            #"PROXY TCP4 1.2"#, "disallowed v1", envoy: "more", why: "Envoy waits for the line's end", rules: .v2Only),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c"# + ipv4, v2, rules: .v2Only),
        ProxyHeaderCase(signature + #"\x21\x11\0\x0c"# + ipv4, "disallowed v2", rules: .v1Only),
        ProxyHeaderCase(#"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"#, "absent", rules: .v2OrNone),
    ]
}
