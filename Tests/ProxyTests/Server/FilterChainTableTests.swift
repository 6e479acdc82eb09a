import Glibc
import ProxyConfig
import Testing

@testable import Proxy

/// Which filter chain a connection gets, step by step and against a plain reading of the rules.
@Suite struct FilterChainTableTests {
    /// A connection, as text.
    struct Ends {
        var local = "10.0.0.1"
        var localPort: UInt16 = 80
        var direct = "192.0.2.1"
        var remote = "192.0.2.1"
        var remotePort: UInt16 = 4000
    }

    static func address(_ text: String, _ port: UInt16 = 0) -> PeerAddress {
        guard var made = SocketAddress.make(.socket(host: text, port: port)) else { return PeerAddress() }
        return PeerAddress(&made)
    }

    static func range(_ text: String) -> AddressRange {
        let parts = text.split(separator: "/")
        return AddressRange(String(parts[0]), length: UInt32(parts[1]) ?? 0) ?? AddressRange.every[0]
    }

    static func match(_ fill: (inout FilterChainMatch) -> Void) -> FilterChainMatch {
        var match = FilterChainMatch()
        fill(&match)
        return match
    }

    private static func table(_ matches: [FilterChainMatch], otherwise: Int32 = -1) -> FilterChainTable {
        FilterChainTable(matches.enumerated().map { ($1, Int32($0)) }, otherwise: otherwise)
    }

    private static func choose(_ table: FilterChainTable, _ ends: Ends) -> Int32 {
        table.choose(
            local: address(ends.local, ends.localPort), direct: address(ends.direct),
            remote: address(ends.remote, ends.remotePort))
    }

    // MARK: Steps

    @Test func aPortIsAskedFirst() {
        let table = Self.table([
            Self.match { $0.destinations = [Self.range("10.0.0.1/32")] },
            Self.match { $0.destinationPort = 80 },
            Self.match {
                $0.destinationPort = 81
                $0.destinations = [Self.range("10.0.0.2/32")]
            },
        ])
        #expect(Self.choose(table, Ends()) == 1)
        #expect(Self.choose(table, Ends(localPort: 82)) == 0)
        #expect(Self.choose(table, Ends(local: "10.0.0.2", localPort: 81)) == 2)
        // Its port has chains, so that those without a port are left behind.
        #expect(Self.choose(table, Ends(localPort: 81)) == -1)
    }

    @Test func theNarrowestDestinationIsTaken() {
        let table = Self.table([
            Self.match { $0.destinations = [Self.range("10.0.0.0/8"), Self.range("2001:db8::/32")] },
            Self.match { $0.destinations = [Self.range("10.0.0.1/24")] },
            Self.match { $0.destinations = [Self.range("10.0.0.1/32"), Self.range("2001:db8::1/128")] },
            Self.match { $0.destinations = [Self.range("2001:db8:0:1::/64"), Self.range("2001:db8:0:1:8000::/65")] },
            FilterChainMatch(),
        ])
        #expect(Self.choose(table, Ends(local: "10.0.0.1")) == 2)
        #expect(Self.choose(table, Ends(local: "10.0.0.255")) == 1)
        #expect(Self.choose(table, Ends(local: "10.0.1.0")) == 0)
        #expect(Self.choose(table, Ends(local: "11.0.0.0")) == 4)
        #expect(Self.choose(table, Ends(local: "9.255.255.255")) == 4)
        #expect(Self.choose(table, Ends(local: "2001:db8::1")) == 2)
        #expect(Self.choose(table, Ends(local: "2001:db8::2")) == 0)
        #expect(Self.choose(table, Ends(local: "2001:db8:0:1::7")) == 3)
        #expect(Self.choose(table, Ends(local: "2001:db8:0:1:9000::7")) == 3)
        #expect(Self.choose(table, Ends(local: "2001:db9::")) == 4)
        // An IPv4 client of an IPv6 socket.
        #expect(Self.choose(table, Ends(local: "::ffff:10.0.0.1")) == 2)
    }

    @Test func rawBufferLeavesTheOthersBehind() {
        let table = Self.table([
            FilterChainMatch(),
            Self.match {
                $0.asksForRawBuffer = true
                $0.directSources = [Self.range("192.0.2.0/24")]
            },
        ])
        #expect(Self.choose(table, Ends()) == 1)
        #expect(Self.choose(table, Ends(direct: "192.0.3.1", remote: "192.0.3.1")) == -1)
    }

