@testable import Proxy

/// A body is decoded whole and in pieces: the same comes of it, every step uses something up, and nothing is read or
/// handed out beyond what is there.
///
/// An input begins with four bytes that say where it is cut, and one of how the decoder begins: like one of a message, or
/// in a state that came in a record of another process.
enum BodyFuzzing {
    private struct Decoded: Equatable {
        var data: [UInt8] = []
        var trailers: [UInt8] = []
        var end = ""
        var used = 0
        var hasForbiddenTrailer = false
    }

    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        guard input.count >= 5 else { return "nothing" }
        var reader = InputReader(input)
        let cuts = [reader.number(2), reader.number(2)].sorted()
        let decoder = try decoder(&reader)
        let body = reader.all()
        let whole = decode(decoder, body, cuts: [])
        let cut = decode(decoder, body, cuts: cuts)
        precondition(whole == cut, "cut, it is another body: \(whole) \(cut)")
        let bytes = decode(decoder, body, cuts: Array(0..<min(body.count, 200)))
        precondition(whole == bytes, "byte by byte, it is another body: \(whole) \(bytes)")
        precondition(whole.data.count + whole.trailers.count <= body.count, "more came out than went in")
        return whole.end
    }

    private static func decoder(_ reader: inout InputReader) throws -> BodyDecoder {
        let how = reader.byte()
        switch how & 7 {
        case 0...3: return BodyDecoder(framing: .chunked, length: 0)
        case 4: return BodyDecoder(framing: .length, length: UInt64(reader.number(2)))
        case 5: return BodyDecoder(framing: .untilClose, length: 0)
        default:
            // As far as `UnitCheck` lets it pass.
            var decoder = BodyDecoder()
            guard let state = BodyDecoder.State(rawValue: reader.byte()) else {
                throw RecordError("an unknown state of a body")
            }
            decoder.state = state
            decoder.digits = reader.byte() & 63
            decoder.lineBytes = min(UInt16(reader.number(2)), BodyDecoder.maxTrailers)
            decoder.remaining = UInt64(reader.number(4)) << (how & 8 != 0 ? 32 : 0)
            return decoder
        }
    }

    private static func decode(_ start: BodyDecoder, _ body: UnsafeBufferPointer<UInt8>, cuts: [Int]) -> Decoded {
        var decoder = start
        var decoded = Decoded()
        var from = 0
        for cut in cuts + [body.count] {
            let to = min(max(cut, from), body.count)
            let piece = ExactCopy(UnsafeBufferPointer(rebasing: body[from..<to]))
            feed(&decoder, piece, &decoded)
            from = to
            if !decoded.end.isEmpty { break }
        }
        if decoded.end.isEmpty { decoded.end = "incomplete" }
        decoded.hasForbiddenTrailer = decoder.hasForbiddenTrailer
        // What was handed out before an error ends at an arbitrary place, and how much was used is not said.
        if !["complete", "incomplete"].contains(decoded.end) {
            decoded.trailers = []
            decoded.used = 0
            decoded.hasForbiddenTrailer = false
        }
        return decoded
    }

    private static func feed(_ decoder: inout BodyDecoder, _ piece: borrowing ExactCopy, _ decoded: inout Decoded) {
        var p = 0
        while true {
            let before = p
            let left = piece.count - p
            switch decoder.next(piece.bytes + p, left) {
            case .data(let offset, let count, let consumed):
                check(offset, count, consumed, left)
                decoded.data += UnsafeBufferPointer(start: piece.bytes + p + offset, count: count)
                p += consumed
                decoded.used += consumed
                if decoder.isDone {
                    decoded.end = "complete"
                    return
                }
            case .trailer(let offset, let count, let consumed):
                check(offset, count, consumed, left)
                decoded.trailers += UnsafeBufferPointer(start: piece.bytes + p + offset, count: count)
                p += consumed
                decoded.used += consumed
            case .needMore(let consumed):
                precondition(consumed == left, "not everything is used")
                decoded.used += consumed
                return
            case .end(let consumed):
                precondition(consumed <= left && decoder.isDone)
                decoded.used += consumed
                decoded.end = "complete"
                return
            case .failed(let error):
                decoded.end = "\(error)"
                return
            }
            precondition(p > before, "the decoder stands still")
        }
    }

    private static func check(_ offset: Int, _ count: Int, _ consumed: Int, _ left: Int) {
        precondition(offset >= 0 && count >= 0 && offset + count <= consumed && consumed <= left, "out of the piece")
    }
}
