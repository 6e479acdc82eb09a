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

    private static func locality(_ region: String) -> Locality {
        var place = Locality()
        place.region = region
        return place
    }

    private static let regions = cluster([]) {
        $0.weighsLocalities = true
        $0.groups = [("b", 2), ("a", 1), ("c", 0)].map {
            EndpointGroup(priority: 0, locality: locality($0.0), weight: $0.1)
        }
    }

    private static func places(_ selection: HostSelection?) -> [String] {
        selection?.levels.first?.places.map { "\($0.locality) \($0.weight) \($0.positions)" } ?? []
    }

    /// Localities have turns by weight, fewer where too few of their hosts are well; one without a weight has none.
    @Test func localitiesTakeTurns() {
        let well = Self.members((0, .healthy), (0, .healthy), (1, .healthy), (2, .healthy))
        #expect(Self.places(HostSpread.selection(Self.regions, well)) == ["1 1.0 [2]", "0 2.0 [0, 1]"])
        let half = Self.members((0, .healthy), (0, .failed), (1, .healthy), (2, .healthy))
        #expect(Self.places(HostSpread.selection(Self.regions, half)) == ["1 1.0 [2]", "0 1.4 [0]"])
        let rest = Self.members((0, .failed), (1, .failed), (2, .healthy), (2, .healthy), (2, .healthy))
        #expect(Self.places(HostSpread.selection(Self.regions, rest)) == ["0 1.0 [2, 3, 4]"])
        let panic = HostSpread.selection(Self.regions, Self.members((0, .failed), (1, .failed), (2, .healthy)))
        #expect(Self.places(panic) == ["0 1.0 [0, 1, 2]"] && panic?.levels.first?.isPanic == true)
    }

    /// In tables localities keep their part, be their hosts well or not.
    @Test func localitiesHaveParts() {
        var cluster = Self.regions
        cluster.balancing = .maglev(tableSize: 251)
        cluster.ownLocality = Self.locality("b")
        let half = Self.members((0, .healthy), (1, .failed), (1, .healthy), (2, .healthy))
        let found = HostSpread.selection(cluster, half)
        #expect(Self.places(found) == ["0 \(2.0 / 3) [0]", "1 \(1.0 / 3) [2]"])
        cluster.groups = cluster.groups.map { EndpointGroup(priority: 0, locality: $0.locality) }
        #expect(Self.places(HostSpread.selection(cluster, half)) == ["0 1.0 []"])
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
