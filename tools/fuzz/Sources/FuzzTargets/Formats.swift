import ProxyConfig

/// A text that claims to be the format of an access log.
enum Formats {
    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        let text = String(decoding: input, as: UTF8.self)
        let pieces = try LogFormatParser.parse(text)
        // Nothing is there twice or comes from nowhere.
        precondition(pieces.reduce(0) { $0 + size($1) } <= text.utf8.count, "more than was given")
        var last: LogPiece?
        for piece in pieces {
            if case .literal? = last, case .literal = piece { preconditionFailure("a literal in two pieces") }
            last = piece
        }
        // A literal is a format of its own, of the same text.
        for case .literal(let literal) in pieces {
            let escaped = literal.utf8.flatMap { $0 == UInt8(ascii: "%") ? [$0, $0] : [$0] }
            let again = try LogFormatParser.parse(String(decoding: escaped, as: UTF8.self))
            precondition(again == [.literal(literal)], "a literal that is none")
        }
        return pieces.isEmpty ? "empty" : "read"
    }

    /// How long the shortest text of a piece is.
    private static func size(_ piece: LogPiece) -> Int {
        switch piece {
        case .literal(let text): text.utf8.count
        case .field(let field): field.rawValue.utf8.count + 2
        case .request(let header, _): header.name.utf8.count + (header.alternative?.utf8.count ?? 0) + 7
        case .response(let header, _): header.name.utf8.count + (header.alternative?.utf8.count ?? 0) + 8
        case .startTime(let pieces): 12 + pieces.count / 3
        }
    }
}
