import Testing

@testable import Proxy

/// Whose turn it is among hosts of different weights.
@Suite struct WeightedScheduleTests {
    private static func turns(_ weights: [Double], _ count: Int, random: () -> Double) -> [Int32] {
        var schedule = WeightedSchedule(weights.enumerated().map { (Int32($0.offset), $0.element) }, random: random)
        defer { schedule.free() }
        return (0..<count).map { _ in
            let host = schedule.first
            #expect(schedule.first == host, "nobody else until it is charged")
            schedule.charge(weight: weights[Int(host)])
            return host
        }
    }

    @Test func turnsAreInProportion() {
        for seed in 0..<20 {
            var generator = Generator(state: UInt64(seed) + 1)
            let turns = Self.turns([1, 2, 3, 4, 90], 1000) { Double.random(in: 0..<1, using: &generator) }
            for (host, share) in [10, 20, 30, 40, 900].enumerated() {
                let had = turns.count { $0 == Int32(host) }
                #expect(abs(had - share) <= 1, "host \(host) had \(had) of 1000")
            }
        }
    }

    /// Not all at once: between two turns of a host there are as many others as its weight says.
    @Test func turnsAreSpread() {
        let turns = Self.turns([1, 3], 400) { 1 }
        let light = turns.indices.filter { turns[$0] == 0 }
        #expect(light.count == 100)
        // Who of two is first that are due at once is a matter of rounding.
        #expect(zip(light, light.dropFirst()).allSatisfy { (3...5).contains($1 - $0) })
    }

    /// Of those that are due at once the one that has waited longest.
    @Test func equalOnesAreServedInTurn() {
        #expect(Self.turns([1, 1, 1, 1], 12) { 1 } == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
    }

    /// A weight that changes counts from the next turn on.
    @Test func weightsMayChange() {
        var schedule = WeightedSchedule([(0, 1), (1, 1)], random: { 1 })
        defer { schedule.free() }
        var had = [0, 0]
        for _ in 0..<300 {
            let host = schedule.first
            had[Int(host)] += 1
            schedule.charge(weight: host == 0 ? 1 : 2)
        }
        #expect(abs(had[0] - 100) <= 1 && abs(had[1] - 200) <= 1, "\(had)")
    }

    @Test func nobodyIsThere() {
        var schedule = WeightedSchedule()
        #expect(schedule.isEmpty && schedule.first == -1)
        schedule.charge(weight: 1)
        schedule.free()
        #expect(schedule.first == -1)
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }
}
