import Testing
import ToolSupport

@testable import proxy_bench

/// How rounds become figures.
@Suite struct ResultsTests {
    private func cell(_ microseconds: Double, requests: Double = 1000, user: Double = 1, bytes: Double = 0)
        -> Results.Outcome
    {
        .cell(
            Cell(
                load: Load(requests: requests, bytesIn: bytes, seconds: 1), cpuNs: microseconds * 1000 * requests,
                userTicks: user, systemTicks: 3))
    }

    @Test func medians() {
        #expect(median([3, 1, 2]) == 2)
        #expect(median([4, 1, 2, 3]) == 2.5)
        #expect(median([]).isNaN)
        #expect(fixed(1.005, 1) == "1.0")
        #expect(fixed(-2.25, 0) == "-2")
        #expect(fixed(.nan, 2) == "–")
    }

    /// Rounds are compared with the rounds beside them, not medians with medians.
    @Test func ratioIsOfRounds() {
        var results = Results()
        for (mine, theirs) in [(10.0, 20.0), (100, 100), (30, 10)] {
            results.add("row", "envoyd", cell(mine))
            results.add("row", "nginx", cell(theirs))
        }
        #expect(results.ratio("row", "envoyd", to: "nginx") == 1)
        #expect(results.median(of: \.cpuPerRequest, "row", "envoyd") == 30)
        #expect(results.ratio("row", "envoyd", to: "relay") == nil)
    }

    @Test func bytesAreComparedByBytes() throws {
        var results = Results()
        results.units["row"] = .byte
        // As much CPU a request, but twice the bytes: a longer part of the last one came in time.
        results.add("row", "envoyd", cell(10, bytes: 2000))
        results.add("row", "nginx", cell(10, bytes: 1000))
        #expect(results.ratio("row", "envoyd", to: "nginx") == 0.5)
    }

    /// A failure in one round is one of the whole: no figure is made of the rest.
    @Test func aFailureLeavesNoFigure() {
        var results = Results()
        results.add("row", "envoyd", cell(10))
        results.add("row", "envoyd", .failed("it broke"))
        results.add("row", "nginx", cell(10))
        #expect(results.cells("row", "envoyd") == nil)
        #expect(results.ratio("row", "envoyd", to: "nginx") == nil)
        #expect(results.failures == ["row, envoyd: it broke"])
    }

    @Test func userTimeIsOfAllRounds() {
        var results = Results()
        results.add("row", "envoyd", cell(10, user: 0))
        results.add("row", "envoyd", cell(10, user: 2))
        // 2 of 8 ticks of 10 µs a request.
        #expect(results.userMicroseconds("row", "envoyd") == 2.5)
    }

    @Test func goals() {
        let most = Goal(title: "", limit: 1.05) { _ in nil }
        #expect(most.isMet(1.05))
        #expect(!most.isMet(1.06))
        #expect(most.limitText == "≤ 1.05 ×")
        let least = Goal(title: "", limit: 2, isFloor: true, unit: "µs") { _ in nil }
        #expect(least.isMet(2))
        #expect(!least.isMet(1.99))
        #expect(least.limitText == "≥ 2 µs")
    }

    /// The best of the three is the one that has the largest ratio to it.
    @Test func bestOfThree() throws {
        var results = Results()
        for (peer, cost) in [("envoyd", 9.0), ("nginx", 10), ("HAProxy", 20), ("Envoy", 40)] {
            results.add("new-connection", peer, cell(cost))
        }
        let goal = try #require(Goal.all.first { $0.title.hasPrefix("a new connection") })
        let value = try #require(goal.value(results))
        #expect(abs(value - 0.9) < 1e-9)
        #expect(goal.isMet(value))
    }

    /// Every listener has an address of its own.
    @Test func hosts() {
        #expect(Set((0..<10_000).map(Setup.host)).count == 10_000)
        #expect(Setup.host(9_999) == "127.1.39.250")
        #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
    }
}
