import Testing

@testable import Proxy

/// Field lines and what is read out of them; responses go through the same code.
@Suite struct FieldParserTests {
    private static let start = "GET / HTTP/1.1\r\nHost: a\r\n"

    /// A request with further field lines, cut everywhere.
    private func parse(_ lines: String, sourceLocation: SourceLocation = #_sourceLocation) -> Outcome {
        parseRequest(Self.start + lines + "\r\n", sourceLocation: sourceLocation)
    }

    static let goodLines: [(String, String?)] = [
        ("X:y", "y"), ("X: y", "y"), ("X:\t y", "y"), ("X: y \t ", "y"), ("X:", ""), ("X:   \t", ""),
        ("X: a: b", "a: b"),
        ("X: a \t b", "a \t b"), ("X: \u{80}\u{FF}", "\u{80}\u{FF}"), ("X: \"a\"", "\"a\""), ("X::", ":"),
        ("!#$%&'*+-.^_`|~09azAZ: v", "v"), ("X: " + String(repeating: "0123456789", count: 20), nil),
    ]

    @Test(arguments: goodLines)
    func validLines(line: String, value: String?) {
        let field = parse(line + "\r\n").head?.fields.last
        #expect(field?.name == String(line.prefix { $0 != ":" }))
        #expect(field?.value == value ?? String(line.dropFirst(3)))
        #expect(field?.id == .other)
    }

    static let badLines: [(String, ParseError)] = [
        (": v", ParseError.badHeaderName), ("X : v", .badHeaderName), ("X\t: v", .badHeaderName), ("X", .badHeaderName),
        ("X Y: v", .badHeaderName), ("X\u{0}: v", .badHeaderName), ("X\u{E4}: v", .badHeaderName),
        ("X(: v", .badHeaderName), ("\u{0}: v", .badHeaderName), ("X\u{7F}: v", .badHeaderName),
        ("X\n: v", .badHeaderName), ("X\r: v", .badHeaderName), ("\"X\": v", .badHeaderName),
        (" folded", .foldedHeader), ("\tfolded", .foldedHeader), (" X: v", .foldedHeader),
        ("X: v\r\n folded", .foldedHeader), ("X: v\r\n\tfolded", .foldedHeader),
        ("X: v\nY: w", .bareLineFeed), ("X:\n", .bareLineFeed), ("X: v\n", .bareLineFeed), ("\n", .bareLineFeed),
        ("X: v\rY: w", .bareCarriageReturn), ("X: v\r", .bareCarriageReturn), ("\rX: v", .bareCarriageReturn),
        ("X:\r", .bareCarriageReturn), ("X: \u{0}", .badHeaderValue), ("X: a\u{0}b", .badHeaderValue),
        ("X: a\u{1}", .badHeaderValue), ("X: a\u{8}", .badHeaderValue), ("X: a\u{B}", .badHeaderValue),
        ("X: a\u{1F}b", .badHeaderValue), ("X: a\u{7F}b", .badHeaderValue),
    ]

    @Test(arguments: badLines)
    func invalidLines(line: String, error: ParseError) {
        #expect(parse(line + "\r\n").error == error)
        #expect(parse("A: b\r\n" + line + "\r\n").error == error)
    }

    /// Each byte value at each place of a value that is longer than the words that are scanned at once.
    @Test func everyByteInAValue() {
        let parser = HeadParser(.request)
        for byte in UInt8.min...UInt8.max {
            for position in 0..<20 {
                var value = bytes("abcdefghijklmnopqrst")
                value[position] = byte
                let outcome = parser.parse(bytes(Self.start + "X: ") + value + bytes("\r\n\r\n"))
                switch byte {
                case 9, 32: #expect(outcome.head != nil)
                case 10: #expect(outcome.error == .bareLineFeed)
                case 13: #expect(outcome.error == .bareCarriageReturn)
                case 0..<32, 127: #expect(outcome.error == .badHeaderValue, "\(byte) at \(position)")
                default: #expect(outcome.head?.fields.last?.value == text(value), "\(byte) at \(position)")
                }
            }
        }
    }

