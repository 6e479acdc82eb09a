/// Cuts a request body into pieces of data and finds its end.
struct BodyReader {
    private enum State {
        case data
        case sizeFirst, size, extensions, sizeLF, chunk, chunkCR, chunkLF, trailerStart, trailer, endLF
    }

    enum Step {
        /// Data at `offset`; `consumed` bytes are used up in all.
        case data(offset: Int, count: Int, consumed: Int)
        case more(consumed: Int)
        case end(consumed: Int)
        case malformed
    }

    private var state: State
    private var remaining: Int
    /// The trailer section of a chunked body: whole lines with their CRLF.
    private(set) var trailers: [UInt8] = []

    init(_ body: Request.Body) {
        switch body {
        case .length(let length): (state, remaining) = (.data, length)
        case .chunked: (state, remaining) = (.sizeFirst, 0)
        }
    }

    mutating func next(_ base: UnsafePointer<UInt8>, _ count: Int) -> Step {
        var p = 0
        if state == .data {
            if remaining == 0 { return .end(consumed: 0) }
            if count == 0 { return .more(consumed: 0) }
            let take = min(remaining, count)
            remaining -= take
            return .data(offset: 0, count: take, consumed: take)
        }
        while p < count {
            if state == .chunk {
                let take = min(remaining, count - p)
                remaining -= take
                if remaining == 0 { state = .chunkCR }
                return .data(offset: p, count: take, consumed: p + take)
            }
            if state == .endLF { return base[p] == 10 ? .end(consumed: p + 1) : .malformed }
            guard let next = step(base[p]) else { return .malformed }
            state = next
            p += 1
        }
        return .more(consumed: p)
    }

    /// The state after one byte of the chunked coding's grammar.
    private mutating func step(_ c: UInt8) -> State? {
        switch state {
        case .sizeFirst, .size:
            if let digit = Character(UnicodeScalar(c)).hexDigitValue, c < 128, remaining < 1 << 56 {
                remaining = remaining << 4 | digit
                return .size
            }
            if state == .sizeFirst { return nil }
            if c == 13 { return .sizeLF }
            return c == UInt8(ascii: ";") ? .extensions : nil
        case .extensions: return c == 13 ? .sizeLF : .extensions
        case .sizeLF: return c != 10 ? nil : remaining == 0 ? .trailerStart : .chunk
        case .chunkCR: return c == 13 ? .chunkLF : nil
        case .chunkLF: return c == 10 ? .sizeFirst : nil
        case .trailerStart where c == 13: return .endLF
        case .trailerStart, .trailer:
            trailers.append(c)
            return c == 10 ? .trailerStart : .trailer
        case .data, .chunk, .endLF: return nil
        }
    }
}
