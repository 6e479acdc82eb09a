/// Finds the end of a message body: a pure state machine over its bytes, small enough to live in a connection and to
/// leave the process in the middle of a chunk.
struct BodyDecoder: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        case done
        case length
        case untilClose
        /// Chunked (RFC 9112 §7.1): where in the grammar the next byte stands.
        case chunkSizeFirst, chunkSize, chunkExtension, chunkSizeLF, chunkData, chunkDataCR, chunkDataLF
        case trailerStart, trailerName, trailerValue, trailerLF, endLF
    }
    var state = State.done
    /// Size digits seen of the current chunk, and `sizeEnded`; in the trailer section 1 when a field stood there that
    /// none may pass on.
    var digits: UInt8 = 0
    /// Bytes of chunk extension or of the trailer section so far: both are bounded.
    var lineBytes: UInt16 = 0
    /// Bytes left of the body (`length`) or of the chunk; of a trailer's name a hash.
    var remaining: UInt64 = 0

    /// In `digits`: white space has come behind the size, digits cannot follow.
    private static let sizeEnded: UInt8 = 16

    /// A chunk extension may be this long, a trailer section too: more is an attack (RFC 9112 §7.1.1).
    static let maxExtension = 4096
    static let maxTrailers: UInt16 = 16384

    init() {}

    init(framing: BodyFraming, length: UInt64) {
        switch framing {
        case .none: state = .done
        case .length:
            state = length == 0 ? .done : .length
            remaining = length
        case .chunked: state = .chunkSizeFirst
        case .untilClose: state = .untilClose
        }
    }

    var isDone: Bool { state == .done }
    /// In the trailer section of a chunked body.
    var inTrailers: Bool {
        switch state {
        case .trailerStart, .trailerName, .trailerValue, .trailerLF, .endLF: return true
        default: return false
        }
    }

    /// A trailer has come that says where the message ends, where it goes or what becomes of its connection: it may be
    /// thrown away, never passed on (RFC 9110 §6.5.1).
    var hasForbiddenTrailer: Bool { inTrailers && digits == 1 }

    enum Step: BitwiseCopyable {
        /// `count` bytes from `offset` are body data; `consumed` bytes are used up in all.
        case data(offset: Int, count: Int, consumed: Int)
        /// Everything given is used up and there is no data in it.
        case needMore(consumed: Int)
        /// The body is complete; `consumed` bytes are used up.
        case end(consumed: Int)
        /// Trailer bytes `offset..<offset+count`, as they stand (whole or parts of lines, with CRLF).
        case trailer(offset: Int, count: Int, consumed: Int)
        case failed(ParseError)
    }

    /// Takes the next piece from `base[0..<count]`. Call again with what is left until it says `needMore` or `end`.
    mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> Step {
        switch state {
        case .done: return .end(consumed: 0)
        case .untilClose:
            return count == 0 ? .needMore(consumed: 0) : .data(offset: 0, count: count, consumed: count)
        case .length:
            if count == 0 { return .needMore(consumed: 0) }
            let take = remaining < UInt64(count) ? Int(remaining) : count
            remaining &-= UInt64(take)
            if remaining == 0 { state = .done }
            return .data(offset: 0, count: take, consumed: take)
        default: return nextChunked(base, count)
        }
    }

    private mutating func nextChunked(_ base: UnsafePointer<UInt8>, _ count: Int) -> Step {
        var p = 0
        while p < count {
            let c = base[p]
            switch state {
            case .chunkSizeFirst, .chunkSize:
                if let digit = Self.hex(c) {
                    if digits >= 15 { return .failed(.badChunk) }
                    remaining = remaining << 4 | UInt64(digit)
                    digits += 1
                    state = .chunkSize
                } else if state == .chunkSizeFirst {
                    return .failed(.badChunk)
                } else if c == ASCII.space || c == ASCII.tab {
                    // Old servers pad sizes with spaces; before an extension the grammar has them (§7.1.1).
                    digits |= Self.sizeEnded
                    lineBytes &+= 1
                    if Int(lineBytes) > Self.maxExtension { return .failed(.badChunk) }
                } else if c == ASCII.cr {
                    state = .chunkSizeLF
                } else if c == UInt8(ascii: ";") {
                    state = .chunkExtension
                } else {
                    return .failed(.badChunk)
                }
                p &+= 1
            case .chunkExtension:
                if c == ASCII.cr {
                    state = .chunkSizeLF
                } else if (c < 32 && c != ASCII.tab) || c == 127 || Int(lineBytes) >= Self.maxExtension {
                    return .failed(.badChunk)
                } else {
                    lineBytes += 1
                }
                p &+= 1
            case .chunkSizeLF:
                if c != ASCII.lf { return .failed(.badChunk) }
                p &+= 1
                digits = 0
                lineBytes = 0
                state = remaining == 0 ? .trailerStart : .chunkData
            case .chunkData:
                let available = count &- p
                let take = remaining < UInt64(available) ? Int(remaining) : available
                remaining &-= UInt64(take)
                if remaining == 0 { state = .chunkDataCR }
                return .data(offset: p, count: take, consumed: p &+ take)
            case .chunkDataCR:
                if c != ASCII.cr { return .failed(.badChunk) }
                state = .chunkDataLF
                p &+= 1
            case .chunkDataLF:
                if c != ASCII.lf { return .failed(.badChunk) }
                state = .chunkSizeFirst
                p &+= 1
            case .endLF:
                if c != ASCII.lf { return .failed(.badChunk) }
                state = .done
                return .end(consumed: p &+ 1)
            case .trailerStart, .trailerName, .trailerValue, .trailerLF:
                return nextTrailer(base, p, count)
            case .done, .length, .untilClose:
                return .end(consumed: p)
            }
        }
        return .needMore(consumed: p)
    }

    /// Field lines after the last chunk (RFC 9112 §7.1.2), checked as strictly as those of a head.
    private mutating func nextTrailer(_ base: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Step {
        let tables = ASCII.tables
        var p = start
        while p < count {
            let c = base[p]
            switch state {
            case .trailerStart:
                if c == ASCII.cr {
                    state = .endLF
                    // Lines before the final CR are handed out first; the CR itself is not part of them.
                    if p > start { return .trailer(offset: start, count: p &- start, consumed: p &+ 1) }
                    return .needMoreOrEnd(&self, base, p &+ 1, count)
                }
                if !tables.isToken(c) { return .failed(.badTrailer) }
                state = .trailerName
                remaining = TrailerName.hash(TrailerName.empty, c)
            case .trailerName:
                if c == ASCII.colon {
                    state = .trailerValue
                    if TrailerName.isForbidden(remaining) { digits = 1 }
                    remaining = 0
                } else {
                    if !tables.isToken(c) { return .failed(.badTrailer) }
                    remaining = TrailerName.hash(remaining, c)
                }
            case .trailerValue:
                if c == ASCII.cr { state = .trailerLF } else if !tables.isFieldValue(c) { return .failed(.badTrailer) }
            case .trailerLF:
                if c != ASCII.lf { return .failed(.badTrailer) }
                state = .trailerStart
            default: return .failed(.badTrailer)
            }
            lineBytes &+= 1
            if lineBytes > Self.maxTrailers { return .failed(.badTrailer) }
            p &+= 1
        }
        return .trailer(offset: start, count: p &- start, consumed: p)
    }

    @inline(__always)
    private static func hex(_ c: UInt8) -> UInt8? {
        switch c {
        case 48...57: return c &- 48
        case 65...70: return c &- 55
        case 97...102: return c &- 87
        default: return nil
        }
    }
}

extension BodyDecoder.Step {
    /// After the CR of the final empty line: looks at the LF when it is there.
    fileprivate static func needMoreOrEnd(
        _ decoder: inout BodyDecoder, _ base: UnsafePointer<UInt8>, _ p: Int, _ count: Int
    ) -> BodyDecoder.Step {
        guard p < count else { return .needMore(consumed: p) }
        if base[p] != ASCII.lf { return .failed(.badChunk) }
        decoder.state = .done
        return .end(consumed: p &+ 1)
    }
}
