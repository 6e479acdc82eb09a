import CLinux
import Testing

@testable import Proxy

@Suite struct HeaderIDTests {
    static let known: [(String, HeaderID)] = [
        ("host", .host), ("connection", .connection), ("keep-alive", .keepAlive),
        ("proxy-connection", .proxyConnection), ("transfer-encoding", .transferEncoding),
        ("content-length", .contentLength), ("te", .te), ("trailer", .trailer), ("upgrade", .upgrade),
        ("expect", .expect), ("date", .date), ("server", .server), ("via", .via),
        ("x-forwarded-for", .xForwardedFor), ("x-forwarded-proto", .xForwardedProto), ("x-request-id", .xRequestID),
        ("http2-settings", .http2Settings),
        ("x-envoy-upstream-service-time", .xEnvoyUpstreamServiceTime),
        ("x-envoy-external-address", .xEnvoyExternalAddress),
        ("x-envoy-original-host", .xEnvoyOriginalHost),
        ("x-envoy-internal", .xEnvoyInternalOnly), ("x-envoy-ip-tags", .xEnvoyInternalOnly),
        ("x-envoy-retry-on", .xEnvoyInternalOnly), ("x-envoy-max-retries", .xEnvoyInternalOnly),
        ("x-envoy-force-trace", .xEnvoyInternalOnly), ("x-envoy-original-url", .xEnvoyInternalOnly),
        ("x-envoy-retry-grpc-on", .xEnvoyInternalOnly), ("x-envoy-upstream-rq-timeout-ms", .xEnvoyInternalOnly),
        ("x-envoy-expected-rq-timeout-ms", .xEnvoyInternalOnly),
        ("x-envoy-upstream-alt-stat-name", .xEnvoyInternalOnly),
        ("x-envoy-retriable-status-codes", .xEnvoyInternalOnly),
        ("x-envoy-retriable-header-names", .xEnvoyInternalOnly),
        ("x-envoy-hedge-on-per-try-timeout", .xEnvoyInternalOnly),
        ("x-envoy-upstream-rq-per-try-timeout-ms", .xEnvoyInternalOnly),
        ("x-envoy-upstream-rq-timeout-alt-response", .xEnvoyInternalOnly),
        ("x-envoy-original-path", .xEnvoyEdgeOnly), ("x-envoy-decorator-operation", .xEnvoyEdgeOnly),
        ("x-envoy-downstream-service-node", .xEnvoyEdgeOnly),
        ("x-envoy-downstream-service-cluster", .xEnvoyEdgeOnly),
        ("x-envoy-immediate-health-check-fail", .xEnvoyImmediateHealthCheckFail),
        ("x-envoy-ratelimited", .xEnvoyRateLimited), ("x-envoy-degraded", .xEnvoyDegraded),
    ]

    private let memory = GuardedMemory()

    /// As the parser does.
    private func classify(_ name: [UInt8]) -> HeaderID {
        let id = HeaderID.classify(memory.place(name), name.count)
        guard let first = name.first else { return id }
        #expect(id == .other || HeaderID.mayBeKnown(first, name.count), "\(text(name)) is never looked at")
        return id
    }

    @Test(arguments: known)
    func knownNames(name: String, id: HeaderID) {
        #expect(classify(bytes(name)) == id)
        #expect(classify(bytes(name.uppercased())) == id)
        var mixed = bytes(name)
        for i in stride(from: 0, to: mixed.count, by: 2) { mixed[i] = bytes(text([mixed[i]]).uppercased())[0] }
        #expect(classify(mixed) == id)
    }

    /// A name that differs in one byte, or is longer or shorter, is no longer known.
    @Test(arguments: known)
    func similarNames(name: String, id: HeaderID) {
        let exact = bytes(name)
        for i in exact.indices {
            for byte in [exact[i] ^ 1, exact[i] ^ 0x80, exact[i] ^ 0x40, 0] {
                var changed = exact
                changed[i] = byte
                #expect(classify(changed) == .other, "\(text(changed).debugDescription)")
            }
            var shorter = exact
            shorter.remove(at: i)
            #expect(classify(shorter) == .other)
        }
        #expect(classify(exact + bytes("x")) == .other)
        #expect(classify(bytes("x") + exact) == .other)
    }

    @Test func lengthsWithoutKnownNames() {
        for length in 1..<64 {
            #expect(classify([UInt8](repeating: UInt8(ascii: "x"), count: length)) == .other)
            #expect(classify(Array((bytes("x-envoy-") + [UInt8](repeating: 97, count: 64)).prefix(length))) == .other)
        }
    }

    @Test func setsHoldWhatWasInserted() {
        var set = HeaderIDSet()
        let ids = (UInt8.min...UInt8.max).compactMap { HeaderID(rawValue: $0) }
        #expect(ids.count <= 64, "one word holds them all")
        for (i, id) in ids.enumerated() {
            #expect(!set.contains(id))
            set.insert(id)
            for (k, other) in ids.enumerated() { #expect(set.contains(other) == (k <= i)) }
        }
    }

    @Test func everyIDHasAName() {
        let ids = Set((UInt8.min...UInt8.max).compactMap { HeaderID(rawValue: $0) })
        #expect(ids.subtracting(Self.known.map(\.1)) == [.other])
    }

    @Test func foldingTouchesLettersOnly() {
        for byte in UInt8.min...UInt8.max {
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            #expect(ASCII.lower(byte) == (isUpper ? byte + 32 : byte))
        }
        let mixed = memory.place(bytes("AbZ-09@[`{"))
        #expect(foldedEqual(mixed, ("abz-09@[`{" as StaticString).utf8Start, 10))
        #expect(!foldedEqual(mixed, ("abz-09`[`{" as StaticString).utf8Start, 10))
        for length in 0..<40 {
            let source = (0..<length).map { UInt8(truncatingIfNeeded: 0x3E + $0) }
            var copy = [UInt8](repeating: 0, count: length + 1)
            cl_copy_lower(&copy, memory.place(source), length)
            #expect(copy == source.map { ASCII.lower($0) } + [0])
        }
    }
}
