import Glibc

/// What a listener's connections are given to.
extension Decoder {
    mutating func filterChains(_ message: Message, _ listener: inout Listener) {
        if let value = message["default_filter_chain"], let chain = value.message(.defaultFilterChain) {
            listener.defaultFilterChain = filterChain(chain, FilterChainMatch())
            if isDiscovering { listener.defaultFilterChain?.digest = value.node.digest }
        }
        // With a default filter chain there need be no other.
        guard
            let value = message.has("default_filter_chain")
                ? message["filter_chains"] : message.require("filter_chains")
        else { return }
        let chains = value.list()
        if chains.isEmpty, !message.has("default_filter_chain"), case .sequence = value.node.content {
            value.error("one filter chain is required")
        }
        for value in chains {
            guard let message = value.message(.filterChain) else { continue }
            let given = message["filter_chain_match"]
            let match = given.flatMap { $0.message(.filterChainMatch) }.map(chainMatch) ?? FilterChainMatch()
            // Those with errors are not compared: what is missing in them would be found in others.
            guard var chain = filterChain(message, match) else { continue }
            if isDiscovering { chain.digest = value.node.digest }
            let place = given ?? value
            if let first = listener.filterChains.first(where: { $0.match.overlaps(match) }) {
                place.error(
                    "\(Self.same(first.match, match)) as the filter chain in \(Self.place(first.location, place)); "
                        + "nothing decides between them")
            }
            listener.filterChains.append(chain)
        }
    }

    private static func same(_ first: FilterChainMatch, _ second: FilterChainMatch) -> String {
        first == second ? "takes the same connections" : "takes some of the same connections"
    }

    private mutating func filterChain(_ chain: Message, _ match: FilterChainMatch) -> FilterChain? {
        checkTransportSocket(chain["transport_socket"])
        let name = chain["name"]?.string() ?? ""
        guard let found = chain.require("filters").flatMap({ networkFilters($0) }) else { return nil }
        var result = FilterChain(filter: found.terminal, location: chain.location)
        result.name = name
        result.match = match
        result.connectionLimit = found.limit
        result.rateLimits = found.rateLimits
        return result
    }

    private func chainMatch(_ message: Message) -> FilterChainMatch {
        var match = FilterChainMatch()
        match.destinationPort = message["destination_port"]?.number(1...65535).map { UInt16($0) }
        match.destinations = ranges(message["prefix_ranges"])
        match.directSources = ranges(message["direct_source_prefix_ranges"])
        match.sources = ranges(message["source_prefix_ranges"])
        match.sourceType =
            message["source_type"]?.choice([
                ("ANY", 0, .any), ("SAME_IP_OR_LOOPBACK", 1, .local), ("EXTERNAL", 2, .external),
            ]) ?? .any
        match.sourcePorts = ports(message["source_ports"])
        if let value = message["transport_protocol"], let name = value.string(), !name.isEmpty {
            match.asksForRawBuffer = name == "raw_buffer"
            if name == "tls" {
                value.error(
                    "\"tls\" is not supported by this build, which reads no TLS handshake; supported: raw_buffer")
            } else if !match.asksForRawBuffer {
                value.error("unknown transport protocol \(quoted(name)); supported: raw_buffer")
            }
        }
        return match
    }

    private func ports(_ value: Value?) -> [UInt16] {
        var known: Set<UInt16> = []
        return value?.list().compactMap { value in
            guard let port = value.number(1...65535).map({ UInt16($0) }) else { return nil }
            if !known.insert(port).inserted { value.error("port \(port) is given twice") }
            return port
        } ?? []
    }

    func ranges(_ value: Value?) -> [AddressRange] {
        var known: Set<AddressRange> = []
        return value?.messages(.addressRange).compactMap { message in
            let length = message["prefix_len"].map { $0.number(0...128) } ?? 0
            guard let value = message.require("address_prefix"), let text = value.nonEmptyString(), let length else {
                return nil
            }
            guard let range = AddressRange(text, length: length) else {
                value.error("\(quoted(text)) is not an IP address")
                return nil
            }
            if !known.insert(range).inserted { value.error("the same addresses are given twice") }
            return range
        } ?? []
    }
}

extension AddressRange {
    /// nil: no IP literal.
    public init?(_ literal: String, length: UInt32) {
        var ipv4 = in_addr()
        var ipv6 = in6_addr()
        if inet_pton(AF_INET, literal, &ipv4) == 1 {
            self.init(isIPv6: false, high: UInt64(UInt32(bigEndian: ipv4.s_addr)) << 32, low: 0, length: length)
        } else if inet_pton(AF_INET6, literal, &ipv6) == 1 {
            let words = withUnsafeBytes(of: &ipv6) { raw in
                (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            self.init(
                isIPv6: true, high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1), length: length)
        } else {
            return nil
        }
    }
}
