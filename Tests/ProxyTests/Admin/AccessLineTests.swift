import Testing

@testable import Proxy

@Suite("Admin access log")
struct AccessLineTests {
    @Test("A request in Envoy's default format")
    func request() {
        var request = AdminRequest(method: "GET", target: "/stats?usedonly")
        request.authority = "localhost:9901"
        request.userAgent = "curl/8"
        let line = AccessLine(
            startNs: 1_795_445_721_045_000_000, request: request, status: 200, bytesReceived: 3, bytesSent: 10,
            durationMs: 2)
        #expect(
            line.text == "[2026-11-23T14:55:21.045Z] \"GET /stats?usedonly HTTP/1.1\" 200 - 3 10 2 - \"-\" "
                + "\"curl/8\" \"-\" \"localhost:9901\" \"-\"\n")
    }

    @Test("Control characters are visible, so that a line stays one")
    func controls() {
        var request = AdminRequest(method: "GET", target: "/\u{85}")
        request.authority = "a\u{9b}2J"
        request.userAgent = "x\ty\r\nz\0é"
        let line = AccessLine(
            startNs: 0, request: request, status: 404, bytesReceived: 0, bytesSent: 0, durationMs: 0)
        #expect(line.text.contains("\"GET /\\x85 HTTP/1.1\""))
        #expect(line.text.hasSuffix("\"x\\ty\\r\\nz\\x00é\" \"-\" \"a\\x9b2J\" \"-\"\n"))
    }

    @Test("What is unknown is a dash")
    func unknown() {
        let line = AccessLine(
            startNs: 0, request: nil, status: 400, bytesReceived: 0, bytesSent: 11, durationMs: 0)
        #expect(
            line.text == "[1970-01-01T00:00:00.000Z] \"- - -\" 400 - 0 11 0 - \"-\" \"-\" \"-\" \"-\" \"-\"\n")
    }
}