    @Test func everyByteInAName() {
        let tokens = Set(bytes("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        let parser = HeadParser(.request)
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: ":") {
            for position in 1..<20 {
                var name = bytes("abcd-Efgh-ijKlmnopqr")
                name[position] = byte
                let outcome = parser.parse(bytes(Self.start) + name + bytes(": v\r\n\r\n"))
                if tokens.contains(byte) {
                    #expect(outcome.head?.fields.last?.name == text(name))
                } else {
                    #expect(outcome.error == .badHeaderName, "\(byte) at \(position)")
                }
            }
        }
    }

    // MARK: Limits

    @Test(arguments: [UInt8(ascii: "a"), UInt8(ascii: " ")])
    func limitOfBytes(filler: UInt8) {
        let head = bytes(Self.start + "X: ") + [UInt8](repeating: filler, count: 200) + bytes("\r\n\r\n")
        let exact = HeadParser(.request, limits: HeadLimits(bytes: head.count, fields: 10))
        #expect(exact.parseEverySplit(head + bytes("body")).head?.length == head.count)
        let less = HeadParser(.request, limits: HeadLimits(bytes: head.count - 1, fields: 10))
        #expect(less.parseEverySplit(head).error == .headTooLarge)
        #expect(less.parse(head.dropLast(1)) == .incomplete)
        #expect(less.parseEverySplit(head + bytes("body")).error == .headTooLarge)
    }

    /// What stands behind the limit must not matter, or the outcome would depend on how the bytes come.
    @Test func errorsBehindTheLimitAreNotSeen() {
        let parser = HeadParser(.request, limits: HeadLimits(bytes: 60, fields: 10))
        let long = Self.start + "X: " + String(repeating: "a", count: 60)
        #expect(parser.parseEverySplit(bytes(long + "\n\r\n")).error == .headTooLarge)
        #expect(parser.parseEverySplit(bytes(Self.start + "X\n" + long)).error == .badHeaderName)
        let responses = HeadParser(.response(to: .get), limits: HeadLimits(bytes: 60, fields: 10))
        let response = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 60)
        #expect(responses.parseEverySplit(bytes(response + "\n\r\n")).error == .headTooLarge)
    }

    @Test func emptyLinesCountAsBytes() {
        let parser = HeadParser(.request, limits: HeadLimits(bytes: 40, fields: 10))
        #expect(parser.parseEverySplit(bytes(String(repeating: "\r\n", count: 30))).error == .headTooLarge)
    }

    @Test func limitOfFields() {
        let head = bytes(Self.start + String(repeating: "A: b\r\n", count: 9) + "\r\n")
        #expect(HeadParser(.request, limits: HeadLimits(bytes: 4096, fields: 10)).parse(head).head?.fields.count == 10)
        let less = HeadParser(.request, limits: HeadLimits(bytes: 4096, fields: 9))
        #expect(less.parseEverySplit(head).error == .tooManyHeaders)
        // The storage is a limit too.
        let many = bytes(Self.start + String(repeating: "A: b\r\n", count: 200) + "\r\n")
        let large = HeadParser(.request, limits: HeadLimits(bytes: 4096, fields: 1000))
        #expect(large.parse(many).error == .tooManyHeaders)
        #expect(large.parse(many.dropLast(8) + bytes("\r\n")).head?.fields.count == 200)
    }

    // MARK: Connection, TE, Expect, Upgrade

