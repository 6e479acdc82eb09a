import ProxyConfig
import Testing

@testable import Proxy

/// What checks send, and what they make of what comes back.
@Suite struct ProbeTests {
    @Test func theRequestIsEnvoys() {
        var check = HTTPHealthCheck(path: "/health?a=b")
        let plain = String(decoding: HTTPHealthProber.request(check, host: "hc"), as: UTF8.self)
        #expect(plain == "GET /health?a=b HTTP/1.1\r\nhost: hc\r\nuser-agent: Envoy/HC\r\n\r\n")
        check.isHead = true
        check.headers = [
            HealthCheckHeader(name: "x-a", value: "b", action: .append),
            HealthCheckHeader(name: "user-agent", value: "me", action: .append),
            HealthCheckHeader(name: "x-a", value: "c", action: .addIfAbsent),
            HealthCheckHeader(name: "x-n", value: "n", action: .overwriteIfExists),
            HealthCheckHeader(name: "x-r", value: "1", action: .overwriteOrAdd),
            HealthCheckHeader(name: "x-r", value: "2", action: .overwriteOrAdd),
            HealthCheckHeader(name: "x-gone", value: "z", action: .append),
        ]
        check.removedHeaders = ["x-gone"]
        #expect(
            String(decoding: HTTPHealthProber.request(check, host: "hc"), as: UTF8.self)
                == "HEAD /health?a=b HTTP/1.1\r\nhost: hc\r\nuser-agent: Envoy/HC,me\r\nx-a: b\r\nx-r: 2\r\n\r\n")
    }

    private static func response(_ text: String, isHead: Bool = false, pieces: Int, ends: Bool = false) -> ProbeResponse
    {
        var response = ProbeResponse(isHead: isHead)
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { response.take($0) }
        }
        if ends { response.end() }
        return response
    }

    /// However it is cut.
    @Test(arguments: [1, 2, 7, 10_000])
    func responsesAreUnderstood(pieces: Int) {
        let length = Self.response("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", pieces: pieces)
        #expect(length.state == .complete && length.status == 200 && length.keepsAlive)
        let chunked = Self.response(
            "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: x\r\n\r\n", pieces: pieces)
        #expect(chunked.state == .complete && chunked.status == 503 && chunked.keepsAlive)
        let interim = Self.response(
            "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\nconnection: close\r\n\r\n", pieces: pieces)
        #expect(interim.state == .complete && interim.status == 204 && !interim.keepsAlive)
        let head = Self.response("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", isHead: true, pieces: pieces)
        #expect(head.state == .complete && head.keepsAlive)
        let open = Self.response("HTTP/1.0 200 OK\r\n\r\nabc", pieces: pieces)
        #expect(open.state == .incomplete)
        let ended = Self.response("HTTP/1.0 200 OK\r\n\r\nabc", pieces: pieces, ends: true)
        #expect(ended.state == .complete && !ended.keepsAlive)
        let immediate = Self.response(
            "HTTP/1.1 200 OK\r\nX-Envoy-Immediate-Health-Check-Fail: true\r\ncontent-length: 0\r\n\r\n",
            pieces: pieces)
        #expect(immediate.state == .complete && immediate.isImmediateFailure)
    }

    @Test(arguments: [1, 5, 10_000])
    func whatIsNoResponseIsNotTakenForOne(pieces: Int) {
        #expect(Self.response("SSH-2.0-OpenSSH\r\n", pieces: pieces).state == .malformed)
        #expect(Self.response("HTTP/2 200\r\n\r\n", pieces: pieces).state == .malformed)
        #expect(Self.response("HTTP/1.1 101 S\r\nupgrade: x\r\n\r\n", pieces: pieces).state == .malformed)
        let chunk = Self.response("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", pieces: pieces)
        #expect(chunk.state == .malformed)
        let cut = Self.response("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", pieces: pieces, ends: true)
        #expect(cut.state == .incomplete)
        let endless = "HTTP/1.1 200 OK\r\nx: " + String(repeating: "a", count: 70_000)
        #expect(Self.response(endless, pieces: 20_000).state == .malformed)
    }

    @Test func whatComesBehindAResponseEndsTheConnection() {
        let response = Self.response("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc", pieces: 10_000)
        #expect(response.state == .complete && !response.keepsAlive)
        let later = Self.response("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", pieces: 1)
        #expect(later.state == .complete && !later.keepsAlive)
    }

    @Test(arguments: [1, 2, 3, 100])
    func blocksAreFoundInTheirOrder(pieces: Int) {
        func matches(_ blocks: [String], _ text: String) -> Bool {
            var matcher = PayloadMatcher(blocks.map { Array($0.utf8) })
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                let taken = bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { matcher.take($0) }
                #expect(taken)
            }
            return matcher.isComplete
        }
        #expect(matches(["ab", "cd"], "xxabyycdzz"))
        #expect(matches(["ab", "ab"], "abab"))
        #expect(matches(["aab"], "aaab"))
        #expect(!matches(["ab", "cd"], "cdab"))
        #expect(!matches(["ab", "ab"], "ab"))
        #expect(!matches(["aba", "ab"], "abab"))
    }

    @Test func aHostThatTalksForEverIsNotListenedTo() {
        var matcher = PayloadMatcher([[1]])
        let zeros = [UInt8](repeating: 0, count: 40_000)
        let first = zeros.withUnsafeBytes { matcher.take($0) }
        let second = zeros.withUnsafeBytes { matcher.take($0) }
        #expect(first && !second)
    }

    @Test func flagsAreEnvoysWords() {
        #expect(HealthFlags().text == "healthy")
        let flags: HealthFlags = [.failedActiveCheck, .failedOutlierCheck, .timedOut]
        #expect(flags.text == "/failed_active_hc/failed_outlier_check/active_hc_timeout")
    }
}
