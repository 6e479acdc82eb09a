/// One raw message, what must become of it, and what Envoy makes of it.
public struct MessageCase: Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// A client sends it, and behind it a plain `GET /next`.
        case request
        /// An upstream answers with it.
        case response
    }

    public var kind: Kind
    public var name = ""
    /// The section that decides, `9112 §6.3`.
    public var rfc = ""
    public var bytes: [UInt8] = []
    /// The listener that gets it (`Bootstrap`).
    public var listener = "plain"
    /// Of a response: the method of the request that it answers.
    public var method = "GET"
    /// Of a response: the upstream closes the connection behind it.
    public var closes = false
    /// What must be observed: see README.md.
    public var expected = ""
    /// What Envoy does; nil: the same.
    public var envoy: String?
    /// Why we differ from Envoy.
    public var why = ""
    /// The codec takes it, though the client is refused: what refuses it knows more than the codec.
    public var codecAccepts = false
    public var file = ""
    public var line = 0
    /// Where Envoy's column stands.
    public var envoyLine = 0

    public init(_ kind: Kind) { self.kind = kind }

    public var description: String { "\(file):\(line) \(name)" }
    public var expectedOfEnvoy: String { envoy ?? expected }
}

/// What is wrong with a file of cases.
public struct CaseError: Error, CustomStringConvertible {
    public var description: String
    package init(_ description: String) { self.description = description }
}