    @Test func directSourcesAreAskedBeforeTheClients() {
        let table = Self.table([
            Self.match { $0.directSources = [Self.range("192.0.2.1/32")] },
            Self.match { $0.sources = [Self.range("203.0.113.7/32")] },
            Self.match {
                $0.directSources = [Self.range("192.0.2.2/32")]
                $0.sources = [Self.range("203.0.113.0/24")]
            },
        ])
        #expect(Self.choose(table, Ends(remote: "203.0.113.7")) == 0)
        #expect(Self.choose(table, Ends(direct: "192.0.2.3", remote: "203.0.113.7")) == 1)
        #expect(Self.choose(table, Ends(direct: "192.0.2.2", remote: "203.0.113.7")) == 2)
        #expect(Self.choose(table, Ends(direct: "192.0.2.2", remote: "203.0.114.7")) == -1)
    }

    @Test func theSourceTypeIsAskedBeforeTheSource() {
        let table = Self.table([
            Self.match { $0.sourceType = .local },
            Self.match {
                $0.sourceType = .external
                $0.sources = [Self.range("192.0.2.0/24")]
            },
            Self.match { $0.sources = [Self.range("203.0.113.0/24")] },
        ])
        #expect(Self.choose(table, Ends(remote: "127.0.0.1")) == 0)
        #expect(Self.choose(table, Ends(remote: "::1")) == 0)
        #expect(Self.choose(table, Ends(remote: "10.0.0.1")) == 0)
        #expect(Self.choose(table, Ends(local: "::1", remote: "::1")) == 0)
        #expect(Self.choose(table, Ends(remote: "192.0.2.9")) == 1)
        // What is external has chains of its own.
        #expect(Self.choose(table, Ends(remote: "203.0.113.9")) == -1)
        #expect(Self.choose(table, Ends(remote: "127.0.0.2")) == -1)
        let withoutExternal = Self.table([Self.match { $0.sourceType = .local }, FilterChainMatch()])
        #expect(Self.choose(withoutExternal, Ends(remote: "127.0.0.2")) == 1)
    }

