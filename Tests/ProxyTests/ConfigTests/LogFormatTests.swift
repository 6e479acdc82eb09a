import Testing

@testable import ProxyConfig

@Suite("Formats of access logs")
struct LogFormatTests {
    @Test func piecesOfATextFormat() throws {
        let pieces = try LogFormatParser.parse("a %REQ(X-Foo?:PATH):6% 100%% [%BYTES_SENT%]%RESP(Server)%\n")
        #expect(
            pieces == [
                .literal("a "), .request(LogHeader("x-foo", or: ":path"), maxLength: 6), .literal(" 100% ["),
                .field(.bytesSent), .literal("]"), .response(LogHeader("server"), maxLength: nil), .literal("\n"),
            ])
    }

    @Test func everyFieldIsKnownByItsName() throws {
        for field in LogField.allCases {
            #expect(try LogFormatParser.parse("%\(field.rawValue)%") == [.field(field)])
        }
    }

    @Test func theDefaultHasAllItsOperators() throws {
        guard case .text(let pieces) = LogFormat.defaultText.shape else {
            Issue.record("the default is not a text")
            return
        }
        #expect(pieces.filter { if case .literal = $0 { false } else { true } }.count == 15)
    }

    @Test(arguments: [
        ("%s.%3f", [LogTimePiece.epochSeconds, .literal("."), .fraction(3)]),
        ("%Y/%m", [.calendar("%Y"), .literal("/"), .calendar("%m")]),
        ("%E3S", [.calendar("%S"), .literal("."), .fraction(3)]),
        ("%E0S%f", [.calendar("%S"), .fraction(9)]),
        ("%Z%%", [.literal("UTC%")]),
        ("", []),
    ])
    func piecesOfATime(_ format: String, _ pieces: [LogTimePiece]) throws {
        #expect(try LogFormatParser.parse("%START_TIME(\(format))%") == [.startTime(pieces)])
    }

    /// What Envoy refuses too.
    @Test(arguments: [
        "%START_TIME", "%START_TIME%%", "%REQ(X-LONG):abc%", "%REQ(X-LONG):-1%", "%REQ()%", "%REQ%", "%REQ(a?b?c)%",
        "%REQ(:METHOD", "%BOGUS%", "%bytes_sent%", "%BYTES_SENT():3%", "%BYTES_SENT:3%", "%PROTOCOL(x)%", "%REQ(x y)%",
        "a % b", "%", "%(%", "%:3%", "%REQ(", "%REQ(a):1", "%START_TIME(%O)%", "%START_TIME(%0f)%", "%START_TIME(%)%",
        "%START_TIME(%E)%", "%START_TIME():3%", "%TRAILER(x)%", "%REQ(:)%",
    ])
    func whatIsNoFormat(_ text: String) {
        #expect(throws: LogFormatError.self) { try LogFormatParser.parse(text) }
    }

    @Test func anUnknownOperatorIsNamed() {
        #expect {
            try LogFormatParser.parse("%BYTES_SEND%")
        } throws: { error in
            "\(error)".hasPrefix(
                "command operator \"BYTES_SEND\" is unknown or not supported by this build (did you mean")
        }
    }
}
