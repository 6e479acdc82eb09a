/// One request, what Envoy 1.40 does with it, and what envoyd does where that is something else.
public struct EnvoyCase: Sendable, CustomStringConvertible {
    public var name = ""
    public var file = ""
    public var line = 0
    /// Where the client comes from, one of 127.0.0.0/8; empty: 127.0.0.1.
    public var from = ""
    /// The PROXY header in front of what it sends, without its line's end; empty: none.
    public var proxyHeader = ""
    /// What the client sends: one request or several.
    public var bytes: [UInt8] = []
    /// What the upstreams answer; empty: 200 and `ok`.
    public var answer: [UInt8] = []
    /// What the client gets and what upstreams see from Envoy, as `Observation` writes it.
    public var envoy: [String] = []
    /// The same from envoyd; nil: as Envoy.
    public var differs: [String]?
    /// Why it differs.
    public var why = ""

    public var expected: [String] { differs ?? envoy }
    public var description: String { "\(file):\(line) \(name)" }
}

/// A counter or gauge that both must have the same value of, once all cases of a file have run.
public struct ExpectedStat: Sendable, Hashable {
    public var name: String
    public var value: UInt64
}
