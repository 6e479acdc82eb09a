/// What went otherwise than it should, on one connection.
struct Trouble: Error, CustomStringConvertible {
    enum Kind {
        /// The other side ended the connection.
        case ended
        /// It broke the connection.
        case reset
        /// Nobody listens.
        case refused
        /// Nothing came in time.
        case late
        /// Something else came than should.
        case wrong
    }

    let kind: Kind
    var description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static func wrong(_ description: String) -> Trouble { Trouble(.wrong, description) }

    /// Of the kinds that a process that was killed causes.
    var isBrokenConnection: Bool { kind == .ended || kind == .reset || kind == .refused }
}
