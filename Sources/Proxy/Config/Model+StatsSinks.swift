/// One of `stats_sinks`.
public struct StatsSink: Sendable {
    public enum Target: Sendable, Equatable {
        /// Datagrams go there.
        case datagrams(Address)
        /// A TCP connection to a host of that cluster.
        case cluster(String)
    }
    public var target: Target
    /// What names begin with, before a dot.
    public var prefix = "envoy"
    /// DogStatsD: tags behind the value, instead of in the name.
    public var hasTags = false
    /// How much a datagram may hold; nil: one line.
    public var maxBytes: UInt64?
    public var location: SourceLocation
    public init(_ target: Target, location: SourceLocation) {
        self.target = target
        self.location = location
    }
}