    static let connections: [(String, String, Set<String>)] = [
        ("", "1.1", Set(["persists"])), ("", "1.0", []),
        ("Connection: close\r\n", "1.1", ["close"]), ("connection:CLOSE\r\n", "1.1", ["close"]),
        ("Connection: keep-alive\r\n", "1.0", ["keep-alive", "persists"]),
        ("Connection: keep-alive\r\n", "1.1", ["keep-alive", "persists"]),
        ("Connection: Keep-Alive , Close\r\n", "1.0", ["keep-alive", "close"]),
        ("Connection: x\r\nConnection: close\r\n", "1.1", ["close"]),
        ("Connection: ,, ,close,\r\n", "1.1", ["close"]), ("Connection: closed\r\n", "1.1", ["persists"]),
        ("Connection: close x\r\n", "1.1", ["persists"]), ("Connection: \"close\"\r\n", "1.1", ["persists"]),
        ("Connection: Upgrade\r\n", "1.1", ["upgrade", "persists"]),
        ("TE: trailers\r\n", "1.1", ["trailers", "persists"]),
        ("TE: gzip, Trailers\r\n", "1.1", ["trailers", "persists"]),
        ("TE: gzip\r\n", "1.1", ["persists"]), ("Expect: 100-continue\r\n", "1.1", ["expect", "persists"]),
        ("Expect: 100-Continue\r\n", "1.1", ["expect", "persists"]), ("Expect: 100-continue\r\n", "1.0", []),
        ("Expect: 200\r\n", "1.1", ["persists"]), ("Proxy-Connection: close\r\n", "1.1", ["close"]),
        ("Proxy-Connection: keep-alive\r\n", "1.1", ["persists"]),
    ]

    @Test(arguments: connections)
    func connectionFacts(lines: String, version: String, facts: Set<String>) {
        #expect(parseRequest("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n").head?.facts == facts)
    }

    @Test func nominatedFields() {
        let lines =
            "x-one: 1\r\nConnection: X-One, close, x-three ,DATE\r\nX-ONE: 2\r\nX-Two: 3\r\nx-three: 4\r\nx-on: 5\r\n"
        let nominated = parse(lines).head?.fields.filter(\.isNominated).map(\.value)
        #expect(nominated == ["1", "2", "4"], "fields with a meaning of their own are never nominated")
    }

    @Test func upgradeField() {
        let head = parse("A: b\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n").head
        #expect(head?.upgradeField == 2)
        #expect(head?.facts.contains("upgrade") == true)
    }

    static let lists: [(String, [String])] = [
        ("", []), (",", []), (" , \t,", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a ,\tb c\t, ", ["a", "b c"]),
        (",,a,,", ["a"]),
    ]

    @Test(arguments: lists)
    func listElements(value: String, elements: [String]) {
        let memory = GuardedMemory()
        var found: [String] = []
        ListElements(memory.place(bytes(value)), value.utf8.count).forEach { found.append(text($0)) }
        #expect(found == elements)
    }

    static let numbers: [(String, UInt64?)] = [
        ("0", UInt64(0)), ("7", 7), ("0042", 42), ("9999999999999999999", 9_999_999_999_999_999_999),
        ("", nil), ("10000000000000000000", nil), ("18446744073709551616", nil), ("+1", nil), ("-1", nil), (" 1", nil),
        ("1 ", nil), ("0x1", nil), ("1a", nil), ("1,1", nil), ("/", nil), (":", nil), ("1\u{0}", nil),
    ]

    @Test(arguments: numbers)
    func decimals(digits: String, value: UInt64?) {
        let memory = GuardedMemory()
        #expect(parseDecimal(memory.place(bytes(digits)), digits.utf8.count) == value)
    }

    @Test func hostsThatSomebodyElseAsksFor() {
        var limits = HeadLimits(bytes: 4096, fields: 10)
        let head = "GET / HTTP/1.1\r\na: b\r\n\r\n"
        #expect(HeadParser(.request, limits: limits).parse(Array(head.utf8)).head == nil)
        limits.requiresHost = false
        #expect(HeadParser(.request, limits: limits).parse(Array(head.utf8)).head?.fields.count == 1)
        // Two are none either way.
        let two = "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"
        #expect(HeadParser(.request, limits: limits).parse(Array(two.utf8)).head == nil)
    }
}
