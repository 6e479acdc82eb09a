import Testing

@testable import Proxy

/// What a body decoder made of its bytes.
struct DecodedBody: Equatable {
    enum End: Equatable {
        /// The body ended after this many bytes.
        case complete(Int)
        case incomplete
        case failed(ParseError)
    }
    var data: [UInt8] = []
    var trailers: [UInt8] = []
    var end = End.incomplete

    /// Decodes `input`, handed over in pieces that end at the offsets `cuts`, each in guarded memory of its own.
    init(
        _ input: [UInt8], framing: BodyFraming = .chunked, length: UInt64 = 0, cuts: [Int] = [],
        memory: GuardedMemory, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var decoder = BodyDecoder(framing: framing, length: length)
        var used = 0
        for cut in cuts + [input.count] {
            precondition(cut >= used)
            let outcome = feed(&decoder, input[used..<cut], memory, offset: used, sourceLocation: sourceLocation)
            if let outcome {
                end = outcome
                break
            }
            used = cut
        }
        // What was passed on before an error is cut short at an arbitrary place.
        if case .failed = end { trailers = [] }
    }

    private mutating func feed(
        _ decoder: inout BodyDecoder, _ piece: ArraySlice<UInt8>, _ memory: GuardedMemory, offset: Int,
        sourceLocation: SourceLocation
    ) -> End? {
        let base = memory.place(piece)
        var p = 0
        // Each step uses at least one byte or is the last.
        for _ in 0...(piece.count + 1) {
            let step = decoder.next(base + p, piece.count - p)
            switch step {
            case .data(let start, let count, let consumed), .trailer(let start, let count, let consumed):
                guard count > 0, start >= 0, start + count <= consumed, consumed <= piece.count - p else {
                    Issue.record("\(step) of \(piece.count - p) bytes", sourceLocation: sourceLocation)
                    return .failed(.truncated)
                }
                let content = UnsafeBufferPointer(start: base + p + start, count: count)
                if case .data = step { data += content } else { trailers += content }
                p += consumed
            case .needMore(let consumed):
                #expect(p + consumed == piece.count, "everything is used", sourceLocation: sourceLocation)
                #expect(!decoder.isDone, sourceLocation: sourceLocation)
                return nil
            case .end(let consumed):
                #expect(decoder.isDone, sourceLocation: sourceLocation)
                return .complete(offset + p + consumed)
            case .failed(let error):
                return .failed(error)
            }
        }
        Issue.record("the decoder stands still", sourceLocation: sourceLocation)
        return .failed(.truncated)
    }

    /// Decodes a chunked body whole, cut once at every place, and byte by byte: always with the same result.
    static func everySplit(_ input: String, sourceLocation: SourceLocation = #_sourceLocation) -> DecodedBody {
        let input = bytes(input)
        let memory = GuardedMemory(capacity: max(input.count, 1))
        let whole = DecodedBody(input, memory: memory, sourceLocation: sourceLocation)
        for cuts in (0...input.count).map({ [$0] }) + [Array(0..<input.count)] {
            let cut = DecodedBody(input, cuts: cuts, memory: memory, sourceLocation: sourceLocation)
            if cut != whole {
                Issue.record("cut at \(cuts): \(cut), whole: \(whole)", sourceLocation: sourceLocation)
                break
            }
        }
        return whole
    }
}
