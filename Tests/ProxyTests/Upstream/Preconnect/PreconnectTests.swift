import ProxyConfig
import Testing

@testable import Proxy

/// How many connections are made ahead, and for which hosts.
@Suite struct PreconnectTests {
    @Test func policies() {
        #expect(!CompiledPreconnect(nil).isOn && !CompiledPreconnect(PreconnectPolicy()).isOn)
        var policy = PreconnectPolicy()
        policy.perUpstream = 1.5
        #expect(CompiledPreconnect(policy).isOn && !CompiledPreconnect(policy).isPredictive)
        policy = PreconnectPolicy()
        policy.predictive = 1
        #expect(!CompiledPreconnect(policy).isOn)
        policy.predictive = 1.25
        #expect(CompiledPreconnect(policy).isOn && CompiledPreconnect(policy).isPredictive)
    }

    /// How many there are for so many requests, as the real Envoy counted them.
    @Test func counts() {
        let all: [(ratio: Float, expected: [UInt64])] = [
            (1, [1, 2, 3, 4]), (1.1, [2, 3, 4, 5]), (1.5, [2, 3, 5, 6]), (2.5, [3, 5, 8, 10]), (3, [3, 6, 9, 12]),
        ]
        for (ratio, expected) in all {
            var connections: UInt64 = 0
            for (i, count) in expected.enumerated() {
                while CompiledPreconnect.wantsMore(streams: UInt64(i + 1), connections: connections, ratio: ratio) {
                    connections += 1
                }
                #expect(connections == count)
            }
        }
    }

    @Test func hostsComeInTheirTurn() {
        var ahead = HostsAhead(capacity: 2)
        defer { ahead.free() }
        #expect(ahead.hasRoom && ahead.take() == -1)
        for round in 0..<3 as Range<Int32> {
            ahead.add(2 * round)
            ahead.add(2 * round + 1)
            #expect(!ahead.hasRoom && ahead.count == 2)
            // There is no room.
            ahead.add(99)
            #expect(ahead.take() == 2 * round && ahead.hasRoom)
            #expect(ahead.take() == 2 * round + 1 && ahead.take() == -1)
        }
        var none = HostsAhead()
        none.add(1)
        #expect(!none.hasRoom && none.take() == -1)
    }

    @Test func whoIsNotHealthyIsKnown() {
        var cluster = Cluster(name: "c", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
        let members = [HostState.healthy, .degraded, .failed].map { HostSpread.Member(state: $0) }
        #expect(HostSpread.selection(cluster, members)?.unwell == [])
        cluster.preconnect = PreconnectPolicy()
        #expect(HostSpread.selection(cluster, members)?.unwell == [1, 2])
    }
}
