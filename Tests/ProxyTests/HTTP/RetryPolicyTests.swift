import ProxyConfig
import Testing

@testable import Proxy

/// Conditions, back-off, and the record of a request that may be sent again.
@Suite struct RetryPolicyTests {
    private func policy(_ conditions: RetryPolicy.Conditions, codes: [UInt16] = []) -> CompiledRetry {
        var policy = RetryPolicy(conditions: conditions)
        policy.statusCodes = codes
        return CompiledRetry(policy)
    }

    @Test func statuses() {
        #expect(policy(.fiveXX).retries(status: 500, isRateLimited: false))
        #expect(!policy(.fiveXX).retries(status: 600, isRateLimited: false))
        #expect(!policy(.gatewayError).retries(status: 501, isRateLimited: true))
        #expect(policy(.rateLimited).retries(status: 200, isRateLimited: true))
        let codes = policy(.statusCodes, codes: [100, 418, 599])
        #expect((0...700).filter { codes.retries(status: $0, isRateLimited: false) } == [100, 418, 599])
        #expect(!policy([], codes: [418]).retries(status: 418, isRateLimited: false), "only where retry_on says so")
    }

    @Test func resets() {
        #expect(policy(.connectFailure).retriesReset(isConnecting: true, wasSent: false))
        #expect(!policy(.connectFailure).retriesReset(isConnecting: false, wasSent: false))
        #expect(policy(.resetBeforeRequest).retriesReset(isConnecting: false, wasSent: false))
        #expect(!policy(.resetBeforeRequest).retriesReset(isConnecting: false, wasSent: true))
        for condition in [RetryPolicy.Conditions.reset, .fiveXX, .gatewayError] {
            #expect(policy(condition).retriesReset(isConnecting: false, wasSent: true))
        }
        #expect(!policy([.retriable4xx, .statusCodes, .rateLimited]).retriesReset(isConnecting: true, wasSent: false))
    }

    /// Up to 25 ms, 50, 100 … and no more than ten times as much.
    @Test func backOffDoubles() {
        var state = RetryState()
        state.policy = policy(.fiveXX)
        var longest: [UInt64] = []
        for attempt in 1...6 {
            state.attempts = UInt32(attempt)
            longest.append((0..<1000).map { state.backOff($0 &* 999_983_333) }.max()! / 1_000_000)
            #expect(state.backOff(0) == 0)
        }
        let limits: [UInt64] = [25, 50, 100, 200, 250, 250]
        for (most, limit) in zip(longest, limits) { #expect(most < limit && most >= limit * 9 / 10) }
        state.attempts = .max
        #expect(state.backOff(.max) < 250_000_000)
        state.policy.baseNs = 0
        state.policy.maxNs = 0
        #expect(state.backOff(.max) == 0, "from another process")
    }

    @Test func travels() throws {
        var state = RetryState()
        state.policy = policy([.fiveXX, .statusCodes], codes: [100, 409, 599])
        state.policy.retries = 7
        state.policy.perTryNs = 5
        state.policy.perTryIdleNs = 6
        state.bodyLimit = 0
        state.bodyBytes = 7
        state.policy.hostAttempts = 3
        state.attempts = 2
        state.againNs = 123
        state.tryNs = 99
        state.countsRetry = true
        state.wasSent = true
        state.key.add(.max - 1)
        let read = try roundTrip(state)
        #expect(read.policy.conditions == state.policy.conditions && read.policy.codes == state.policy.codes)
        #expect(read.policy.retries == 7 && read.policy.perTryNs == 5 && read.policy.hostAttempts == 3)
        #expect(read.policy.perTryIdleNs == 6)
        #expect(read.bodyLimit == 0 && read.bodyBytes == 7)
        #expect(read.policy.baseNs == 25_000_000 && read.policy.maxNs == 250_000_000)
        #expect(read.attempts == 2 && read.againNs == 123 && read.tryNs == 99 && read.countsRetry && read.wasSent)
        #expect(read.key.isSet && read.key.value == .max - 1)
        var plain = RetryState()
        #expect(try !roundTrip(plain).key.isSet)
        plain.key.add(0)
        #expect(try roundTrip(plain).key.isSet && roundTrip(plain).key.value == 0)
        #expect(try roundTrip(plain).policy.marks.isEmpty)
        plain.policy.marks = [.response, .expected]
        #expect(try roundTrip(plain).policy.marks == [.response, .expected])
        // Of a build that knows more.
        state.policy.marks = AttemptMarks(rawValue: .max)
        state.policy.conditions = RetryPolicy.Conditions(rawValue: .max)
        state.policy.hostAttempts = .max
        let newer = try roundTrip(state)
        #expect(newer.policy.conditions == .known && newer.policy.hostAttempts == 1001)
        #expect(newer.policy.marks.rawValue == AttemptMarks.known)
    }

    private func roundTrip(_ state: RetryState) throws -> RetryState {
        var out = RecordWriter(capacity: 64)
        RetryRecord.write(state, StreamRecord.retryTag, into: &out)
        let bytes = Array(out.bytes)
        return try bytes.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            let record = try StreamRecord(RecordBytes(start, buffer.count))
            return try #require(record.retry)
        }
    }

    @Test func aTryMayNotTakeLongerThanAll() {
        var policy = RetryPolicy(conditions: .fiveXX)
        policy.perTryTimeoutMs = 10
        func perTry(_ timeoutNs: UInt64) -> UInt64 {
            var compiled = CompiledRetry(policy)
            compiled.boundTries(by: timeoutNs)
            return compiled.perTryNs
        }
        #expect(perTry(0) == 10_000_000 && perTry(11_000_000) == 10_000_000)
        #expect(perTry(10_000_000) == 0 && perTry(9_000_000) == 0)
    }

    @Test(
        arguments: [
            ("5xx", RetryPolicy.Conditions.fiveXX), (" reset , 5xx,", [.reset, .fiveXX]), ("RESET", []), ("", []),
            ("sometimes,connect-failure", .connectFailure), ("reset-before-request", .resetBeforeRequest),
        ] as [(String, RetryPolicy.Conditions)])
    func wordsOfClients(text: String, conditions: RetryPolicy.Conditions) {
        #expect(RetryWords.conditions(Bytes(keeping: text)) == conditions)
    }

    @Test(
        arguments: [
            ("0", 0), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil), ("", nil), ("-1", nil),
            ("1 ", nil),
            ("99999999999999999999", nil),
        ] as [(String, UInt64?)])
    func numbersOfClients(text: String, number: UInt64?) { #expect(Bytes(keeping: text).decimal == number) }
}
