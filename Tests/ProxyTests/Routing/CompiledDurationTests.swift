import ProxyConfig
import Testing

@testable import Proxy

/// `max_stream_duration`.
@Suite struct CompiledDurationTests {
    private static func duration(_ ms: UInt64?, _ other: UInt64 = 0, most: UInt64? = nil, offset: UInt64 = 0)
        -> CompiledDuration?
    {
        var forward = Forward(cluster: .named("c"), clusterLocation: SourceLocation(file: "test", line: 1, column: 1))
        forward.maxStreamDurationMs = ms
        forward.grpcTimeoutMaxMs = most
        forward.grpcTimeoutOffsetMs = offset
        return CompiledDuration(.forward(forward), otherMs: other)
    }

    @Test func ofRouteOrManager() {
        #expect(Self.duration(nil) == nil && Self.duration(0, 5) == nil)
        #expect(Self.duration(nil, 5)?.limit(nil) == 5_000_000)
        #expect(Self.duration(7, 5)?.limit(Bytes("1S")) == 7_000_000)
        #expect(CompiledDuration(.directResponse(status: 200, body: []), otherMs: 5)?.limit(nil) == 5_000_000)
    }

    @Test(arguments: [
        ("1H", 3_600_000), ("2M", 120_000), ("3S", 3000), ("4m", 4), ("1001u", 2), ("1n", 1), ("99999999m", 99_999_999),
    ])
    func ofTheRequest(text: String, ms: UInt64) {
        #expect(Self.duration(nil, most: 0)?.limit(Bytes(keeping: text)) == ms * 1_000_000)
    }

    @Test func asFarAsItMay() {
        let limited = Self.duration(9, most: 5, offset: 2)
        #expect(limited?.limit(Bytes("1S")) == 3_000_000 && limited?.limit(Bytes("4m")) == 2_000_000)
        #expect(limited?.limit(Bytes("2m")) == 1 && limited?.limit(Bytes("0n")) == 1)
        for text in ["", "m", "1", "1x", "-1m", "123456789m"] {
            #expect(limited?.limit(Bytes(keeping: text)) == 9_000_000)
        }
        #expect(limited?.limit(nil) == 9_000_000)
    }
}
