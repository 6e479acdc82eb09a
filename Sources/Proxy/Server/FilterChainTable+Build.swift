import ProxyConfig

extension FilterChainTable {
    /// nil: the listener has one filter chain, which takes every connection.
    ///
    /// - Parameter positions: in `Snapshot.listeners`, of all chains.
    init?(_ listener: Listener, positions: [Int32]) {
        let chains = listener.filterChains
        if chains.isEmpty || chains.count == 1 && chains[0].match.takesAll { return nil }
        self.init(
            zip(chains, positions).map { ($0.match, $1) },
            otherwise: listener.defaultFilterChain == nil ? -1 : positions[chains.count])
    }

    /// - Parameters:
    ///   - chains: no two of which overlap; `target` is what the table finds.
    ///   - otherwise: what it finds where none of them takes a connection.
    init(_ chains: [(match: FilterChainMatch, target: Int32)], otherwise: Int32) {
        var builder = FilterChainTableBuilder()
        root = builder.node(.destinationPort, chains.map { .init(match: $0.match, target: $0.target) })
        nodes = Self.keep(builder.nodes)
        ports = Self.keep(builder.ports)
        groups = Self.keep(builder.groups)
        ranges = Self.keep(builder.ranges)
        self.otherwise = otherwise
        readsLocal = chains.contains {
            $0.match.destinationPort != nil || !$0.match.destinations.isEmpty || $0.match.sourceType != .any
        }
    }

    private static func keep<Entry: BitwiseCopyable>(_ entries: [Entry]) -> UnsafeMutablePointer<Entry> {
        let memory = UnsafeMutablePointer<Entry>.kept(capacity: max(entries.count, 1))
        memory.initialize(from: entries, count: entries.count)
        return memory
    }
}

/// Makes the tree, one step after the other: what a step tells apart goes on apart.
struct FilterChainTableBuilder {
    enum Step: Int { case destinationPort, destination, directSource, sourceType, source, sourcePort }
    struct Entry {
        var match: FilterChainMatch
        var target: Int32
    }
    private(set) var nodes: [FilterChainTable.Node] = []
    private(set) var ports: [FilterChainTable.Port] = []
    private(set) var groups: [FilterChainTable.Group] = []
    private(set) var ranges: [FilterChainTable.Range] = []

    mutating func node(_ step: Step, _ entries: [Entry]) -> Int32 {
        let node =
            switch step {
            case .destinationPort: portNode(.destination, entries) { $0.destinationPort.map { [$0] } ?? [] }
            case .destination: addressNode(.directSource, entries, \.destinations)
            case .directSource: addressNode(.sourceType, Self.ofTransport(entries), \.directSources)
            case .sourceType: typeNode(entries)
            case .source: addressNode(.sourcePort, entries, \.sources)
            case .sourcePort: portNode(nil, entries) { $0.sourcePorts }
            }
        nodes.append(node)
        return Int32(nodes.count - 1)
    }

    /// Every connection is `raw_buffer`: where a chain asks for that, those that do not are left behind.
    private static func ofTransport(_ entries: [Entry]) -> [Entry] {
        let exact = entries.filter(\.match.asksForRawBuffer)
        return exact.isEmpty ? entries : exact
    }

    /// - Parameter next: nil behind the last step.
    private mutating func next(_ next: Step?, _ entries: [Entry]) -> Int32 {
        // Entries that reach the end together overlap: the configuration is refused for them.
        if let next { return node(next, entries) }
        return entries[0].target
    }

    private mutating func portNode(
        _ following: Step?, _ entries: [Entry], _ key: (FilterChainMatch) -> [UInt16]
    ) -> FilterChainTable.Node {
        var byPort: [UInt16: [Entry]] = [:]
        var others: [Entry] = []
        for entry in entries {
            let keys = Set(key(entry.match))
            if keys.isEmpty { others.append(entry) }
            for port in keys { byPort[port, default: []].append(entry) }
        }
        let own = byPort.sorted { $0.key < $1.key }.map { port, entries in
            FilterChainTable.Port(port: port, child: next(following, entries))
        }
        let first = Int32(ports.count)
        ports += own
        return .init(
            first: first, count: Int32(own.count), other: others.isEmpty ? -1 : next(following, others))
    }

    private mutating func addressNode(
        _ following: Step, _ entries: [Entry], _ key: KeyPath<FilterChainMatch, [AddressRange]>
    ) -> FilterChainTable.Node {
        var byRange: [AddressRange: [Entry]] = [:]
        for entry in entries {
            let ranges = Set(AddressRange.orEvery(entry.match[keyPath: key]))
            for range in ranges { byRange[range, default: []].append(entry) }
        }
        // Ranges with the same entries share what follows, as both of `AddressRange.every` do mostly.
        var made: [[Int32]: Int32] = [:]
        var children: [(range: AddressRange, child: Int32)] = []
        for (range, entries) in byRange.sorted(by: { Self.precedes($0.key, $1.key) }) {
            let targets = entries.map(\.target)
            let child = made[targets] ?? node(following, entries)
            made[targets] = child
            children.append((range, child))
        }
        let first = Int32(groups.count)
        for (range, child) in children {
            let isSame =
                groups.count > Int(first) && groups[groups.count - 1].length == range.length
                && groups[groups.count - 1].isIPv6 == range.isIPv6
            if !isSame {
                groups.append(
                    .init(isIPv6: range.isIPv6, length: range.length, first: Int32(ranges.count), count: 0))
            }
            groups[groups.count - 1].count += 1
            ranges.append(.init(high: range.high, low: range.low, child: child))
        }
        return .init(first: first, count: Int32(groups.count) - first)
    }

    private static func precedes(_ a: AddressRange, _ b: AddressRange) -> Bool {
        if a.isIPv6 != b.isIPv6 { return b.isIPv6 }
        return (b.length, a.high, a.low) < (a.length, b.high, b.low)
    }

    private mutating func typeNode(_ entries: [Entry]) -> FilterChainTable.Node {
        func child(_ type: FilterChainMatch.SourceType) -> Int32 {
            let own = entries.filter { $0.match.sourceType == type }
            return own.isEmpty ? -1 : node(.source, own)
        }
        return .init(first: child(.any), count: child(.local), other: child(.external))
    }
}
