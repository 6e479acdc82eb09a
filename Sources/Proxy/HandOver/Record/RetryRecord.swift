import ProxyConfig

/// What a request that may be sent again carries, on its way: see `Retry` in docs/hand-over.md. The policy comes along, so
/// that the request goes on as it began, whatever the new configuration says.
enum RetryRecord {
    private enum Tag {
        static let conditions: UInt32 = 1, retries: UInt32 = 2, perTry: UInt32 = 3, base: UInt32 = 4, most: UInt32 = 5
        static let hostAttempts: UInt32 = 6, codes: UInt32 = 7, attempts: UInt32 = 8, again: UInt32 = 9
        static let begun: UInt32 = 10, countsRetry: UInt32 = 11, wasSent: UInt32 = 12
        static let perTryIdle: UInt32 = 13, hash: UInt32 = 14, hasHash: UInt32 = 15
        static let marks: UInt32 = 16, bodyLimit: UInt32 = 17, bodyBytes: UInt32 = 18
        static let avoids: UInt32 = 19, limitedTries: UInt32 = 20, headerNames: UInt32 = 21
        static let frequency: UInt32 = 22, triedCount: UInt32 = 23, tried: UInt32 = 24, excluded: UInt32 = 25
    }

    static func write(_ r: RetryState, _ tag: UInt32, into out: inout RecordWriter) {
        let record = out.begin(tag)
        out.number(Tag.conditions, UInt64(r.policy.conditions.rawValue))
        out.number(Tag.retries, UInt64(r.policy.retries))
        out.number(Tag.perTry, r.policy.perTryNs)
        out.number(Tag.base, r.policy.baseNs)
        out.number(Tag.most, r.policy.maxNs)
        out.number(Tag.hostAttempts, UInt64(r.policy.hostAttempts))
        for word in 0..<StatusSet.words where r.policy.codes[word] != 0 {
            // One entry for each status: there are few.
            for bit in 0..<64 where r.policy.codes[word] & 1 << UInt64(bit) != 0 {
                out.number(Tag.codes, UInt64(word * 64 + bit))
            }
        }
        out.number(Tag.attempts, UInt64(r.attempts))
        out.number(Tag.again, r.againNs)
        out.number(Tag.begun, r.tryNs)
        out.number(Tag.countsRetry, r.countsRetry ? 1 : 0)
        out.number(Tag.wasSent, r.wasSent ? 1 : 0)
        out.number(Tag.perTryIdle, r.policy.perTryIdleNs)
        if !r.policy.marks.isEmpty { out.number(Tag.marks, UInt64(r.policy.marks.rawValue)) }
        // One more, since there may be no byte.
        out.number(Tag.bodyLimit, min(r.bodyLimit, .max - 1) + 1)
        out.number(Tag.bodyBytes, r.bodyBytes)
        // One more: a 0 is not written, and is something else than nothing.
        if r.policy.hostAttempts > 1 { out.number(Tag.avoids, UInt64(r.policy.avoids.rawValue) + 1) }
        if r.limitedTries > 0 { out.number(Tag.limitedTries, UInt64(r.limitedTries)) }
        if r.policy.priorityFrequency > 0 {
            out.number(Tag.frequency, UInt64(r.policy.priorityFrequency))
            out.number(Tag.triedCount, UInt64(r.tried.count))
            for priority in 0..<UInt32(64 * TriedPriorities.Bits.words) {
                // One more: a 0 is not written.
                if r.tried.tried.contains(priority) { out.number(Tag.tried, UInt64(priority) + 1) }
                if r.tried.excluded.contains(priority) { out.number(Tag.excluded, UInt64(priority) + 1) }
            }
        }
        if !r.headerNames.isEmpty { out.blob(Tag.headerNames, r.headerNames.bytes, r.headerNames.count) }
        if r.key.isSet {
            out.number(Tag.hash, r.key.value)
            out.number(Tag.hasHash, 1)
        }
        out.end(record)
    }

    static func read(_ bytes: RecordBytes) throws(RecordError) -> RetryState {
        var state = RetryState()
        guard var reader = RecordReader(bytes) else { return state }
        // Older builds know of no others.
        state.policy.avoids = .previous
        while let field = try reader.field() {
            switch field.number {
            // A condition that this build does not know never comes true here.
            case Tag.conditions:
                state.policy.conditions = RetryPolicy.Conditions(rawValue: try field.number()).intersection(.known)
            case Tag.retries: state.policy.retries = try field.number()
            case Tag.perTry: state.policy.perTryNs = try field.number()
            case Tag.base: state.policy.baseNs = try field.number()
            case Tag.most: state.policy.maxNs = try field.number()
            case Tag.hostAttempts: state.policy.hostAttempts = min(try field.number(), 1001)
            case Tag.codes: state.policy.codes.insert(try field.number())
            case Tag.attempts: state.attempts = try field.number()
            case Tag.again: state.againNs = try field.number()
            case Tag.begun: state.tryNs = try field.number()
            case Tag.countsRetry: state.countsRetry = try field.number(as: UInt8.self) != 0
            case Tag.wasSent: state.wasSent = try field.number(as: UInt8.self) != 0
            case Tag.perTryIdle: state.policy.perTryIdleNs = try field.number()
            case Tag.bodyLimit: state.bodyLimit = max(try field.number(), 1) - 1
            case Tag.bodyBytes: state.bodyBytes = try field.number()
            case Tag.hash: state.key.value = try field.number()
            case Tag.hasHash: state.key.isSet = try field.number(as: UInt8.self) != 0
            case Tag.marks:
                state.policy.marks = AttemptMarks(rawValue: try field.number(as: UInt8.self) & AttemptMarks.known)
            case Tag.avoids:
                let bits = max(try field.number(as: UInt8.self), 1) - 1
                state.policy.avoids = HostAvoidance(rawValue: bits & HostAvoidance.known)
            case Tag.limitedTries: state.limitedTries = try field.number()
            case Tag.frequency: state.policy.priorityFrequency = try field.number()
            case Tag.triedCount: state.tried.count = try field.number()
            case Tag.tried: state.tried.tried.insert(try priority(field))
            case Tag.excluded: state.tried.excluded.insert(try priority(field))
            case Tag.headerNames: state.policy.hasNames = true
            default: break
            }
        }
        return state
    }

    /// A 0 is none.
    private static func priority(_ field: RecordReader.Field) throws(RecordError) -> UInt32 {
        try field.number(as: UInt32.self) &- 1
    }

    /// `RetryState.headerNames`; empty: there are none.
    static func names(_ bytes: RecordBytes) throws(RecordError) -> RecordBytes {
        guard var reader = RecordReader(bytes) else { return RecordBytes() }
        while let field = try reader.field() {
            if field.number == Tag.headerNames { return try field.content() }
        }
        return RecordBytes()
    }
}
