import ProxyConfig
import Testing

@testable import Proxy

/// Which hosts are used, from their priorities and health.
@Suite struct HostSpreadTests {
    private static func cluster(_ priorities: [UInt32], _ change: (inout Cluster) -> Void = { _ in }) -> Cluster {
        var cluster = Cluster(name: "c", location: SourceLocation(file: "e.yaml", line: 1, column: 1))
        cluster.groups = priorities.map { EndpointGroup(priority: $0, locality: Locality()) }
        change(&cluster)
        return cluster
    }

    private static func members(_ states: (group: Int, state: HostState)...) -> [HostSpread.Member] {
        states.map { HostSpread.Member(group: $0.group, state: $0.state) }
    }

    private static func levels(_ selection: HostSelection?) -> [String] {
        selection?.levels.map { level in
            let kind = level.isPanic ? "panic" : level.isDegraded ? "degraded" : "healthy"
            return "\(level.priority) \(kind) \(level.load)% \(level.places.map(\.positions))"
        } ?? []
    }

    @Test func oneHealthyPriorityNeedsNothing() {
        #expect(HostSpread.selection(Self.cluster([0]), Self.members((0, .healthy), (0, .healthy))) == nil)
        #expect(HostSpread.selection(Self.cluster([]), Self.members((0, .healthy))) == nil)
        // Without hosts it is in panic, as in Envoy.
        #expect(HostSpread.selection(Self.cluster([]), []) == HostSelection(positions: [], isPanic: true))
        let some = HostSpread.selection(Self.cluster([0]), Self.members((0, .healthy), (0, .failed), (0, .healthy)))
        #expect(some == HostSelection(positions: [0, 2]))
    }

    @Test func prioritiesAreUsedOneAfterTheOther() {
        let cluster = Self.cluster([1, 0])
        let well = HostSpread.selection(cluster, Self.members((0, .healthy), (1, .healthy), (1, .healthy)))
        #expect(Self.levels(well) == ["0 healthy 100% [[1, 2]]"])
        let half = HostSpread.selection(cluster, Self.members((0, .healthy), (1, .healthy), (1, .failed)))
        #expect(Self.levels(half) == ["0 healthy 70% [[1]]", "1 healthy 30% [[0]]"])
        let none = HostSpread.selection(cluster, Self.members((0, .failed), (1, .failed), (1, .failed)))
        #expect(Self.levels(none) == ["0 panic 67% [[1, 2]]", "1 panic 33% [[0]]"])
        let degraded = HostSpread.selection(cluster, Self.members((0, .failed), (1, .degraded), (1, .failed)))
        #expect(Self.levels(degraded) == ["0 degraded 100% [[1]]"])
    }

    @Test func tablesAreMadeOfHealthyHostsOfAllPriorities() {
        let cluster = Self.cluster([0, 1]) { $0.balancing = .maglev(tableSize: 251) }
        let well = HostSpread.selection(cluster, Self.members((0, .healthy), (1, .healthy)))
        #expect(Self.levels(well) == ["0 healthy 100% [[0]]", "1 healthy 0% [[1]]"])
        let degraded = HostSpread.selection(cluster, Self.members((0, .degraded), (1, .failed)))
        #expect(Self.levels(degraded) == ["0 healthy 0% [[]]", "1 healthy 0% [[]]", "0 degraded 100% [[]]"])
    }

    @Test func panicMayFail() {
        let cluster = Self.cluster([0]) { $0.failsInPanic = true }
        let selection = HostSpread.selection(cluster, Self.members((0, .failed), (0, .failed), (0, .healthy)))
        #expect(selection == HostSelection(positions: [], isPanic: true))
        var never = cluster
        never.healthyPanicPercent = 0
        #expect(HostSpread.selection(never, Self.members((0, .failed))) == HostSelection(positions: []))
    }
}
