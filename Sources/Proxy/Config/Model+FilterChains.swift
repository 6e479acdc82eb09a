/// What a listener's connections are given to, and which of them: `envoy.config.listener.v3.FilterChain`.
public struct FilterChain: Sendable {
    /// As given; may be empty.
    public var name = ""
    /// Which connections it takes; of the default filter chain, empty.
    public var match = FilterChainMatch()
    /// In front of the last filter; nil: there is none.
    public var connectionLimit: ConnectionLimit?
    /// In front of the last filter, in their order.
    public var rateLimits: [ConnectionRateLimit] = []
    /// The last filter.
    public var filter: NetworkFilter
    /// Another number where something else is said; of a listener that comes from a file.
    public var digest = 0
    public var location: SourceLocation
    public init(filter: NetworkFilter, location: SourceLocation) {
        self.filter = filter
        self.location = location
    }
}

/// `envoy.config.listener.v3.FilterChainMatch`: what a connection must have. An empty list asks for nothing.
public struct FilterChainMatch: Sendable, Equatable {
    public enum SourceType: UInt8, Sendable { case any, local, external }

    /// `destination_port`; nil: any.
    public var destinationPort: UInt16?
    /// `prefix_ranges`: of the address that the client has connected to.
    public var destinations: [AddressRange] = []
    /// `transport_protocol: raw_buffer`, which every connection of this build has: it wins over a chain that does not say so.
    public var asksForRawBuffer = false
    /// `direct_source_prefix_ranges`: of who is at the other end of the socket.
    public var directSources: [AddressRange] = []
    public var sourceType = SourceType.any
    /// `source_prefix_ranges`: of the client, as a PROXY header names it.
    public var sources: [AddressRange] = []
    public var sourcePorts: [UInt16] = []
    public init() {}
}

extension FilterChainMatch {
    /// Whether every connection is one of these.
    public var takesAll: Bool { self == FilterChainMatch() }

    /// Whether some connection would be taken by both in the same way, so that nothing decides between them.
    public func overlaps(_ other: FilterChainMatch) -> Bool {
        guard destinationPort == other.destinationPort, asksForRawBuffer == other.asksForRawBuffer,
            sourceType == other.sourceType
        else { return false }
        return Self.share(destinations, other.destinations) && Self.share(directSources, other.directSources)
            && Self.share(sources, other.sources)
            && (sourcePorts.isEmpty && other.sourcePorts.isEmpty
                || !Set(sourcePorts).isDisjoint(with: other.sourcePorts))
    }

    private static func share(_ some: [AddressRange], _ others: [AddressRange]) -> Bool {
        if some.isEmpty, others.isEmpty { return true }
        return !Set(AddressRange.orEvery(some)).isDisjoint(with: AddressRange.orEvery(others))
    }
}

/// `envoy.config.core.v3.CidrRange`: the addresses that begin with these bits.
public struct AddressRange: Sendable, Hashable, BitwiseCopyable {
    public var isIPv6: Bool
    /// The address from its first bit on, those of IPv4 in the upper half of `high`; 0 behind `length` bits.
    public var high: UInt64
    public var low: UInt64
    public var length: UInt8

    /// What is behind the prefix is cut off, and a length beyond the address means all of it, as in Envoy.
    public init(isIPv6: Bool, high: UInt64, low: UInt64, length: UInt32) {
        let length = min(length, isIPv6 ? 128 : 32)
        self.isIPv6 = isIPv6
        self.high = high & Self.mask(length)
        self.low = low & Self.mask(length > 64 ? length - 64 : 0)
        self.length = UInt8(length)
    }

    /// The bits of a prefix of so many bits in a word.
    public static func mask(_ length: UInt32) -> UInt64 { length == 0 ? 0 : ~0 << UInt64(64 - min(length, 64)) }

    /// Every address.
    public static let every = [
        AddressRange(isIPv6: false, high: 0, low: 0, length: 0), AddressRange(isIPv6: true, high: 0, low: 0, length: 0),
    ]

    /// No range means every address.
    public static func orEvery(_ ranges: [AddressRange]) -> [AddressRange] { ranges.isEmpty ? every : ranges }
}

extension Listener {
    /// The filter chains and the default one, in this order: at least one.
    public var allChains: [FilterChain] { filterChains + (defaultFilterChain.map { [$0] } ?? []) }
}
