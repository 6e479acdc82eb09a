import Testing

@testable import Proxy

/// How much of the requests each priority gets.
@Suite struct PriorityLoadsTests {
    private static func members(_ hosts: Int, _ healthy: Int, _ degraded: Int = 0, _ excluded: Int = 0)
        -> PriorityLoads.Members
    {
        PriorityLoads.Members(hosts: hosts, healthy: healthy, degraded: degraded, excluded: excluded)
    }

    private static func loads(
        _ priorities: [PriorityLoads.Members], overprovisioning: UInt32 = 140, threshold: UInt32 = 50
    ) -> PriorityLoads {
        PriorityLoads(priorities, overprovisioning: overprovisioning, threshold: threshold)
    }

    @Test(
        arguments: [
            (2, 4, 0, 50, false), (1, 4, 0, 50, true), (0, 4, 0, 50, true), (0, 4, 0, 0, false),
            // Excluded hosts do not count.
            (1, 4, 2, 50, false),
            // With 72 % healthy nothing is amiss, whatever the threshold.
            (8, 10, 0, 90, false), (7, 10, 0, 90, true), (10, 10, 0, 100, false),
            // All excluded, or none there.
            (0, 2, 2, 50, true), (0, 2, 2, 0, false), (0, 0, 0, 50, true), (0, 0, 0, 0, false),
        ] as [(Int, Int, Int, UInt32, Bool)])
    func whenAllHostsAreUsed(healthy: Int, members: Int, excluded: Int, threshold: UInt32, expected: Bool) {
        let loads = Self.loads([Self.members(members, healthy, 0, excluded)], threshold: threshold)
        #expect(loads.isPanic == [expected])
    }

    @Test(
        arguments: [
            // All is well.
            ([(4, 4), (4, 4)], [100, 0]),
            // So much is spare that nothing is to be seen yet; then the next priority takes what is missing.
            ([(4, 3), (4, 4)], [100, 0]), ([(4, 2), (4, 4)], [70, 30]), ([(4, 1), (4, 4)], [35, 65]),
            ([(4, 0), (4, 4)], [0, 100]), ([(4, 0), (4, 2), (4, 4)], [0, 70, 30]),
            // Both together cannot take all: what they can is the measure.
            ([(5, 1), (5, 2)], [34, 66]), ([(10, 2), (10, 2)], [50, 50]),
            // Without hosts.
            ([(0, 0), (2, 2)], [0, 100]), ([(2, 1), (0, 0), (2, 2)], [70, 0, 30]),
        ] as [([(Int, Int)], [UInt32])])
    func loadGoesWhereHealthyHostsAre(priorities: [(Int, Int)], expected: [UInt32]) {
        let loads = Self.loads(priorities.map { Self.members($0.0, $0.1) }, threshold: 0)
        #expect(loads.healthy == expected && !loads.isPanic.contains(true))
        #expect(loads.degraded.allSatisfy { $0 == 0 })
    }

    /// The example in Envoy's own description.
    @Test func degradedHostsComeAfterHealthyOnes() {
        let loads = Self.loads(
            [Self.members(10, 1, 2), Self.members(10, 2, 1), Self.members(10, 1)], overprovisioning: 100, threshold: 0)
        #expect(loads.healthy == [16, 28, 14] && loads.degraded == [28, 14, 0])
        let spare = Self.loads([Self.members(2, 0, 2), Self.members(2, 2)])
        #expect(spare.healthy == [0, 100] && spare.degraded == [0, 0])
        let only = Self.loads([Self.members(2, 0, 1), Self.members(1, 0)])
        #expect(only.healthy == [0, 0] && only.degraded == [100, 0] && only.isPanic == [false, true])
    }

    /// A priority may be in panic while another is not; when all are, each gets as much as it has hosts.
    @Test func panic() {
        let one = Self.loads([Self.members(10, 4), Self.members(10, 1)])
        #expect(one.isPanic == [true, true] && one.healthy == [50, 50])
        let second = Self.loads([Self.members(10, 5), Self.members(10, 1)])
        #expect(second.isPanic == [false, true] && second.healthy == [84, 16])
        let counts = Self.loads([Self.members(1, 0), Self.members(2, 0), Self.members(0, 0)])
        #expect(counts.isPanic == [true, true, true] && counts.healthy == [34, 66, 0])
        // The others suffice.
        let none = Self.loads([Self.members(10, 1), Self.members(10, 10)])
        #expect(none.isPanic == [false, false] && none.healthy == [14, 86])
        let nobody = Self.loads([Self.members(0, 0), Self.members(0, 0)])
        #expect(nobody.healthy == [100, 0] && nobody.isPanic == [true, true])
    }
}
