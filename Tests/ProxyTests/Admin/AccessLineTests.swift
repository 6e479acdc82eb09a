import ProxyConfig
import Testing

@testable import Proxy

@Suite("Admin access log")
struct AccessLineTests {
    private static func texts(_ line: AccessLine, _ logs: [AccessLog]) throws -> [String] {
        let log = try #require(AdminLog(logs, shares: RuntimeShares()) { _ in })
        return log.lines(of: line).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private static let place = SourceLocation(file: "f", line: 1, column: 1)

    private static func text(_ line: AccessLine) throws -> String {
        try #require(try texts(line, [AccessLog(sink: .standardOutput, location: place)]).first)
    }

    @Test("Formats and filters")
    func formats() throws {
        var request = AdminRequest(method: "GET", target: "/nope")
        request.fields = [.init(name: "x-log", value: "1"), .init(name: "x-log", value: "2")]
        var line = AccessLine(startNs: 0, request: request, status: 404, bytesReceived: 0, bytesSent: 9, durationMs: 3)
        line.fields = AdminResponse.fields(of: Array("HTTP/1.1 404 Not Found\r\nserver: envoy\r\na:b\r\n\r\nc: d".utf8))
        line.connectionID = 7
        let text =
            "%ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %BYTES_SENT% "
            + "%DURATION% %CONNECTION_ID% %UPSTREAM_HOST% %REQ(:PATH)% %REQ(X-LOG)% %RESP(SERVER)% %RESP(A)% %RESP(C)%"
        var log = AccessLog(
            sink: .standardOutput, format: LogFormat(.text(try LogFormatParser.parse(text))), location: Self.place)
        let expected = "DownstreamEnd HTTP/1.1 404 admin_filter_response - 9 3 7 - /nope 1 envoy b -"
        #expect(try Self.texts(line, [log, log]) == [expected, expected])
        log.filter = .status(LogComparison(.atLeast, 400))
        #expect(try Self.texts(line, [log]).count == 1)
        line.status = 200
        #expect(try Self.texts(line, [log]).isEmpty)
    }

    @Test("A request in Envoy's default format")
    func request() throws {
        var request = AdminRequest(method: "GET", target: "/stats?usedonly")
        request.authority = "localhost:9901"
        request.fields = [.init(name: "user-agent", value: "curl/8")]
        let line = AccessLine(
            startNs: 1_795_445_721_045_000_000, request: request, status: 200, bytesReceived: 3, bytesSent: 10,
            durationMs: 2)
        #expect(
            try Self.text(line) == "[2026-11-23T14:55:21.045Z] \"GET /stats?usedonly HTTP/1.1\" 200 - 3 10 2 - \"-\" "
                + "\"curl/8\" \"-\" \"localhost:9901\" \"-\"\n")
    }

    @Test("Control characters are visible, so that a line stays one")
    func controls() throws {
        var request = AdminRequest(method: "GET", target: "/\u{85}")
        request.authority = "a\u{9b}2J"
        request.fields = [.init(name: "user-agent", value: "x\ty\r\nz\0é")]
        let line = AccessLine(
            startNs: 0, request: request, status: 404, bytesReceived: 0, bytesSent: 0, durationMs: 0)
        #expect(try Self.text(line).contains("\"GET /\\x85 HTTP/1.1\""))
        #expect(try Self.text(line).hasSuffix("\"x\\ty\\r\\nz\\x00é\" \"-\" \"a\\x9b2J\" \"-\"\n"))
    }

    @Test("What is unknown is a dash")
    func unknown() throws {
        let line = AccessLine(
            startNs: 0, request: nil, status: 400, bytesReceived: 0, bytesSent: 11, durationMs: 0)
        #expect(
            try Self.text(line) == "[1970-01-01T00:00:00.000Z] \"- - -\" 400 - 0 11 0 - \"-\" \"-\" \"-\" \"-\" \"-\"\n"
        )
    }
}