    @Test func thePortIsAskedLast() {
        let table = Self.table([
            Self.match { $0.sources = [Self.range("192.0.2.1/32")] },
            Self.match {
                $0.sources = [Self.range("192.0.2.1/32")]
                $0.sourcePorts = [4000, 1, 65535, 4000]
            },
            Self.match { $0.sourcePorts = [5000] },
        ])
        for port in [1, 4000, 65535] as [UInt16] { #expect(Self.choose(table, Ends(remotePort: port)) == 1) }
        #expect(Self.choose(table, Ends(remotePort: 5000)) == 0)
        #expect(Self.choose(table, Ends(remote: "192.0.2.2", remotePort: 5000)) == 2)
        #expect(Self.choose(table, Ends(remote: "192.0.2.2", remotePort: 4000)) == -1)
    }

    @Test func whatNothingTakesIsForTheDefault() {
        let matches = [Self.match { $0.destinationPort = 1 }]
        #expect(Self.choose(Self.table(matches, otherwise: 9), Ends()) == 9)
        #expect(Self.choose(Self.table(matches), Ends()) == -1)
    }

    /// No address of the internet protocol at all.
    @Test func unixSocketsAreLocalAndWithoutAddress() {
        let table = Self.table([
            Self.match {
                $0.sourceType = .local
                $0.sources = [Self.range("0.0.0.0/1")]
            },
            Self.match {
                $0.sourceType = .local
                $0.destinations = [Self.range("0.0.0.0/0")]
            },
        ])
        #expect(table.choose(local: PeerAddress(), direct: PeerAddress(), remote: PeerAddress()) == 1)
    }

    @Test func theKernelIsAskedOnlyWhereItMatters() {
        #expect(!Self.table([Self.match { $0.sources = [Self.range("10.0.0.0/8")] }]).readsLocal)
        #expect(!Self.table([Self.match { $0.directSources = [Self.range("10.0.0.0/8")] }]).readsLocal)
        #expect(Self.table([Self.match { $0.destinationPort = 1 }]).readsLocal)
        #expect(Self.table([Self.match { $0.destinations = [Self.range("10.0.0.0/8")] }]).readsLocal)
        #expect(Self.table([Self.match { $0.sourceType = .external }]).readsLocal)
    }

    // MARK: The rules, read plainly

    /// Of those that are left each step keeps those with the narrowest of what fits.
    private static func plainly(_ matches: [FilterChainMatch], _ ends: Ends) -> Int32 {
        var left = Array(matches.enumerated())
        func keep(_ rank: (FilterChainMatch) -> Int?) {
            let best = left.compactMap { rank($0.element) }.max()
            left = best.map { best in left.filter { rank($0.element) == best } } ?? []
        }
        func narrowest(_ ranges: [AddressRange], _ text: String) -> Int? {
            if ranges.isEmpty { return 0 }
            let bits = Self.bits(text)
            let fitting = ranges.filter { Self.bits($0).elementsEqual(bits.prefix(Int($0.length))) }
            return fitting.map { Int($0.length) }.max()
        }
        keep { $0.destinationPort == nil ? 0 : $0.destinationPort == ends.localPort ? 1 : nil }
        keep { narrowest($0.destinations, ends.local) }
        keep { $0.asksForRawBuffer ? 1 : 0 }
        keep { narrowest($0.directSources, ends.direct) }
        let isLocal = ends.remote == "127.0.0.1" || ends.remote == ends.local
        keep { $0.sourceType == .any ? 0 : $0.sourceType == (isLocal ? .local : .external) ? 1 : nil }
        keep { narrowest($0.sources, ends.remote) }
        keep { $0.sourcePorts.isEmpty ? 0 : $0.sourcePorts.contains(ends.remotePort) ? 1 : nil }
        return left.first.map { Int32($0.offset) } ?? -1
    }

    private static func bits(_ text: String) -> [Bool] {
        text.split(separator: ".").flatMap { part in (0..<8).map { (UInt8(part) ?? 0) & (0x80 >> UInt8($0)) != 0 } }
    }

    private static func bits(_ range: AddressRange) -> [Bool] {
        (0..<Int(range.length)).map { range.high & (1 << UInt64(63 - $0)) != 0 }
    }

    @Test func theTableSaysWhatTheRulesSay() {
        var generator = Lehmer(state: 20261128)
        let addresses = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.1.0.1", "127.0.0.1", "127.0.0.2", "11.0.0.1"]
        let ranges = ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.1/32", "127.0.0.0/8", "127.0.0.1/32"]
        var found = 0
        var missed = 0
        for _ in 0..<400 {
            func some(_ likely: Int) -> [AddressRange] {
                if generator.next(10) >= likely { return [] }
                return (0...generator.next(2)).map { _ in Self.range(ranges[generator.next(ranges.count)]) }
            }
            var matches: [FilterChainMatch] = []
            for _ in 0..<(1 + generator.next(12)) {
                var match = FilterChainMatch()
                if generator.next(3) == 0 { match.destinationPort = UInt16(80 + generator.next(2)) }
                match.destinations = some(4)
                match.asksForRawBuffer = generator.next(5) == 0
                match.directSources = some(3)
                match.sourceType = [.any, .local, .external][generator.next(3)]
                match.sources = some(4)
                if generator.next(3) == 0 { match.sourcePorts = [UInt16(4000 + generator.next(2))] }
                if !matches.contains(where: { $0.overlaps(match) }) { matches.append(match) }
            }
            let table = Self.table(matches)
            for _ in 0..<50 {
                let ends = Ends(
                    local: addresses[generator.next(addresses.count)], localPort: UInt16(80 + generator.next(3)),
                    direct: addresses[generator.next(addresses.count)],
                    remote: addresses[generator.next(addresses.count)], remotePort: UInt16(4000 + generator.next(3)))
                let expected = Self.plainly(matches, ends)
                if expected >= 0 { found += 1 } else { missed += 1 }
                #expect(Self.choose(table, ends) == expected, "\(matches) \(ends)")
            }
        }
        #expect(found > 1000 && missed > 1000)
    }

    /// The same numbers in every run.
    private struct Lehmer {
        var state: UInt64
        mutating func next(_ bound: Int) -> Int {
            state = state &* 48271 % 2_147_483_647
            return Int(state % UInt64(bound))
        }
    }
}
